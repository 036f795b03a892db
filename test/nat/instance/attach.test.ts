import { statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { LoaderError, VerifierError } from '../../../src/loader/index.ts';
import {
  attach,
  detach,
  detachAll,
  InstanceError,
  listInstances,
  openInstance,
} from '../../../src/nat/instance/index.ts';
import { MappingError } from '../../../src/nat/mapping-error.ts';
import { instanceMaps } from '../../../src/nat/maps.ts';
import { json } from '../../loader/support/commands.ts';
import { EXIT, insn, LDX_DW, program } from '../../loader/support/programs.ts';
import { idsOf, many, mapped, site, standIns } from './support/site.ts';

const WHOLE = [
  'maps',
  ...[...Object.keys(instanceMaps()), 'instance', 'slot_program'].map((name) => `maps/${name}`),
  'progs',
  'progs/inbound',
  'progs/outbound',
  'progs/slot_entry',
];

for (const hook of ['tcx', 'clsact'] as const) {
  test(`${hook}: attach, look, detach: nothing is left`, async (t) => {
    const { context, netns, ifindex, tcx, tc, root, pins } = site(t);
    const mappings = mapped('10.0.0.1=203.0.113.1', '10.0.0.2=203.0.113.2');
    const status = attach(
      { interface: 'out0', netns, hook, unmapped: 'drop', capacity: 100, mappings },
      context,
    );
    t.like(status, {
      name: 'out0',
      interface: 'out0',
      ifindex,
      netns,
      hook,
      unmapped: { outbound: 'drop', inbound: 'drop' },
      healthy: true,
      problems: [],
      mappings: 2,
      capacity: 100,
    });
    const [outbound, inbound] = idsOf(status);
    if (hook === 'tcx') {
      t.deepEqual([tcx('egress'), tcx('ingress')], [[outbound], [inbound]]);
    } else {
      t.regex(tc('filter show dev out0 egress'), new RegExp(`tsnat_egress direct-action .* id ${outbound} `));
      t.regex(
        tc('filter show dev out0 ingress'),
        new RegExp(`tsnat_ingress direct-action .* id ${inbound} `),
      );
    }
    const expected =
      hook === 'tcx' ? ['links', 'links/inbound', 'links/outbound', ...WHOLE] : ['links', ...WHOLE];
    t.deepEqual(pins(), ['out0', ...expected.map((part) => `out0/${part}`)].sort());
    for (const folder of ['', '/maps', '/progs', '/links'])
      t.is(statSync(`${root}/out0${folder}`).mode & 0o777, 0o700);
    const shown = json('bpftool', '-j', 'prog', 'show', 'pinned', `${root}/out0/progs/inbound`);
    t.like(shown, { id: inbound, tag: status.programs.inbound?.tag, name: 'tsnat_ingress' });
    const [element] = json('bpftool', '-j', 'map', 'dump', 'pinned', `${root}/out0/maps/interface`);
    t.deepEqual(
      element.value.slice(0, 16),
      [2, 0, 0, 0, 0, 16, 0, 0, 192, 0, 2, 0, 255, 255, 255, 0].map(hex),
    );
    t.deepEqual(listInstances(context), ['out0']);
    t.throws(() => attach({ interface: 'out0', netns, hook }, context), {
      code: 'EEXIST',
      message: /^instance 'out0' is already attached to interface 'out0'.*--replace swaps it/,
    });
    detach('out0', context);
    t.deepEqual(pins(), []);
    t.deepEqual([tcx('egress'), tcx('ingress')], [[], []]);
    t.notRegex(tc('qdisc show dev out0'), /clsact/);
    // The kernel frees a filter's program a moment later.
    const left = () => json('bpftool', '-j', 'prog', 'show').some(({ id }: { id: number }) => id === inbound);
    for (let i = 0; i < 50 && left(); i++) await setTimeout(100);
    t.false(left());
    t.throws(() => detach('out0', context), {
      code: 'ENOENT',
      message: /^there is no instance 'out0'; nothing is attached/,
    });
  });
}

const hex = (byte: number) => `0x${byte.toString(16).padStart(2, '0')}`;

test('the real programs attach too', (t) => {
  const { context, netns } = site(t, 'real');
  const status = attach({ interface: 'out0', netns, mappings: mapped('10.0.0.1=192.0.2.7') }, context);
  t.true(status.healthy);
  detach('out0', context);
});

test('a foreign filter and its qdisc survive attach and detach', (t) => {
  const { context, netns, tc } = site(t);
  tc('qdisc add dev out0 clsact');
  tc('filter add dev out0 ingress pref 10 protocol ip u32 match ip dst 192.0.2.1 classid 1:1');
  tc('filter add dev out0 egress pref 50000 protocol ip bpf bytecode 1,6_0_0_1');
  const before = [tc('filter show dev out0 ingress'), tc('filter show dev out0 egress')];
  attach({ interface: 'out0', netns, hook: 'clsact' }, context);
  t.not(tc('filter show dev out0 ingress'), before[0]);
  detach('out0', context);
  t.deepEqual([tc('filter show dev out0 ingress'), tc('filter show dev out0 egress')], before);
  t.regex(tc('qdisc show dev out0'), /clsact/);
});

test('a qdisc that we made stays while somebody else uses it', (t) => {
  const { context, netns, tc } = site(t);
  attach({ interface: 'out0', netns, hook: 'clsact' }, context);
  tc('filter add dev out0 egress pref 9 protocol ip bpf bytecode 1,6_0_0_1');
  detach('out0', context);
  t.regex(tc('filter show dev out0 egress'), /pref 9 bpf/);
  t.notRegex(tc('filter show dev out0 egress'), /tsnat/);
});

test('two instances on one interface go their own ways', (t) => {
  const { context, netns, tc } = site(t);
  attach({ interface: 'out0', netns, hook: 'clsact', name: 'one' }, context);
  attach({ interface: 'out0', netns, hook: 'clsact', name: 'two.2' }, context);
  t.deepEqual(listInstances(context), ['one', 'two.2']);
  detach('one', context);
  using two = openInstance('two.2', context);
  t.true(two.status().healthy);
  t.is(tc('filter show dev out0 ingress').match(/direct-action/g)?.length, 1);
  t.deepEqual(detachAll(context), ['two.2']);
  t.notRegex(tc('qdisc show dev out0'), /clsact/);
});

test('bad input: one line, the right code, nothing left behind', (t) => {
  const { context, netns, pins, tc } = site(t);
  const refusals: [Parameters<typeof attach>[0], object][] = [
    [
      { interface: 'nope', netns },
      {
        code: 'ENODEV',
        message: new RegExp(`no interface 'nope' in network namespace '${netns}'; there is lo,.* out0`),
      },
    ],
    [
      { interface: 'out0', netns: 'tsi-nope' },
      { code: 'ENOENT', message: /no network namespace 'tsi-nope'/ },
    ],
    [{ interface: 'a/b', netns }, { instanceOf: RangeError }],
    [{ interface: 'out0', netns, name: 'a/b' }, { instanceOf: RangeError }],
    [{ interface: 'out0', netns, capacity: 0 }, { instanceOf: RangeError }],
    [
      { interface: 'out0', netns, mappings: many(3), capacity: 2 },
      { code: 'EFULL', message: /3 mappings do not fit into a capacity of 2: give --capacity 3/ },
    ],
    [
      { interface: 'out0', netns, mappings: mapped('10.0.0.1=192.0.2.7', '10.0.0.2=192.0.2.7') },
      { instanceOf: MappingError },
    ],
  ];
  for (const [options, expected] of refusals) {
    const error = t.throws(() => attach(options, context), expected);
    t.notRegex(error?.message ?? '', /\n/);
    t.deepEqual(pins(), []);
  }
  tc('qdisc add dev out0 ingress');
  t.throws(() => attach({ interface: 'out0', netns, hook: 'clsact' }, context), { code: 'EBUSY' });
  t.deepEqual(pins(), []);
  t.regex(tc('qdisc show dev out0'), /ingress/);
});

test('a program that the verifier refuses leaves everything as it was', (t) => {
  const broken = program('tsnat_ingress', [...insn(LDX_DW, 0, 5, 0, 0), ...insn(EXIT, 0, 0, 0, 0)]);
  const { context, netns, pins, tc } = site(t, (options) => ({ ...standIns(options), inbound: broken }));
  for (const hook of ['tcx', 'clsact'] as const) {
    t.throws(() => attach({ interface: 'out0', netns, hook }, context), { instanceOf: VerifierError });
    t.deepEqual(pins(), []);
    t.notRegex(tc('qdisc show dev out0'), /clsact/);
  }
});

test('a failure between the two sides takes the first one off again', (t) => {
  // An XDP program loads, but neither hook takes it: inbound is attached by then.
  for (const hook of ['tcx', 'clsact'] as const) {
    const { context, netns, pins, tc, tcx } = site(t, (options) => {
      const good = standIns(options);
      return { ...good, outbound: { ...good.outbound, type: 'xdp' } };
    });
    t.throws(() => attach({ interface: 'out0', netns, hook }, context), { instanceOf: LoaderError });
    t.deepEqual(pins(), [], hook);
    t.deepEqual([tcx('egress'), tcx('ingress')], [[], []]);
    t.notRegex(tc('qdisc show dev out0'), /clsact/);
  }
});

test('an interface with more subnets than ARP is answered in: said, not hidden', (t) => {
  const { context, netns, ip } = site(t);
  for (let i = 0; i < 17; i++) ip(`addr add 10.${i}.0.1/24 dev out0`);
  ip('addr add 10.99.0.1/32 dev out0');
  const status = attach({ interface: 'out0', netns }, context);
  t.false(status.healthy);
  t.regex(status.problems.join(), /2 subnets more than the 16/);
});

test('errors are ours', (t) => {
  const { context } = site(t);
  t.throws(() => openInstance('nope', context), { instanceOf: InstanceError, code: 'ENOENT' });
});
