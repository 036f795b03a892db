// The self-test of slots: programs that do not translate and deliver as they should are refused, and the slots that it
// was tried with are gone afterwards.

import test, { type ExecutionContext } from 'ava';
import { type Program, program } from '../../../src/asm/index.ts';
import { BpfMap, loadProgram } from '../../../src/loader/index.ts';
import { type Datapath, datapath } from '../../../src/nat/datapath/index.ts';
import type { Owned } from '../../../src/nat/instance/contents.ts';
import { InstanceError } from '../../../src/nat/instance/index.ts';
import { selfTest } from '../../../src/nat/instance/self-test.ts';
import type { Use } from '../../../src/nat/uses.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';

needsRootAndBpf(test);

const USES: readonly Use[] = ['addresses', 'slots', 'slots6'];

interface Options {
  readonly mss?: number;
  readonly uses?: readonly Use[];
}

/** The self-test of these programs on maps of their own; how many entries the maps of slots have then. */
function tested(t: ExecutionContext, spoilt: Partial<Datapath>, { mss, uses = USES }: Options = {}): number {
  const record = { link: 'ethernet', uses: new Set(uses), ...(mss !== undefined && { mss }) } as const;
  const made = { ...datapath({ unmapped: 'pass', capacity: 16, ...record }), ...spoilt };
  const maps = Object.fromEntries(
    Object.entries(made.maps).map(([name, definition]) => [name, BpfMap.create(definition)]),
  ) as unknown as Owned;
  const load = (one: Program) => loadProgram(one, maps);
  const programs = {
    outbound: load(made.outbound),
    inbound: load(made.inbound),
    slot: made.slot && load(made.slot),
  };
  t.teardown(() => {
    for (const one of [...Object.values(programs), ...Object.values(maps)]) one?.close();
  });
  try {
    selfTest('out0', programs, maps, [], record);
    return maps.slots.raw.elements().count + maps.slots6.raw.elements().count;
  } catch (error) {
    t.is(maps.slots.raw.elements().count + maps.slots6.raw.elements().count, 0);
    throw error;
  }
}

function refused(t: ExecutionContext, spoilt: Partial<Datapath>, expected: RegExp, options?: Options): void {
  const error = t.throws(() => tested(t, spoilt, options), { instanceOf: InstanceError });
  t.is(error?.code, 'ESELFTEST');
  t.regex(error?.message ?? '', expected);
}

test('programs as they should be leave nothing behind', (t) => {
  t.is(tested(t, {}), 0);
  t.is(tested(t, {}, { mss: 1300 }), 0);
  t.is(tested(t, {}, { uses: ['addresses', 'slots6'] }), 0);
});

test('a slot program that passes everything untouched', (t) => {
  const idle = program('sched_cls', 'tsnat_slot', (p) => p.next());
  refused(t, { slot: idle }, /an IPv4 tcp packet from a slot, .* became/);
});

test('an inbound program that knows no slots', (t) => {
  const { inbound } = datapath({ unmapped: 'pass', capacity: 16 });
  refused(t, { inbound }, /an IPv4 tcp packet for a slot, .* got the verdict/);
});

test('programs that know slots of the other family only', (t) => {
  const { inbound, slot } = datapath({
    unmapped: 'pass',
    capacity: 16,
    uses: new Set(['addresses', 'slots']),
  });
  refused(t, { inbound, slot: slot! }, /an IPv6 tcp packet from a slot/);
});

test('a slot program that clamps where none was asked for', (t) => {
  const { slot } = datapath({ unmapped: 'pass', capacity: 16, uses: new Set(USES), mss: 1300 });
  refused(t, { slot: slot! }, /an IPv4 tcp packet from a slot, .* became/);
});
