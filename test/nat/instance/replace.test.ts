import { existsSync } from 'node:fs';
import test from 'ava';
import { BpfMap, VerifierError } from '../../../src/loader/index.ts';
import { compareAddresses } from '../../../src/nat/address.ts';
import { attach, detach, openInstance } from '../../../src/nat/instance/index.ts';
import { formatMapping } from '../../../src/nat/mapping.ts';
import { instanceMaps } from '../../../src/nat/maps.ts';
import { EXIT, insn, LDX_DW, program } from '../../loader/support/programs.ts';
import { idsOf, many, mapped, site, standIns } from './support/site.ts';

/** As the datapath would: the mapping of `inside` has done so many packets. */
function count(
  root: string,
  map: 'outbound' | 'inbound',
  key: number,
  address: number,
  packets: bigint,
): void {
  using opened = BpfMap.openPin(`${root}/out0/maps/${map}`, instanceMaps()[map]);
  opened?.set(key, { address, reserved: 0, packets, bytes: packets * 100n }, 'exist');
}

const DROP = { outbound: 'drop', inbound: 'drop' } as const;
const [IN1, OUT1] = [0x0a00_0001, 0xcb00_7101];

for (const hook of ['tcx', 'clsact'] as const) {
  test(`${hook}: new programs, in the same place, the mappings and their counters as they were`, (t) => {
    const { context, netns, root, tcx, tc } = site(t);
    const first = attach({ interface: 'out0', netns, hook, unmapped: 'drop', mappings: many(3) }, context);
    count(root, 'outbound', 0x0a00_0000, 0x6440_0000, 7n);
    const place = () => tc('filter show dev out0 ingress').match(/pref \d+ bpf chain 0 handle \S+/)?.[0];
    const before = place();
    const second = attach({ interface: 'out0', netns, replace: true }, context);
    t.like(second, { hook, unmapped: DROP, healthy: true, problems: [], mappings: 3 });
    t.is(second.translated.outbound.packets, 7n);
    t.true(idsOf(second).every((id) => id > 0 && !idsOf(first).includes(id)));
    if (hook === 'tcx')
      t.deepEqual(
        [tcx('egress'), tcx('ingress')],
        idsOf(second).map((id) => [id]),
      );
    else {
      t.truthy(before);
      t.is(place(), before);
    }
    t.false(existsSync(`${root}/out0%new`));
    detach('out0', context);
    t.notRegex(tc('qdisc show dev out0'), /clsact/);
  });
}

test('with mappings given: what stays keeps its counters, the rest comes, goes or changes', (t) => {
  const { context, netns, root } = site(t);
  const first = mapped(
    '10.0.0.1=203.0.113.1',
    '10.0.0.2=203.0.113.2',
    '10.0.0.3=203.0.113.3',
    '10.0.0.4=203.0.113.4',
  );
  attach({ interface: 'out0', netns, mappings: first }, context);
  count(root, 'outbound', IN1, OUT1, 5n);
  count(root, 'inbound', OUT1, IN1, 6n);
  // 2 goes, 3 and 4 swap their outsides, 5 takes what was 2's.
  const second = mapped(
    '10.0.0.1=203.0.113.1',
    '10.0.0.3=203.0.113.4',
    '10.0.0.4=203.0.113.3',
    '10.0.0.5=203.0.113.2',
  );
  const status = attach(
    { interface: 'out0', netns, replace: true, mappings: second, unmapped: 'drop' },
    context,
  );
  t.like(status, { healthy: true, problems: [], mappings: 4, unmapped: DROP });
  using instance = openInstance('out0', context);
  const states = instance.listMappings().sort((a, b) => compareAddresses(a.mapping.inside, b.mapping.inside));
  t.deepEqual(
    states.map(({ mapping }) => formatMapping(mapping)),
    second.map(formatMapping),
  );
  t.deepEqual(
    states.map(({ outbound, inbound }) => [outbound.packets, inbound.packets]),
    [
      [5n, 6n],
      [0n, 0n],
      [0n, 0n],
      [0n, 0n],
    ],
  );
  t.is(attach({ interface: 'out0', netns, replace: true, mappings: [] }, context).mappings, 0);
});

