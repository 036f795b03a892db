import test from 'ava';
import {
  attachMany,
  type BpfProgram,
  BulkError,
  type BulkOptions,
  detachMany,
  findClsact,
  type HookDirection,
  loadProgram,
  NetlinkSocket,
  queryXdp,
  swapMany,
  withNetns,
} from '../../../src/loader/index.ts';
import { TCX } from '../../support/tcx.ts';
import { crowd } from '../support/crowd.ts';
import { returning, TC_ACT_UNSPEC, XDP_PASS, xdpReturning } from '../support/programs.ts';
import { countDescriptors } from '../support/site.ts';

const tcProgram = (name: string) => loadProgram(returning(name, TC_ACT_UNSPEC), {});
const xdpProgram = (name: string) => loadProgram(xdpReturning(name, XDP_PASS), {});

type Sides = readonly HookDirection[];
const BOTH: Sides = ['ingress', 'egress'];
const WAYS: readonly (readonly [string, Omit<BulkOptions, 'interfaces' | 'programs'>, Sides, string])[] = [
  ['clsact', { hook: 'auto' }, BOTH, 'clsact'],
  ['clsact egress', { hook: 'clsact', priority: 9, handle: 3, chain: 2 }, ['egress'], 'clsact'],
  ['TCX links', { hook: 'tcx' }, BOTH, 'tcx'],
  ['TCX without links', { hook: 'tcx', link: false }, ['egress'], 'tcx'],
  ['XDP links', { hook: 'auto', mode: 'generic' }, ['ingress'], 'xdp'],
  ['XDP by netlink', { hook: 'xdp', link: false }, ['ingress'], 'xdp'],
];
const on = (sides: Sides, program: BpfProgram) => Object.fromEntries(sides.map((side) => [side, program]));

for (const [words, options, sides, hook] of WAYS) {
  if (hook === 'tcx' && !TCX) continue;
  test(`${words}: attach, swap and detach many`, (t) => {
    // More than one batch of clsact; TCX waits for a grace period at each.
    using site = crowd(hook === 'tcx' ? 12 : 150);
    const { names, name: netns, programsOf, indexOf, socket } = site;
    const make = hook === 'xdp' ? xdpProgram : tcProgram;
    using first = make('ldrb_first');
    using second = make('ldrb_second');
    const descriptors = countDescriptors();
    const interfaces = names.map((each, i) => (i % 2 === 0 ? each : indexOf(each)));
    const { attachments, failures } = attachMany({
      ...options,
      interfaces,
      netns,
      programs: on(sides, first),
    });
    t.deepEqual(failures, []);
    t.deepEqual(
      attachments.map(({ ifindex, direction }) => [ifindex, direction]),
      names.flatMap((each) => sides.map((side) => [indexOf(each), side])),
    );
    const expected = (program: BpfProgram) => sides.map(() => `${hook} ${program.info.id}`);
    for (const each of [names[0], names.at(-1)]) t.deepEqual(programsOf(each ?? ''), expected(first));
    const swapped = swapMany(attachments, second);
    for (const each of [names[0], names.at(-1)]) t.deepEqual(programsOf(each ?? ''), expected(second));
    t.deepEqual(detachMany(swapped), { detached: names.length * sides.length, failures: [] });
    for (const each of names) {
      t.deepEqual(programsOf(each), []);
      t.is(findClsact(socket, indexOf(each)), undefined);
    }
    const linked = swapped.some((each) => each.hook !== 'clsact' && each.link !== undefined);
    if (!linked) t.deepEqual(detachMany(swapped), { detached: 0, failures: [] });
    t.is(countDescriptors(), descriptors);
  });
}

test('what cannot be done is named, and all the rest undone', (t) => {
  using site = crowd(150);
  const { names, name: netns, tc, indexOf, socket, programsOf } = site;
  using program = tcProgram('ldrb_undo');
  tc('qdisc add dev v7 ingress');
  tc('qdisc add dev v8 clsact');
  const descriptors = countDescriptors();
  const gone = 4_000_000;
  const attachAll = (more: Partial<BulkOptions> = {}) =>
    attachMany({
      interfaces: names,
      netns,
      hook: 'clsact',
      programs: { ingress: program, egress: program },
      ...more,
    });
  const error = t.throws(() => attachAll(), { instanceOf: BulkError, code: 'EBUSY' });
  t.regex(
    error?.message ?? '',
    /^cannot attach to 1 of 150 interfaces \(nothing stays attached\): 'v7': .*'ingress'/,
  );
  t.deepEqual(
    error?.failures.map((failure) => failure.interface),
    ['v7'],
  );
  for (const each of names) {
    t.deepEqual(programsOf(each), []);
    t.is(findClsact(socket, indexOf(each)), { v7: 'ingress', v8: 'clsact' }[each]);
  }
  const many = t.throws(() => attachAll({ interfaces: [...names, 'absent', gone, 'absent2'] }), {
    instanceOf: BulkError,
    code: 'ENODEV',
  });
  t.regex(many?.message ?? '', /of 153 interfaces .*'absent': there is no interface/);
  t.is(findClsact(socket, indexOf('v0')), undefined);
  // Or keep what worked.
  const kept = attachAll({ interfaces: [...names, 'absent', gone], onFailure: 'keep' });
  t.deepEqual(
    kept.failures.map(({ interface: which, error: { code } }) => [which, code]),
    [
      ['absent', 'ENODEV'],
      ['v7', 'EBUSY'],
      [gone, 'ENODEV'],
    ],
  );
  t.is(kept.attachments.length, 2 * 149);
  t.deepEqual(programsOf('v149'), [`clsact ${program.info.id}`, `clsact ${program.info.id}`]);
  t.deepEqual(programsOf('v7'), []);
  t.deepEqual(detachMany(kept.attachments), { detached: 2 * 149, failures: [] });
  for (const each of names) t.is(findClsact(socket, indexOf(each)), { v7: 'ingress', v8: 'clsact' }[each]);
  t.is(countDescriptors(), descriptors);
  t.throws(() => attachAll({ interfaces: ['v0', 'v1', indexOf('v0')] }), {
    instanceOf: RangeError,
    message: /'v0' and '\d+' are the same/,
  });
});

