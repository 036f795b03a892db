// The emitted programs against their C twins by clang -O2, on the same packets: instructions executed, counted one by
// one, and time by BPF_PROG_TEST_RUN. Both run with the same tables, in which each address leads to another and back,
// so that a packet can be translated a million times over without being a different case the second time.

import { join } from 'node:path';
import type { Program } from '../src/asm/index.ts';
import { BpfMap, BpfProgram, loadProgram } from '../src/loader/index.ts';
import { datapath, parseIpv4 } from '../src/nat/index.ts';
import { BPF_FS, uniqueName } from '../test/support/registry.ts';
import { addressBytes, loadTwin, twinObjects } from '../test/support/twin.ts';
import { type Code, type Execution, execute, type MapModel } from './interpreter.ts';
import { interleave, type Summary } from './measure.ts';
import { codeOf } from './object.ts';
import { INSIDE, OUTSIDE, packets } from './packets.ts';
import type { Section } from './report.ts';

const TARGET = 1.25;
const NOT_MAPPED = 'not mapped';
const REASON_COUNTERS = 12;
const RECORD_SIZE = 24;
/** Both ways round: see the head of this file. */
const PAIRS: readonly (readonly [string, string])[] = [
  [INSIDE, OUTSIDE],
  [OUTSIDE, INSIDE],
];

const DIRECTIONS = [
  { direction: 'outbound', side: 'egress' },
  { direction: 'inbound', side: 'ingress' },
] as const;

function models(): Record<string, MapModel> {
  const table = (): MapModel => ({
    keySize: 4,
    entries: new Map(
      PAIRS.map(([from, to]) => {
        const record = Buffer.alloc(RECORD_SIZE);
        record.set(addressBytes(to));
        return [Buffer.from(addressBytes(from)).toString('hex'), record];
      }),
    ),
  });
  const reasons = Array.from({ length: REASON_COUNTERS }, (_, index) => {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(index);
    return [key.toString('hex'), Buffer.alloc(8)] as const;
  });
  return {
    outbound: table(),
    inbound: table(),
    reasons: { keySize: 4, entries: new Map(reasons) },
    interface: { keySize: 4, entries: new Map([['00000000', Buffer.alloc(136)]]) },
  };
}

const codeOfProgram = ({ code, relocations }: Program): Code => ({
  code,
  maps: new Map(relocations.map(({ index, map }) => [index, map.name])),
});

interface Pair {
  readonly ours: BpfProgram;
  readonly twin: BpfProgram;
}

/** Both kinds of program in the kernel, with equal tables. */
async function loadBoth(): Promise<Readonly<Record<'egress' | 'ingress', Pair>> & { close(): void }> {
  const { outbound, inbound, maps: definitions } = datapath({ unmapped: 'pass' });
  const maps = {
    outbound: BpfMap.create(definitions.outbound),
    inbound: BpfMap.create(definitions.inbound),
    reasons: BpfMap.create(definitions.reasons),
    interface: BpfMap.create(definitions.interface),
  };
  for (const [from, to] of PAIRS) {
    const record = { address: parseIpv4(to), reserved: 0, packets: 0n, bytes: 0n };
    maps.outbound.set(parseIpv4(from), record);
    maps.inbound.set(parseIpv4(from), record);
  }
  const folder = join(BPF_FS, uniqueName('bench'));
  await loadTwin(folder, PAIRS);
  const open = (name: string): BpfProgram => {
    const program = BpfProgram.openPin(join(folder, name));
    if (!program) throw new Error(`${folder}/${name} is not pinned`);
    return program;
  };
  const programs = [
    loadProgram(outbound, maps),
    loadProgram(inbound, maps),
    open('egress'),
    open('ingress'),
  ] as const;
  return {
    egress: { ours: programs[0], twin: programs[2] },
    ingress: { ours: programs[1], twin: programs[3] },
    close() {
      for (const program of programs) program.close();
      for (const map of Object.values(maps)) map.close();
    },
  };
}

interface Case {
  readonly side: 'egress' | 'ingress';
  readonly packet: string;
  readonly instructions: { readonly ours: number; readonly twin: number };
  readonly helpers: { readonly ours: number; readonly twin: number };
  readonly nanoseconds: { readonly ours: Summary; readonly twin: Summary };
}

/** The stepped run has to be what the kernel does, or its count is worth nothing. */
function agree(what: string, stepped: Execution, program: BpfProgram, frame: Buffer): void {
  const ran = program.testRun({ data: frame });
  if (ran.returnValue !== stepped.result || !stepped.packet.equals(ran.data)) {
    const [a, b] = [stepped.packet.toString('hex'), Buffer.from(ran.data).toString('hex')];
    throw new Error(`${what}: stepped ${stepped.result} ${a}, kernel ${ran.returnValue} ${b}`);
  }
}

export async function programs(rounds: number, repeat: number): Promise<Section> {
  const emitted = datapath({ unmapped: 'pass' });
  const objects = await twinObjects();
  const loaded = await loadBoth();
  const cases: Case[] = [];
  try {
    for (const { direction, side } of DIRECTIONS) {
      const codes = { ours: codeOfProgram(emitted[direction]), twin: await codeOf(objects[side]) };
      for (const packet of packets()) {
        const frame = packet[side];
        const stepped = {
          ours: execute(codes.ours, frame, models()),
          twin: execute(codes.twin, frame, models()),
        };
        agree(`emitted ${side}, ${packet.name}`, stepped.ours, loaded[side].ours, frame);
        agree(`twin ${side}, ${packet.name}`, stepped.twin, loaded[side].twin, frame);
        if (!stepped.ours.packet.equals(stepped.twin.packet)) {
          throw new Error(`${side}, ${packet.name}: emitted program and twin make different packets of it`);
        }
        const run = (program: BpfProgram) => () => program.testRun({ data: frame, repeat }).duration;
        const nanoseconds = await interleave(rounds, {
          ours: run(loaded[side].ours),
          twin: run(loaded[side].twin),
        });
        cases.push({
          side,
          packet: packet.name,
          instructions: { ours: stepped.ours.instructions, twin: stepped.twin.instructions },
          helpers: { ours: stepped.ours.helpers, twin: stepped.twin.helpers },
          nanoseconds,
        });
      }
    }
  } finally {
    loaded.close();
  }
  return { title: 'Programs against C twins by clang -O2', rows: cases.flatMap(rowsOf), data: cases };
}

function rowsOf({ side, packet, instructions, helpers, nanoseconds }: Case): Section['rows'] {
  const executed = instructions.ours / instructions.twin;
  const { ours, twin } = nanoseconds;
  const spent = ours.median / twin.median;
  const goal = (ratio: number) =>
    packet === NOT_MAPPED ? {} : { target: `<= ${TARGET}x`, reached: ratio <= TARGET };
  return [
    {
      what: `${side}, ${packet}: instructions (helper calls)`,
      ours: `${instructions.ours} (${helpers.ours})`,
      peer: `${instructions.twin} (${helpers.twin})`,
      ratio: `${executed.toFixed(2)}x`,
      ...goal(executed),
    },
    {
      what: `${side}, ${packet}: time`,
      ours: `${ours.median.toFixed(0)} ns`,
      peer: `${twin.median.toFixed(0)} ns`,
      ratio: `${spent.toFixed(2)}x`,
      ...goal(spent),
    },
  ];
}
