// How many instructions the interpreter executes in a second: loops of plain arithmetic, of branches, of memory access, of
// multiplications and divisions, and the NAT program on a packet. Processor time, so that others on the machine matter
// less. It has no peer here: nothing else interprets BPF in JavaScript.

import process from 'node:process';
import { assemble, encode, type Item, instruction as i, type Label } from '../src/asm/index.ts';
import { datapath } from '../src/nat/datapath/index.ts';
import { addressRecord } from '../src/nat/maps.ts';
import { Vm } from '../src/vm/index.ts';
import { type Summary, summarize } from './measure.ts';
import type { Section } from './report.ts';

const TURNS = 4_000_000;
const LIMIT = 1_000_000_000;
/** Million simple instructions a second. */
const TARGET = 20;
const PACKETS = 20_000;

/** `body`, TURNS times; r9 counts down. */
function loop(body: (end: Label) => readonly Item[]): readonly Item[] {
  const again = i.label('again');
  const end = i.label('end');
  return [
    i.mov.imm(0, 1),
    i.mov.imm(1, 3),
    i.mov.imm(2, 5),
    i.mov.imm(9, TURNS),
    { place: again },
    ...body(end),
    i.sub.imm(9, 1),
    i.jne.imm(9, 0, again),
    { place: end },
    i.exit(),
  ];
}

const next = i.label('next');
const PROGRAMS: { readonly [name: string]: readonly Item[] } = {
  arithmetic: loop(() => [
    i.add.reg(0, 1),
    i.xor.reg(0, 2),
    i.lsh.imm(1, 1),
    i.or.imm(1, 1),
    i.add.imm32(2, 7),
    i.mov.reg(3, 0),
    i.and.imm(3, 0xff),
    i.sub.reg(0, 3),
  ]),
  branches: loop((end) => [
    i.jeq.imm(0, -1, end),
    i.jgt.reg(1, 9, end),
    i.jslt.imm(9, 0, end),
    i.jeq.imm32(1, 9, end),
    i.jset.imm(9, -1, next),
    { place: next },
    i.add.imm(0, 1),
  ]),
  memory: loop(() => [
    i.store(8, 10, -8, 0),
    i.load(8, 3, 10, -8),
    i.store(4, 10, -16, 3),
    i.load(4, 4, 10, -16),
    i.load(1, 5, 10, -16),
    i.add.reg(0, 4),
  ]),
  'multiply and divide': loop(() => [i.mul.reg(0, 2), i.add.imm(0, 3), i.mov.reg(3, 0), i.div.imm(3, 7)]),
};

/** Million instructions a second of processor time. */
function rate(run: () => number): number {
  const start = process.cpuUsage();
  const instructions = run();
  const { user, system } = process.cpuUsage(start);
  return instructions / (user + system);
}

function loops(rounds: number): { readonly [name: string]: Summary } {
  const entries = Object.entries(PROGRAMS).map(([name, items]) => {
    const vm = new Vm(assemble({ name: 'speed', type: 'xdp' }, items), { instructionLimit: LIMIT });
    const rates = Array.from({ length: rounds }, () => rate(() => vm.runMemory().instructions));
    return [name, summarize(rates)] as const;
  });
  return Object.fromEntries(entries);
}

/** The egress program on a TCP packet that it translates: million instructions a second, and of how many each. */
function packets(rounds: number): { readonly rate: Summary; readonly instructions: number } {
  const { outbound, maps } = datapath({ unmapped: 'pass', capacity: 16 });
  const vm = new Vm(outbound);
  const record = encode(addressRecord, { address: 0xcb007105, reserved: 0, packets: 0n, bytes: 0n });
  vm.maps[maps.outbound.name]!.set(Uint8Array.of(10, 0, 0, 5), record);
  const packet = new Uint8Array(74);
  packet.set([8, 0, 0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 5, 198, 51, 100, 7], 12);
  const turn = (): number => {
    let instructions = 0;
    for (let n = 0; n < PACKETS; n++) instructions += vm.run({ packet }).instructions;
    return instructions;
  };
  const instructions = turn() / PACKETS;
  return { rate: summarize(Array.from({ length: rounds }, () => rate(turn))), instructions };
}

export async function interpreter(rounds: number): Promise<Section> {
  const simple = loops(rounds);
  const nat = packets(rounds);
  const rows = Object.entries(simple).map(([name, { median }]) => ({
    what: `${name}, million instructions a second`,
    ours: median.toFixed(0),
    peer: '',
    ratio: '',
    target: `>= ${TARGET}`,
    reached: median >= TARGET,
  }));
  const each = nat.instructions / nat.rate.median;
  const packet = {
    what: `egress program, a packet of ${nat.instructions} instructions`,
    ours: `${each.toFixed(2)} us`,
    peer: '',
    ratio: '',
  };
  return { title: 'Interpreter', rows: [...rows, packet], data: { simple, nat } };
}
