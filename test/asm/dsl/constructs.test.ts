// What program bodies are written with, each construct run in the kernel on a packet, as TC and as XDP program.

import test from 'ava';
import {
  array,
  type Builder,
  be16,
  be32,
  bytes,
  defineGlobal,
  defineMap,
  defineRingBuffer,
  type MapSpec,
  program,
  struct,
  subprogram,
  type TcBuilder,
  u16,
  u32,
  u64,
  type Value,
  type XdpBuilder,
} from '../../../src/asm/index.ts';
import { BpfMap, loadProgram, RawMap } from '../../../src/loader/index.ts';

const RESULTS = 8;
const results = defineMap({ name: 'results', type: 'array', key: u32, value: u64, maxEntries: RESULTS });

/** Stores the results it is given in turn. */
type Report = (...values: Value<'u64' | 'u32' | 'u16' | 'u8'>[]) => void;
type Body = (p: TcBuilder | XdpBuilder, report: Report) => void;

/** Runs `body` as a program of either type on `packet` and gives the results it reported, and the packet behind it. */
function run(body: Body, maps: readonly MapSpec[] = [], packet: Uint8Array = new Uint8Array(64)) {
  return (['sched_cls', 'xdp'] as const).map((type) => {
    const built = program(type, `construct_${type.slice(0, 3)}`, (p) => {
      let index = 0;
      const report: Report = (...values) => {
        for (const value of values) {
          const place = p.lookup(results, index++, { orElse: () => p.exit(0) });
          place.set(value);
        }
      };
      body(p, report);
      p.exit(2);
    });
    using table = BpfMap.create(results);
    const others = maps.map((spec) => RawMap.create(spec));
    try {
      const named = Object.fromEntries(
        [table, ...others].map((map, i) => [[results, ...maps][i]!.name, map]),
      );
      using loaded = loadProgram(built, named);
      const { returnValue, data } = loaded.testRun({ data: packet });
      const values = Array.from({ length: RESULTS }, (_, i) => table.get(i) as bigint);
      return { returnValue, values, data };
    } finally {
      for (const map of others) map.close();
    }
  });
}

/** Both program types report `expected`. */
const reports = test.macro<[Body, readonly bigint[], (readonly MapSpec[])?, Uint8Array?]>(
  (t, body, expected, maps = [], packet = new Uint8Array(64)) => {
    for (const { returnValue, values } of run(body, maps, packet)) {
      t.is(returnValue, 2);
      t.deepEqual(values.slice(0, expected.length), [...expected]);
    }
  },
);

const sumTo = (p: Builder, times: number, leaveAt?: number): Value<'u64'> => {
  const sum = p.variable('u64', 0);
  p.loop(times, (i, stop) => {
    if (leaveAt !== undefined) p.when(i.eq(leaveAt), stop);
    sum.set(sum.add(i));
  });
  return sum.get();
};

test('a loop runs as often as it says', reports, (p, report) => report(sumTo(p, 10), sumTo(p, 1)), [45n, 0n]);
test('stop leaves a loop', reports, (p, report) => report(sumTo(p, 10, 7)), [21n]);
test(
  'loops nest, and values from outside live on in them',
  reports,
  (p, report) => {
    const outside = p.variable('u32', 3).get();
    const count = p.variable('u32', 0);
    p.loop(5, (i) => p.loop(4, (j) => p.when(i.ne(j), () => count.set(count.add(outside)))));
    report(count.get());
  },
  [48n],
);

const choose = (p: Builder, value: number): Value<'u32'> => {
  const chosen = p.variable('u32', 99);
  const subject = p.variable('u32', value);
  p.match(
    subject,
    [
      [6, () => chosen.set(1)],
      [17, () => chosen.set(2)],
    ],
    () => chosen.set(3),
  );
  return chosen.get();
};

test(
  'match takes the first case that equals',
  reports,
  (p, report) => report(choose(p, 6), choose(p, 17), choose(p, 1)),
  [1n, 2n, 3n],
);
test(
  'match without otherwise goes on',
  reports,
  (p, report) => {
    const seen = p.variable('u32', 7);
    p.match(p.constant('be16', 0x0800), [[0x86dd, () => seen.set(1)]]);
    report(seen.get());
  },
  [7n],
);

