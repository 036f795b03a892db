// Our text against two others for the same bytes: the listing of the kernel's verifier (log_level 2), which is the syntax we
// promise, and LLVM's disassembler.

import test, { type ExecutionContext } from 'ava';
import {
  assemble,
  decodeInstructions,
  defineMap,
  disassemble,
  type Instruction,
  type Item,
  instruction as i,
  type MapSpec,
  type Program,
  type Register,
  u32,
  u64,
} from '../../src/asm/index.ts';
import { BpfMap, loadProgram, RawMap } from '../../src/loader/index.ts';
import { datapath } from '../../src/nat/datapath/index.ts';
import { llvmDisassemble } from './support/llvm.ts';

const numbers = defineMap({ name: 'numbers', type: 'array', key: u32, value: u64, maxEntries: 1 });

/** Blanks differ on purpose, the kernel prints `(r1 +76)`; and a 64-bit immediate says so: `0x5 ll`, as with LLVM. */
const normalised = (text: string): string =>
  text
    .replace(/^(r\d+ = 0x[0-9a-f]+) ll$/, '$1')
    .replace(/;.*$/, '')
    .replace(/\s+/g, '');

/** The kernel's text of every instruction it looked at, by the index of its first unit. */
function kernelListing(program: Program): Map<number, string> {
  const specs = new Map<string, MapSpec>(program.relocations.map(({ map }) => [map.name, map]));
  const maps = [...specs.values()].map((spec) => RawMap.create(spec));
  try {
    const named = Object.fromEntries(maps.map((map) => [map.name, map]));
    using loaded = loadProgram(program, named, { logLevel: 2 });
    const listing = new Map<number, string>();
    for (const line of loaded.log.split('\n')) {
      const [, unit, text] = /^(\d+): \([0-9a-f]{2}\) (.*)$/.exec(line) ?? [];
      // What the verifier knows of the registers stands behind a semicolon or a run of blanks.
      if (unit !== undefined && text !== undefined)
        listing.set(Number(unit), text.replace(/\s+;.*$/, '').trim());
    }
    return listing;
  } finally {
    for (const map of maps) map.close();
  }
}

/** Our text of each instruction, by the index of its first unit. */
function ourListing(program: Program): Map<number, string> {
  let unit = 0;
  const maps = new Map(program.relocations.map(({ index, map }) => [index, map]));
  return new Map(
    decodeInstructions(program.code).map((instruction) => {
      const at = unit;
      unit += instruction.wide === undefined ? 1 : 2;
      const map = maps.get(at);
      return [at, disassemble(map ? { ...instruction, map } : instruction)];
    }),
  );
}

function agreeWithKernel(t: ExecutionContext, program: Program): number {
  const theirs = kernelListing(program);
  const ours = ourListing(program);
  const both: [string, string][] = [];
  for (const [unit, text] of ours) {
    const kernel = theirs.get(unit);
    if (kernel === undefined) continue;
    // A map is a name with us and an address with the kernel.
    const map = /^r\d = map/.exec(text);
    if (map) both.push([text.slice(0, 5), kernel.slice(0, 5)]);
    else both.push([`${unit}: ${normalised(text)}`, `${unit}: ${normalised(kernel)}`]);
  }
  t.deepEqual(
    both.map(([text]) => text),
    both.map(([, text]) => text),
  );
  return both.length;
}

const BINARY = [i.mov, i.add, i.sub, i.mul, i.div, i.mod, i.or, i.and, i.xor, i.lsh, i.rsh, i.arsh];
const JUMPS = [i.jeq, i.jne, i.jgt, i.jge, i.jlt, i.jle, i.jsgt, i.jsge, i.jslt, i.jsle, i.jset];
const EDGES = [-0x8000_0000, -1, 1, 9, 10, 255, 0x7fff_ffff];

