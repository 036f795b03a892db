import test from 'ava';
import {
  addFilter,
  attach,
  deleteClsact,
  deleteFilter,
  detach,
  ensureClsact,
  findClsact,
  isFilterOf,
  listFilters,
  listPrograms,
  loadProgram,
  replaceFilter,
  swap,
} from '../../../src/loader/index.ts';
import { returning, TC_ACT_OK, TC_ACT_UNSPEC } from '../support/programs.ts';
import { site } from '../support/site.ts';

test('attach, swap in place and detach, as tc sees it; nothing is left', (t) => {
  using place = site('ldrt');
  const { name: netns, socket, ifindex, tc } = place;
  using first = loadProgram(returning('ldrt_first', TC_ACT_UNSPEC), {});
  using second = loadProgram(returning('ldrt_second', TC_ACT_OK), {});
  const make = (direction: 'ingress' | 'egress') =>
    attach({ netns, interface: 'out0', hook: 'clsact', direction, program: first });
  const [inbound, outbound] = [make('ingress'), make('egress')];
  t.true(inbound.madeQdisc);
  t.false(outbound.madeQdisc);
  t.true(inbound.place.priority > 0 && inbound.place.handle > 0);
  t.regex(tc('filter show dev out0 ingress'), /ldrt_first direct-action .*id \d+/);
  t.true(isFilterOf(socket, ifindex, inbound.place, first.info.id));
  const swapped = swap(inbound, second);
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
  t.throws(() => swap(inbound, first), { code: 'ENOENT', message: /removed or replaced by somebody else/ });
  t.false(detach({ ...inbound, madeQdisc: false }));
  t.is(listFilters(socket, ifindex, 'ingress').length, 1);
  t.true(detach(swapped));
  t.is(findClsact(socket, ifindex), 'clsact', 'the other filter is still on it');
  t.true(detach({ ...outbound, madeQdisc: true }));
  t.is(findClsact(socket, ifindex), undefined);
  t.notRegex(tc('qdisc show dev out0'), /clsact/);
});

test('a foreign filter on the same qdisc survives', (t) => {
  using place = site('ldrt');
  const { name: netns, socket, ifindex, tc } = place;
  tc('qdisc add dev out0 clsact');
  tc('filter add dev out0 ingress pref 10 protocol ip bpf bytecode 1,6_0_0_1');
  tc('filter add dev out0 ingress pref 20 protocol ip u32 match ip dst 192.0.2.1 classid 1:1');
  const before = tc('filter show dev out0 ingress');
  using program = loadProgram(returning('ldrt_ours', TC_ACT_UNSPEC), {});
  const attachment = attach({ netns, interface: 'out0', hook: 'clsact', program });
  t.false(attachment.madeQdisc);
  t.true(attachment.place.priority > 20, 'explicit priorities of others run first');
  const listed = listPrograms({ netns, interface: 'out0' });
  // u32 is listed with its hash table.
  const kinds = listed.map(({ kind, place: at }) => `${kind} ${at?.priority}`);
  t.deepEqual([...new Set(kinds)], ['bpf 10', 'u32 20', `bpf ${attachment.place.priority}`]);
  t.is(listed.at(-1)?.programId, program.info.id);
  t.true(detach({ ...attachment, madeQdisc: true }));
  t.is(tc('filter show dev out0 ingress'), before);
  t.is(findClsact(socket, ifindex), 'clsact');
});