test('an interface is not left with one side of two', (t) => {
  using site = crowd(3);
  const { names, name: netns, tc, programsOf, socket, indexOf } = site;
  using program = tcProgram('ldrb_half');
  const place = { priority: 49, handle: 5 };
  tc('qdisc add dev v1 clsact');
  tc('filter add dev v1 egress pref 49 handle 5 protocol all bpf bytecode 1,6_0_0_1');
  const options = { interfaces: names, netns, hook: 'clsact', ...place } as const;
  const kept = attachMany({ ...options, programs: { ingress: program, egress: program }, onFailure: 'keep' });
  t.deepEqual(
    kept.failures.map((failure) => [failure.interface, failure.error.code]),
    [['v1', 'EEXIST']],
  );
  t.deepEqual(programsOf('v1'), ['clsact undefined']);
  t.deepEqual(programsOf('v2'), [`clsact ${program.info.id}`, `clsact ${program.info.id}`]);
  t.is(detachMany(kept.attachments).detached, 4);
  t.throws(() => attachMany({ ...options, programs: { egress: program } }), { code: 'EEXIST' });
  t.deepEqual(
    names.map((each) => findClsact(socket, indexOf(each))),
    [undefined, 'clsact', undefined],
  );
  t.throws(() => attachMany({ ...options, programs: {} }), { instanceOf: TypeError });
});

test("somebody else's filters stay, and their qdisc", (t) => {
  using site = crowd(4);
  const { names, name: netns, tc, socket, indexOf } = site;
  using program = tcProgram('ldrb_others');
  tc('qdisc add dev v1 clsact');
  // On the very place that is tried first, and where the kernel would put the first filter.
  tc('filter add dev v1 ingress pref 49152 handle 1 protocol all bpf bytecode 1,6_0_0_1');
  tc('qdisc add dev v2 clsact');
  tc('filter add dev v2 ingress pref 49152 protocol ip u32 match ip dst 192.0.2.1 classid 1:1');
  const before = ['v1', 'v2'].map((each) => tc(`filter show dev ${each} ingress`));
  const { attachments } = attachMany({
    interfaces: names,
    netns,
    hook: 'clsact',
    programs: { ingress: program },
  });
  t.is(attachments.length, 4);
  // They put something on what we made.
  tc('filter add dev v3 egress pref 5 protocol ip bpf bytecode 1,6_0_0_1');
  t.deepEqual(detachMany(attachments), { detached: 4, failures: [] });
  t.deepEqual(
    ['v1', 'v2'].map((each) => tc(`filter show dev ${each} ingress`)),
    before,
  );
  t.deepEqual(
    names.map((each) => findClsact(socket, indexOf(each))),
    [undefined, 'clsact', 'clsact', 'clsact'],
  );
  t.regex(tc('filter show dev v3 egress'), /pref 5 bpf/);
});

test('an XDP driver that refuses: the others are undone, or it gets generic XDP', (t) => {
  using site = crowd(5);
  const { names, name: netns, ip, socket, indexOf } = site;
  ip('link set wv3 mtu 9000');
  using program = xdpProgram('ldrb_mtu');
  const options = { interfaces: names, netns, hook: 'xdp', programs: { ingress: program } } as const;
  for (const link of [true, false]) {
    const error = t.throws(() => attachMany({ ...options, link, mode: 'native' }), { code: 'ERANGE' });
    t.regex(error?.message ?? '', /1 of 5.*'v3'.*MTU is too large.*lower the MTU/);
    t.deepEqual(
      names.map((each) => queryXdp(socket, indexOf(each))),
      names.map(() => ({})),
    );
    const { attachments } = attachMany({ ...options, link });
    t.deepEqual(
      attachments.map((each) => (each.hook === 'xdp' ? each.mode : '')),
      ['native', 'native', 'native', 'generic', 'native'],
    );
    t.is(detachMany(attachments).detached, 5);
  }
});

test('a socket that cannot be trusted: nothing stays attached', (t) => {
  using site = crowd(3);
  const { names, name: netns, programsOf } = site;
  using program = tcProgram('ldrb_blind');
  const descriptors = countDescriptors();
  // Too small for any answer.
  using socket = withNetns(netns, () => new NetlinkSocket({ bufferSize: 20 }));
  t.throws(
    () => attachMany({ interfaces: names, netns, socket, hook: 'clsact', programs: { ingress: program } }),
    {
      code: 'ENETLINK',
      message: /a datagram of \d+ bytes, which is more than 20/,
    },
  );
  for (const each of names) t.deepEqual(programsOf(each), []);
  socket.close();
  t.is(countDescriptors(), descriptors);
});