/** One program with every form the constructors make, and nothing the verifier objects to. */
function everyForm(): Program {
  const items: Item[] = [i.mov.reg(6, 1)];
  const registers: readonly Register[] = [0, 1, 2, 3, 4, 5, 7, 8, 9];
  for (const register of registers) items.push(i.mov.imm(register, 3));
  for (const forms of BINARY) {
    const shift = forms === i.lsh || forms === i.rsh || forms === i.arsh;
    for (const imm of shift ? [1, 10, 31] : EDGES)
      items.push(i.mov.imm(2, 77), forms.imm(2, imm), forms.imm32(2, imm));
    items.push(i.mov.imm(3, 5), forms.reg(7, 3), forms.reg32(8, 3));
  }
  for (const register of registers) {
    items.push(i.neg(register), i.neg32(register));
    for (const bits of [16, 32, 64] as const)
      items.push(i.be(register, bits), i.le(register, bits), i.bswap(register, bits));
  }
  for (const size of [1, 2, 4, 8] as const) {
    for (const imm of EDGES)
      items.push(i.storeImm(size, 10, -8, imm > 127 && size < 4 ? 1 : imm < -128 && size < 4 ? -1 : imm));
    items.push(i.store(size, 10, -512, 7), i.load(size, 7, 10, -8), i.load(size, 8, 10, -512));
  }
  items.push(
    i.storeImm(8, 10, -16, 0),
    i.mov.imm(1, 1),
    i.atomicAdd(8, 10, -16, 1),
    i.atomicAdd(4, 10, -16, 1),
  );
  for (const value of [0n, 1n, 0xffff_ffffn, 1n << 32n, (1n << 64n) - 1n, 1n << 63n])
    items.push(i.loadImm64(9, value));
  items.push(i.load(4, 7, 6, 0), i.load(4, 8, 6, 8));
  for (const forms of JUMPS) {
    for (const imm of EDGES) {
      for (const make of [forms.imm, forms.imm32]) {
        const next = i.label('next');
        items.push(make(7, imm, next), { place: next });
      }
    }
    for (const make of [forms.reg, forms.reg32]) {
      const next = i.label('next');
      items.push(make(7, 8, next), i.mov.imm(0, 0), { place: next });
    }
  }
  const [over, end] = [i.label('over'), i.label('end')];
  items.push(
    i.storeImm(4, 10, -4, 0),
    i.mov.reg(2, 10),
    i.add.imm(2, -4),
    i.loadMap(1, numbers),
    i.call(1),
    i.jne.imm(0, 0, over),
    i.ja(end),
    { place: over },
    i.load(8, 1, 0, 0),
    i.loadMapValue(3, numbers, 4),
    i.load(4, 1, 3, 0),
    { place: end },
    i.call(5),
    i.mov.imm(0, 0),
    i.exit(),
  );
  return assemble({ name: 'every_form', type: 'sched_cls' }, items);
}

test('every form reads as in the listing of the verifier', (t) => {
  const program = everyForm();
  const compared = agreeWithKernel(t, program);
  t.true(
    compared >= ourListing(program).size - 20,
    `${compared} of ${ourListing(program).size} instructions compared`,
  );
});

for (const unmapped of ['pass', 'drop'] as const) {
  test(`the programs of the datapath (${unmapped}) read as in the listing of the verifier`, (t) => {
    const { outbound, inbound } = datapath({ unmapped, capacity: 16 });
    for (const program of [outbound, inbound]) {
      const compared = agreeWithKernel(t, program);
      t.true(
        compared > 0.9 * ourListing(program).size,
        `${compared} of ${ourListing(program).size} compared`,
      );
    }
  });
}

test('the numbers of the verifier are units: nothing is listed that is not there', (t) => {
  using map = BpfMap.create(numbers);
  t.is(map.name, 'numbers');
  const program = everyForm();
  const ours = ourListing(program);
  for (const unit of kernelListing(program).keys()) t.true(ours.has(unit), `${unit}`);
});

/** LLVM's syntax out of ours: other spellings, the same words. */
function llvmWords(instruction: Instruction): string {
  return disassemble(instruction)
    .replace(/pc([+-])(\d+)/, (_, sign: string, n: string) => `${sign}0x${Number(n).toString(16)}`)
    .replace(/([+-]) (\d+)\)/, (_, sign: string, n: string) => `${sign} 0x${Number(n).toString(16)})`)
    .replace(/^call bpf_\w+#(\d+)$/, (_, n: string) => `call 0x${Number(n).toString(16)}`)
    .replace(/= (-?\d+)$/, (_, n: string) => `= ${hexadecimal(Number(n))}`);
}
const hexadecimal = (n: number): string => (n < 0 ? `-0x${(-n).toString(16)}` : `0x${n.toString(16)}`);

test('what LLVM reads in our bytes is what we read in them', (t) => {
  const program = everyForm();
  const ours = decodeInstructions(program.code);
  const theirs = llvmDisassemble(program.code).map((line) => line.replace(/ <\.text\S*>$/, ''));
  t.is(theirs.length, ours.length);
  const differing = ours.flatMap((instruction, n) => {
    const [mine, other] = [llvmWords(instruction), theirs[n]!];
    return sameMeaning(mine, other) ? [] : [`${n}: ${mine} | ${other}`];
  });
  t.deepEqual(differing, []);
});

/** LLVM writes 32-bit loads and stores with w registers, 64-bit immediates with `ll`, and compares with signed numbers. */
function sameMeaning(ours: string, llvm: string): boolean {
  const plain = (text: string): string =>
    text
      .replace(/\s+/g, '')
      .replace(/(-?0x[0-9a-f]+)ll$/, (_, n: string) => wide(n))
      .replace(/^ld_pseudo(r\d+),0x1,0x0$/, '$1=map[fd:0]')
      .replace(/^ld_pseudo(r\d+),0x2,0x0$/, '$1=map[fd:0][0]+4')
      .replace(/^w(\d+=\*)/, 'r$1')
      .replace(/(\)(?:\+)?=)w/, '$1r')
      .replace(/-0x([0-9a-f]+)(?=goto|$)/, (_, n: string) => unsigned(-Number.parseInt(n, 16)))
      .replace(/0x([0-9a-f]+)(?=goto)/, (_, n: string) => unsigned(Number.parseInt(n, 16)));
  return plain(ours) === plain(llvm);
}
const wide = (text: string): string => {
  const value = text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
};
const unsigned = (n: number): string => `0x${(n >>> 0).toString(16)}`;