const distance = subprogram('distance', { a: 'u32', b: 'u32' }, 'u32', (p, { a, b }) => {
  p.when(a.gt(b), () => p.exit(a.sub(b)));
  p.exit(b.sub(a));
});
const doubled = subprogram('doubled_distance', { a: 'u32', b: 'u32' }, 'u32', (p, { a, b }) => {
  p.exit(p.invoke(distance, { a, b }).add(p.invoke(distance, { a: b, b: a })));
});

test(
  'subprograms take arguments and give a result, also from each other',
  reports,
  (p, report) => {
    const nine = p.variable('u32', 9).get();
    report(
      p.invoke(distance, { a: 5, b: nine }),
      p.invoke(distance, { a: nine, b: 5 }),
      p.invoke(doubled, { a: 1, b: nine }),
    );
  },
  [4n, 4n, 16n],
);

const flow = struct('flow', { address: be32, port: be16, zone: u16 });
const flows = defineMap({
  name: 'flows',
  type: 'hash',
  key: flow,
  value: struct('hits', { n: u64 }),
  maxEntries: 4,
});
const flowKey = { address: 0x0a00_0001, port: 80, zone: 3 };

test(
  'struct keys: update, look-up, removal',
  reports,
  (p, report) => {
    p.update(flows, flowKey, { n: 77 });
    const again = p.update(flows, flowKey, { n: 78 }, 'noexist');
    const refused = p.variable('u32', 0);
    p.when(again.isNegative(), () => refused.set(1));
    report(p.lookup(flows, flowKey, { orElse: () => p.exit(0) }).n.get(), refused.get());
    p.remove(flows, flowKey);
    const gone = p.variable('u32', 0);
    p.when(p.lookup(flows, flowKey).missing(), () => gone.set(1));
    report(gone.get());
  },
  [77n, 1n, 1n],
  [flows],
);

const shared = struct('shared', { count: u64, mac: bytes(6), pad: bytes(2), numbers: array(u32, 3) });
const global = defineGlobal({
  name: 'shared',
  value: shared,
  initial: { count: 40n, mac: new Uint8Array(6), pad: new Uint8Array(2), numbers: [1, 2, 3] },
});

test(
  'global data starts as declared and is written in place',
  reports,
  (p, report) => {
    const data = p.data(global);
    data.count.increase(2);
    data.numbers.at(2).set(9);
    const sum = data.numbers.map((number) => number.get()).reduce((a, b) => a.add(b));
    report(data.count.get(), sum);
  },
  [42n, 12n],
  [global],
);

const events = defineRingBuffer({ name: 'events', event: struct('event', { a: u32, b: be32 }), size: 4096 });

test(
  'events go into a ring buffer until it is full',
  reports,
  (p, report) => {
    const written = p.variable('u32', 0);
    p.loop(400, (i) => {
      const result = p.output(events, { a: i, b: 0x0102_0304 });
      p.when(result.eq(0), () => written.set(written.add(1)));
    });
    report(written.get());
  },
  // 16 bytes each, 8 of them the record's header: a record may not fill the last byte (kernel/bpf/ringbuf.c).
  [255n],
  [events],
);

const header = struct('header', { length: u16, kind: be16 });
const variablePacket = Uint8Array.from({ length: 64 }, (_, i) => i);

test(
  'a header at an offset that is only known at run time',
  reports,
  (p, report) => {
    const [first] = p.packet.read([struct('first', { at: bytes(20), offset: u16 })], {
      orElse: () => p.exit(0),
    });
    const at = first.offset.and(0x1f);
    const [found] = p.packet.read([header], { at, atMost: 0x1f, orElse: () => p.exit(0) });
    report(found.kind.toHost());
    const copied = p.packet.copy(header, at, { orElse: () => p.exit(0) });
    report(copied.kind.toHost());
  },
  // Bytes 20 and 21 are 20 and 21: the offset is 0x1514 & 0x1f = 20, the kind stands at 22.
  [0x1617n, 0x1617n],
  [],
  variablePacket,
);

test('what is read beyond the packet takes orElse', (t) => {
  const large = struct('large', { all: bytes(100) });
  const seen = run((p) => {
    p.packet.read([large], { orElse: () => p.exit(77) });
  });
  t.deepEqual(
    seen.map(({ returnValue }) => returnValue),
    [77, 77],
  );
});

test('a store through the stack lands in the packet', (t) => {
  for (const { data } of run((p) => p.packet.store('be32', 40, 0x0102_0304))) {
    t.deepEqual([...data.subarray(38, 46)], [0, 0, 1, 2, 3, 4, 0, 0]);
  }
});