test('priority, handle and chain as wished for', (t) => {
  using place = site('ldrt');
  const { name: netns, socket, ifindex, tc } = place;
  using program = loadProgram(returning('ldrt_wish', TC_ACT_UNSPEC), {});
  using second = loadProgram(returning('ldrt_wish2', TC_ACT_UNSPEC), {});
  const wish = { priority: 7, handle: 0x2a, chain: 5 };
  // A priority alone says which hook is meant.
  const attachment = attach({ netns, interface: 'out0', hook: 'auto', program, ...wish });
  if (attachment.hook !== 'clsact') throw new Error('unreachable');
  t.deepEqual(attachment.place, { direction: 'ingress', ...wish });
  t.regex(tc('filter show dev out0 ingress'), /pref 7 bpf chain 5 handle 0x2a ldrt_wish/);
  t.throws(() => attach({ netns, interface: 'out0', hook: 'clsact', program, ...wish }), { code: 'EEXIST' });
  t.like(listFilters(socket, ifindex, 'ingress')[0], wish);
  const now = swap(attachment, second);
  t.regex(tc('filter show dev out0 ingress'), /pref 7 bpf chain 5 handle 0x2a ldrt_wish2/);
  t.false(isFilterOf(socket, ifindex, { ...attachment.place, chain: 0 }, second.info.id));
  t.true(detach(now));
  t.is(findClsact(socket, ifindex), undefined);
  for (const wrong of [
    { priority: 0 },
    { priority: 65_536 },
    { handle: 0 },
    { chain: -1 },
    { priority: 1.5 },
  ]) {
    t.throws(() => attach({ netns, interface: 'out0', hook: 'clsact', program, ...wrong }), {
      instanceOf: RangeError,
    });
    t.is(findClsact(socket, ifindex), undefined);
  }
});

test('a place of zeros, which to the kernel means everything, is refused', (t) => {
  using place = site('ldrt');
  const { socket, ifindex, tc } = place;
  tc('qdisc add dev out0 clsact');
  tc('filter add dev out0 ingress pref 10 protocol ip bpf bytecode 1,6_0_0_1');
  using program = loadProgram(returning('ldrt_zero', TC_ACT_UNSPEC), {});
  const zeros = { direction: 'ingress', priority: 0, handle: 0 } as const;
  t.throws(() => deleteFilter(socket, ifindex, zeros), { instanceOf: RangeError });
  t.throws(() => deleteFilter(socket, ifindex, { ...zeros, priority: 10 }), { instanceOf: RangeError });
  t.throws(() => replaceFilter(socket, ifindex, zeros, program), { instanceOf: RangeError });
  // Parent 0 is the root qdisc.
  const nowhere = undefined as unknown as 'ingress';
  t.throws(() => addFilter(socket, ifindex, nowhere, program), { instanceOf: RangeError });
  t.throws(() => listFilters(socket, ifindex, nowhere), { instanceOf: RangeError });
  t.is(listFilters(socket, ifindex, 'ingress').length, 1);
});

test('what is not there is not replaced', (t) => {
  using place = site('ldrt');
  const { socket, ifindex } = place;
  using program = loadProgram(returning('ldrt_x', TC_ACT_UNSPEC), {});
  const where = { direction: 'ingress', priority: 7, handle: 1 } as const;
  t.true(ensureClsact(socket, ifindex));
  t.false(ensureClsact(socket, ifindex));
  t.throws(() => replaceFilter(socket, ifindex, where, program), { code: 'ENOENT' });
  t.true(deleteClsact(socket, ifindex));
  t.false(deleteClsact(socket, ifindex));
  t.throws(() => replaceFilter(socket, ifindex, where, program));
  t.throws(() => ensureClsact(socket, 4711), { code: 'ENODEV' });
});

test('an ingress qdisc serves for the ingress, and is explained for the egress', (t) => {
  using place = site('ldrt');
  const { name: netns, socket, ifindex, tc } = place;
  using program = loadProgram(returning('ldrt_half', TC_ACT_UNSPEC), {});
  tc('qdisc add dev out0 ingress');
  t.is(findClsact(socket, ifindex), 'ingress');
  const refused = {
    code: 'EBUSY',
    message: /a qdisc 'ingress', which has no egress, takes its place.*--hook tcx/,
  };
  t.throws(() => ensureClsact(socket, ifindex), refused);
  t.throws(() => attach({ netns, interface: 'out0', hook: 'clsact', direction: 'egress', program }), refused);
  const attachment = attach({ netns, interface: 'out0', hook: 'clsact', program });
  t.false(attachment.madeQdisc);
  t.regex(tc('filter show dev out0 ingress'), /ldrt_half direct-action/);
  t.deepEqual(listFilters(socket, ifindex, 'egress'), [], 'the kernel would show the ingress');
  t.deepEqual(
    listPrograms({ netns, interface: 'out0' }).map(({ direction }) => direction),
    ['ingress'],
  );
  t.true(detach(attachment));
  t.regex(tc('qdisc show dev out0'), /ingress/);
});
