// The emitted programs against their C twins by clang -O2, on the same packets: instructions executed, counted one by
// one, and time by BPF_PROG_TEST_RUN. Both run with the same tables, in which each address leads to another and back,
// so that a packet can be translated a million times over without being a different case the second time.

import type { Program } from '../src/asm/index.ts';
import { datapath } from '../src/nat/index.ts';
import { KernelMachine, type Programs } from '../test/nat/datapath/support/machine.ts';
import { TWIN_INTERFACE, twinPrograms } from '../test/nat/datapath/support/twin-machine.ts';
import { addressBytes } from '../test/support/twin.ts';
import { type Entries, type Executed, execute } from './executed.ts';
import { interleave, type Summary } from './measure.ts';
import { INSIDE, NEIGHBOUR, OUTSIDE, packets } from './packets.ts';
import type { Section } from './report.ts';

/** Of instructions; time wavers by more than that from run to run. */
const TARGET = 1;
const TIME_TARGET = 1.25;
const NOT_MAPPED = 'not mapped';
const RECORD_SIZE = 24;
const INTERFACE_SIZE = 432;
const OUTSIDES_AT = 136;

const DIRECTIONS = [
  { direction: 'outbound', side: 'egress' },
  { direction: 'inbound', side: 'ingress' },
] as const;

/** Both ways round: see the head of this file. */
const PAIRS: readonly (readonly [string, string])[] = [
  [INSIDE, OUTSIDE],
  [OUTSIDE, INSIDE],
  [NEIGHBOUR, '10.0.0.77'],
];

function entries(): Entries {
  const addresses = (['outbound', 'inbound'] as const).flatMap((map) =>
    PAIRS.map(([from, to]) => {
      const record = Buffer.alloc(RECORD_SIZE);
      record.set(addressBytes(to));
      return [map, Buffer.from(addressBytes(from)), record] as const;
    }),
  );
  const own = Buffer.alloc(INTERFACE_SIZE);
  own.set([...addressBytes('203.0.113.0'), ...addressBytes('255.255.255.0')], OUTSIDES_AT);
  return [...addresses, ['interface', Buffer.alloc(4), own]];
}

function inKernel(programs: Programs): KernelMachine {
  const machine = new KernelMachine(programs);
  for (const [map, key, value] of entries()) machine.tables[map]!.set(key, value);
  return machine;
}

interface Contestant {
  readonly programs: Programs;
  readonly machine: KernelMachine;
  /** What the map `interface` is called in the program. */
  readonly interfaceName: string;
}

async function contestants(): Promise<{ readonly ours: Contestant; readonly twin: Contestant }> {
  const { outbound, inbound, maps } = datapath({ unmapped: 'pass' });
  const ours = { outbound, inbound, maps: { ...maps } };
  const twin = await twinPrograms([]);
  return {
    ours: { programs: ours, machine: inKernel(ours), interfaceName: 'interface' },
    twin: { programs: twin, machine: inKernel(twin), interfaceName: TWIN_INTERFACE },
  };
}

interface Case {
  readonly side: 'egress' | 'ingress';
  readonly packet: string;
  readonly instructions: { readonly ours: number; readonly twin: number };
  readonly helpers: { readonly ours: number; readonly twin: number };
  readonly nanoseconds: { readonly ours: Summary; readonly twin: Summary };
}

/** @throws Error where the kernel makes something else of the frame than the interpreter */
function step(
  what: string,
  { programs, machine, interfaceName }: Contestant,
  way: Way,
  frame: Uint8Array,
): Executed {
  const program: Program = programs[way];
  const named = entries().map(
    ([map, key, value]) => [map === 'interface' ? interfaceName : map, key, value] as const,
  );
  const stepped = execute(program, named, frame);
  const ran = machine.run(way, frame);
  if (ran.returnValue !== stepped.returnValue || !Buffer.from(ran.frame).equals(stepped.packet)) {
    const [a, b] = [stepped.packet, ran.frame].map((bytes) => Buffer.from(bytes).toString('hex'));
    throw new Error(`${what}: stepped ${stepped.returnValue} ${a}, kernel ${ran.returnValue} ${b}`);
  }
  return stepped;
}

type Way = (typeof DIRECTIONS)[number]['direction'];

export async function programs(rounds: number, repeat: number): Promise<Section> {
  const { ours, twin } = await contestants();
  const cases: Case[] = [];
  for (const { direction, side } of DIRECTIONS) {
    for (const packet of packets()) {
      const frame = packet[side];
      if (frame === undefined) continue;
      const stepped = {
        ours: step(`emitted ${side}, ${packet.name}`, ours, direction, frame),
        twin: step(`twin ${side}, ${packet.name}`, twin, direction, frame),
      };
      if (!Buffer.from(stepped.ours.packet).equals(stepped.twin.packet)) {
        throw new Error(`${side}, ${packet.name}: emitted program and twin make different packets of it`);
      }
      const run = (one: Contestant) => () =>
        one.machine.programs[direction].testRun({ data: frame, repeat }).duration;
      const nanoseconds = await interleave(rounds, { ours: run(ours), twin: run(twin) });
      cases.push({
        side,
        packet: packet.name,
        instructions: { ours: stepped.ours.instructions, twin: stepped.twin.instructions },
        helpers: { ours: stepped.ours.helpers, twin: stepped.twin.helpers },
        nanoseconds,
      });
    }
  }
  return { title: 'Programs against C twins by clang -O2', rows: cases.flatMap(rowsOf), data: cases };
}

function rowsOf({ side, packet, instructions, helpers, nanoseconds }: Case): Section['rows'] {
  const executed = instructions.ours / instructions.twin;
  const { ours, twin } = nanoseconds;
  const spent = ours.median / twin.median;
  const goal = (ratio: number, target: number) =>
    packet === NOT_MAPPED ? {} : { target: `<= ${target}x`, reached: ratio <= target };
  return [
    {
      what: `${side}, ${packet}: instructions (helper calls)`,
      ours: `${instructions.ours} (${helpers.ours})`,
      peer: `${instructions.twin} (${helpers.twin})`,
      ratio: `${executed.toFixed(2)}x`,
      ...goal(executed, TARGET),
    },
    {
      what: `${side}, ${packet}: time`,
      ours: `${ours.median.toFixed(0)} ns`,
      peer: `${twin.median.toFixed(0)} ns`,
      ratio: `${spent.toFixed(2)}x`,
      ...goal(spent, TIME_TARGET),
    },
  ];
}
