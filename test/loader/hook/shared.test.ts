import test from 'ava';
import {
  addFilter,
  attachShared,
  BulkError,
  detachShared,
  findClsact,
  findInterface,
  joinShared,
  listPrograms,
  loadProgram,
  NetlinkSocket,
  swapShared,
  withNetns,
} from '../../../src/loader/index.ts';
import { namespace } from '../support/namespace.ts';
import { returning, TC_ACT_UNSPEC } from '../support/programs.ts';
import { countDescriptors } from '../support/site.ts';

const load = (name: string) => loadProgram(returning(name, TC_ACT_UNSPEC), {});

function crowd() {
  const { name, ip, tc } = namespace('ldrh');
  const names = ['v0', 'v1', 'v2', 'v3'];
  for (const each of names) ip(`link add ${each} type veth peer name w${each}`);
  const socket = withNetns(name, () => new NetlinkSocket());
  const indexOf = (each: string) => findInterface(socket, each)?.index ?? 0;
  const programsOf = (each: string) =>
    listPrograms({ netns: name, interface: each }).map(
      ({ direction, programId }) => `${direction} ${programId}`,
    );
  const clsacts = () => names.map((each) => findClsact(socket, indexOf(each)));
  return {
    name,
    ip,
    tc,
    names,
    socket,
    indexOf,
    programsOf,
    clsacts,
    [Symbol.dispose]: () => socket.close(),
  };
}

test('one filter for all: attach, join, swap and detach, as tc sees it', (t) => {
  using site = crowd();
  const { name: netns, tc, ip, programsOf, socket, indexOf } = site;
  using inward = load('ldrh_in');
  using outward = load('ldrh_out');
  using newer = load('ldrh_new');
  const descriptors = countDescriptors();
  const interfaces = ['v0', 'v1'];
  let shared = attachShared({ interfaces, netns, programs: { ingress: inward, egress: outward } });
  const both = [`ingress ${inward.info.id}`, `egress ${outward.info.id}`];
  t.deepEqual(programsOf('v1'), both);
  t.regex(
    tc('qdisc show dev v0'),
    new RegExp(`clsact .*ingress_block ${shared.blocks.ingress} egress_block`),
  );
  t.regex(tc('filter show dev v0 ingress'), /filter block \d+ .*ldrh_in direct-action/);
  t.deepEqual(programsOf('v2'), []);
  shared = joinShared(shared, ['v2']);
  t.deepEqual(programsOf('v2'), both);
  shared = swapShared(shared, { ingress: newer });
  for (const each of ['v0', 'v1', 'v2']) {
    t.deepEqual(programsOf(each), [`ingress ${newer.info.id}`, `egress ${outward.info.id}`]);
  }
  // One of them goes by itself.
  ip('link del v1');
  t.true(detachShared(shared));
  t.deepEqual(programsOf('v0'), []);
  for (const each of ['v0', 'v2', 'v3']) t.is(findClsact(socket, indexOf(each)), undefined);
  t.false(detachShared(shared));
  t.throws(() => swapShared(shared, { ingress: inward }), { code: 'ENOENT' });
  t.is(countDescriptors(), descriptors);
});

test('an interface that has clsact already, or is not there: named, and nothing stays', (t) => {
  using site = crowd();
  const { name: netns, names, tc, clsacts, programsOf } = site;
  using program = load('ldrh_no');
  tc('qdisc add dev v2 clsact');
  const programs = { ingress: program };
  t.throws(() => attachShared({ interfaces: names, netns, programs }), {
    instanceOf: BulkError,
    code: 'EBUSY',
    message: /1 of 4 interfaces \(nothing stays attached\): 'v2': .*a qdisc 'clsact' takes its place/,
  });
  t.deepEqual(clsacts(), [undefined, undefined, 'clsact', undefined]);
  t.throws(() => attachShared({ interfaces: ['v0', 'absent'], netns, programs }), { code: 'ENODEV' });
  t.throws(() => attachShared({ interfaces: ['v0'], netns, programs: {} }), { instanceOf: TypeError });
  t.throws(() => attachShared({ interfaces: ['v0'], netns, programs, priority: 0 }), {
    instanceOf: RangeError,
  });
  t.deepEqual(clsacts(), [undefined, undefined, 'clsact', undefined]);
  const shared = attachShared({ interfaces: ['v0'], netns, programs });
  t.throws(() => joinShared(shared, ['v1', 'v2']), { instanceOf: BulkError, code: 'EBUSY' });
  t.deepEqual(programsOf('v0'), [`ingress ${program.info.id}`]);
  t.deepEqual(clsacts(), ['clsact', undefined, 'clsact', undefined]);
  t.true(detachShared(shared));
});

test("who shares cannot be given a filter alone, and somebody else's in the block keep the qdiscs", (t) => {
  using site = crowd();
  const { name: netns, socket, indexOf, tc, clsacts, programsOf } = site;
  using program = load('ldrh_mine');
  const shared = attachShared({ interfaces: ['v0', 'v1'], netns, programs: { ingress: program } });
  t.throws(() => addFilter(socket, indexOf('v0'), 'ingress', program), {
    code: 'EOPNOTSUPP',
    message: /filter block is shared/i,
  });
  tc(`filter add block ${shared.blocks.egress} pref 9 protocol all bpf bytecode 1,6_0_0_1`);
  t.true(detachShared(shared));
  t.deepEqual(clsacts(), ['clsact', 'clsact', undefined, undefined]);
  t.deepEqual(programsOf('v0'), ['egress undefined']);
});