test('a table too small for the old and the new at once is replaced all the same', (t) => {
  const { context, netns } = site(t);
  attach({ interface: 'out0', netns, capacity: 10, mappings: many(10) }, context);
  const status = attach({ interface: 'out0', netns, replace: true, mappings: many(10, 500) }, context);
  t.like(status, { healthy: true, mappings: 10 });
  t.throws(() => attach({ interface: 'out0', netns, replace: true, mappings: many(11) }, context), {
    code: 'EFULL',
  });
});

/** Fails at a chosen moment of the replacement. */
const FAILURES: readonly [string, (good: ReturnType<typeof standIns>) => ReturnType<typeof standIns>][] = [
  [
    'the verifier refuses a program',
    (good) => ({
      ...good,
      outbound: program('tsnat_egress', [...insn(LDX_DW, 0, 5, 0, 0), ...insn(EXIT, 0, 0, 0, 0)]),
    }),
  ],
  [
    'the second hook refuses its program',
    (good) => ({ ...good, outbound: { ...good.outbound, type: 'xdp' } }),
  ],
];

for (const hook of ['tcx', 'clsact'] as const) {
  for (const [what, spoil] of FAILURES) {
    test(`${hook}: ${what}: everything is as it was`, (t) => {
      const site_ = site(t);
      const { context, netns, root } = site_;
      const before = attach({ interface: 'out0', netns, hook, mappings: many(40), capacity: 45 }, context);
      count(root, 'outbound', 0x0a00_0000, 0x6440_0000, 9n);
      const broken = {
        ...context,
        datapath: (options: Parameters<typeof standIns>[0]) => spoil(standIns(options)),
      };
      // Once with room for both lists, once without.
      for (const mappings of [[...many(39), ...many(2, 700)], many(44, 700)]) {
        t.throws(() =>
          attach({ interface: 'out0', netns, replace: true, unmapped: 'drop', mappings }, broken),
        );
        using instance = openInstance('out0', context);
        const after = instance.status();
        t.deepEqual(after.problems, []);
        t.deepEqual(idsOf(after), idsOf(before));
        t.like(after, { unmapped: { outbound: 'pass', inbound: 'pass' }, mappings: 40 });
        t.is(after.translated.outbound.packets, 9n);
        t.deepEqual(
          instance
            .listMappings()
            .map(({ mapping }) => mapping.inside)
            .sort(),
          many(40).map(({ inside }) => inside),
        );
        t.false(existsSync(`${root}/out0%new`));
      }
    });
  }
}

test('a verifier refusal is what is thrown', (t) => {
  const { context, netns } = site(t);
  attach({ interface: 'out0', netns }, context);
  const broken = {
    ...context,
    datapath: (o: Parameters<typeof standIns>[0]) => FAILURES[0]![1](standIns(o)),
  };
  t.throws(() => attach({ interface: 'out0', netns, replace: true }, broken), { instanceOf: VerifierError });
});

test('another interface, hook, namespace or capacity is not replaced but refused', (t) => {
  const here = site(t);
  const there = site(t);
  const { context, netns } = here;
  attach({ interface: 'out0', netns, name: 'x', hook: 'tcx' }, context);
  const cases: [object, RegExp][] = [
    [
      { interface: 'out1' },
      /another interface: it has 'out0' \(index \d+\), not 'out1' \(index \d+\); 'tsnat detach x' first/,
    ],
    [{ hook: 'clsact' }, /another hook: it has tcx, not clsact/],
    [{ capacity: 7 }, /another capacity: it has 65536, not 7/],
    [{ netns: there.netns }, /another network namespace/],
  ];
  for (const [change, message] of cases) {
    t.throws(() => attach({ interface: 'out0', netns, name: 'x', replace: true, ...change }, context), {
      code: 'ECONFLICT',
      message,
    });
  }
});

test('replace takes the addresses that the interface has now', (t) => {
  const { context, netns, ip } = site(t);
  attach({ interface: 'out0', netns }, context);
  ip('addr add 198.51.100.1/24 dev out0');
  using instance = openInstance('out0', context);
  t.regex(
    instance.status().problems.join(),
    /addresses have changed.*'tsnat attach out0 --name out0 --replace' takes the new/,
  );
  t.true(attach({ interface: 'out0', netns, replace: true }, context).healthy);
});

test('replace with nothing attached attaches', (t) => {
  const { context, netns } = site(t);
  t.true(attach({ interface: 'out0', netns, replace: true }, context).healthy);
});
