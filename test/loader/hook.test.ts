import { mkdirSync, rmSync } from 'node:fs';
import test from 'ava';
import {
  attach,
  BpfLink,
  BpfProgram,
  deleteClsact,
  detach,
  ensureClsact,
  findBpffs,
  findClsact,
  findInterface,
  hasTcx,
  isFilterOf,
  listFilters,
  loadProgram,
  NetlinkSocket,
  queryTcx,
  replaceFilter,
  swap,
  withNetns,
} from '../../src/loader/index.ts';
import { json } from './support/commands.ts';
import { namespace } from './support/namespace.ts';
import { returning, TC_ACT_OK, TC_ACT_UNSPEC } from './support/programs.ts';

function setUp() {
  const { name, ip, tc } = namespace('ldrt');
  ip('link add out0 type veth peer name out1');
  ip('link set out0 up');
  ip('link set out1 up');
  const socket = withNetns(name, () => new NetlinkSocket());
  const ifindex = findInterface(socket, 'out0')?.index ?? 0;
  // The kernel looks an interface up where the calling thread is.
  const within = <T>(run: () => T) => withNetns(name, run);
  return { name, ip, tc, socket, ifindex, within };
}

test('TCX: probe, attach, swap, pin, detach', (t) => {
  const { socket, ifindex, within, name } = setUp();
  const folder = `${findBpffs()}/ldrt_${process.pid}`;
  using first = loadProgram(returning('ldrt_first', TC_ACT_UNSPEC), {});
  using second = loadProgram(returning('ldrt_second', TC_ACT_OK), {});
  t.true(within(() => hasTcx(ifindex)));
  t.throws(() => within(() => hasTcx(4711)), { code: 'ENODEV' });
  const attachment = within(() =>
    attach(socket, { hook: 'tcx', direction: 'ingress', ifindex, program: first }),
  );
  const ids = () => within(() => queryTcx(ifindex, 'ingress'));
  t.deepEqual(ids(), [first.info.id]);
  t.deepEqual(
    within(() => queryTcx(ifindex, 'egress')),
    [],
  );
  within(() => swap(socket, attachment, second));
  t.deepEqual(ids(), [second.info.id]);
  mkdirSync(folder, { mode: 0o700 });
  try {
    if (attachment.hook !== 'tcx') throw new Error('unreachable');
    attachment.link.pin(`${folder}/link`);
    attachment.link.close();
    t.deepEqual(ids(), [second.info.id]);
    t.throws(() => BpfProgram.openPin(`${folder}/link`), { code: 'EKIND' });
    using link = BpfLink.openPin(`${folder}/link`);
    t.like(link?.info, { ifindex, programId: second.info.id });
    const shown = json('bpftool', '-j', 'link', 'show', 'id', String(link?.info.id));
    t.is(shown.prog_id, second.info.id);
    t.throws(() => link?.update(second, first), { code: 'EPERM' });
    if (link !== undefined) t.true(detach(socket, { ...attachment, link }, second.info.id));
    t.deepEqual(ids(), []);
    t.is(link?.info.ifindex, 0);
    t.is(BpfLink.openPin(`${folder}/absent`), undefined);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  t.truthy(name);
  socket.close();
});

test('a link that nobody holds comes off by itself', (t) => {
  const { socket, ifindex, within } = setUp();
  using program = loadProgram(returning('ldrt_gone', TC_ACT_UNSPEC), {});
  const attachment = within(() => attach(socket, { hook: 'tcx', direction: 'egress', ifindex, program }));
  if (attachment.hook === 'tcx') attachment.link.close();
  t.deepEqual(
    within(() => queryTcx(ifindex, 'egress')),
    [],
  );
  socket.close();
});

test('clsact: attach, swap in place and detach, as tc sees it; nothing is left', (t) => {
  const { socket, ifindex, within, tc } = setUp();
  using first = loadProgram(returning('ldrt_first', TC_ACT_UNSPEC), {});
  using second = loadProgram(returning('ldrt_second', TC_ACT_OK), {});
  const make = (direction: 'ingress' | 'egress') =>
    within(() => attach(socket, { hook: 'clsact', direction, ifindex, program: first }));
  const [inbound, outbound] = [make('ingress'), make('egress')];
  if (inbound.hook !== 'clsact' || outbound.hook !== 'clsact') throw new Error('unreachable');
  t.true(inbound.madeQdisc);
  t.false(outbound.madeQdisc);
  t.true(inbound.place.priority > 0 && inbound.place.handle > 0);
  t.regex(tc('filter show dev out0 ingress'), /ldrt_first direct-action .*id \d+/);
  t.true(isFilterOf(socket, ifindex, inbound.place, first.info.id));
  swap(socket, inbound, second);
  const filters = listFilters(socket, ifindex, 'ingress');
  t.is(filters.length, 1);
  t.like(filters[0], {
    ...inbound.place,
    kind: 'bpf',
    programId: second.info.id,
    name: 'ldrt_second',
    protocol: 3,
  });
  const shown = tc('filter show dev out0 ingress');
  t.regex(shown, /pref (\d+) bpf .*ldrt_second direct-action/);
  t.notRegex(shown, /ldrt_first/);
  // Ours by place, but not by program: left alone.
  t.false(detach(socket, { ...inbound, madeQdisc: false }, first.info.id));
  t.is(listFilters(socket, ifindex, 'ingress').length, 1);
  t.true(detach(socket, inbound, second.info.id));
  t.is(findClsact(socket, ifindex), 'clsact', 'the other filter is still on it');
  t.true(detach(socket, { ...outbound, madeQdisc: true }, first.info.id));
  t.is(findClsact(socket, ifindex), undefined);
  t.notRegex(tc('qdisc show dev out0'), /clsact/);
  socket.close();
});

test('a foreign filter on the same qdisc survives', (t) => {
  const { socket, ifindex, within, tc } = setUp();
  tc('qdisc add dev out0 clsact');
  tc('filter add dev out0 ingress pref 10 protocol ip bpf bytecode 1,6_0_0_1');
  tc('filter add dev out0 ingress pref 20 protocol ip u32 match ip dst 192.0.2.1 classid 1:1');
  const before = tc('filter show dev out0 ingress');
  using program = loadProgram(returning('ldrt_ours', TC_ACT_UNSPEC), {});
  const attachment = within(() => attach(socket, { hook: 'clsact', direction: 'ingress', ifindex, program }));
  if (attachment.hook !== 'clsact') throw new Error('unreachable');
  t.false(attachment.madeQdisc);
  t.true(attachment.place.priority > 20, 'explicit priorities of others run first');
  t.true(detach(socket, { ...attachment, madeQdisc: true }, program.info.id));
  t.is(tc('filter show dev out0 ingress'), before);
  t.is(findClsact(socket, ifindex), 'clsact');
  socket.close();
});

test('what is not there is not replaced, and what is in the way is named', (t) => {
  const { socket, ifindex, tc } = setUp();
  using program = loadProgram(returning('ldrt_x', TC_ACT_UNSPEC), {});
  const place = { direction: 'ingress', priority: 7, handle: 1 } as const;
  t.true(ensureClsact(socket, ifindex));
  t.false(ensureClsact(socket, ifindex));
  t.throws(() => replaceFilter(socket, ifindex, place, program), { code: 'ENOENT' });
  t.true(deleteClsact(socket, ifindex));
  t.false(deleteClsact(socket, ifindex));
  t.throws(() => replaceFilter(socket, ifindex, place, program));
  tc('qdisc add dev out0 ingress');
  t.is(findClsact(socket, ifindex), 'ingress');
  t.throws(() => ensureClsact(socket, ifindex), {
    code: 'EBUSY',
    message: /a qdisc 'ingress' takes its place.*--hook tcx/,
  });
  t.regex(tc('qdisc show dev out0'), /ingress/);
  t.throws(() => ensureClsact(socket, 4711), { code: 'ENODEV' });
  socket.close();
});
