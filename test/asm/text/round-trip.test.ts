// What the disassembler prints, the text assembler reads back to the same bytes: every instruction there is, and any
// 8 bytes whatever they mean.

import test from 'ava';
import fc from 'fast-check';
import { encodeInstructions } from '../../../src/asm/encoding.ts';
import {
  assembleText,
  decodeInstructions,
  defineMap,
  disassemble,
  formatAsm,
  type Instruction,
  instruction as i,
  program,
  u32,
  u64,
} from '../../../src/asm/index.ts';
import { anyInstruction } from './support/arbitrary.ts';

const RUNS = Number(process.env.TSNAT_FUZZ_RUNS ?? 2000);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** What an instruction is without where it came from. */
const bare = ({ site: _, ...rest }: Instruction): Instruction => rest;

test('each instruction alone', (t) => {
  fc.assert(
    fc.property(anyInstruction, (instruction) => {
      const text = disassemble(instruction);
      t.false(text.startsWith('.quad'), `${text} is a known instruction`);
      t.deepEqual(assembleText(text).instructions.map(bare), [instruction], text);
    }),
    { numRuns: RUNS },
  );
  t.pass();
});

test('listings with indices', (t) => {
  fc.assert(
    fc.property(fc.array(anyInstruction, { maxLength: 40 }), (instructions) => {
      let unit = 0;
      const lines = instructions.map((instruction) => {
        const line = `${String(unit).padStart(4)}: ${disassemble(instruction)}`;
        unit += instruction.wide === undefined ? 1 : 2;
        return line;
      });
      const read = assembleText(`; a listing\n${lines.join('\n')}\n`);
      t.is(hex(read.code), hex(encodeInstructions(instructions)), lines.join('\n'));
    }),
    { numRuns: RUNS / 20 },
  );
  t.pass();
});

/** Bytes near to what means something: a random opcode, small fields. */
const unit = fc
  .tuple(
    fc.integer({ min: 0, max: 255 }),
    fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 15 })),
    fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 15 })),
    fc.oneof(fc.constantFrom(0, 0, 1, 8, 16, 32, -1), fc.integer({ min: -0x8000, max: 0x7fff })),
    fc.oneof(
      fc.constantFrom(0, 0, 1, 16, 32, 64, 0xe1, 0xf1, 0x100, 0x110, 0x50, 0x51),
      fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
    ),
  )
  .map(([opcode, dst, src, offset, imm]) => ({ opcode, dst, src, offset, imm }));

test('any bytes, whatever they mean', (t) => {
  let [known, unknown] = [0, 0];
  fc.assert(
    fc.property(unit, fc.bigInt({ min: 0n, max: 0xffff_ffffn }), (unit, upper) => {
      const decoded =
        unit.opcode === 0x18 ? { ...unit, imm: 0, wide: (upper << 32n) | BigInt(unit.imm >>> 0) } : unit;
      const text = disassemble(decoded);
      const { instructions, code } = assembleText(text);
      t.deepEqual(instructions.map(bare), [decoded], text);
      t.deepEqual(decodeInstructions(code), [decoded]);
      if (text.startsWith('.quad')) unknown++;
      else known++;
    }),
    { numRuns: 5 * RUNS },
  );
  t.true(known > RUNS / 10 && unknown > RUNS / 10, `${known} known, ${unknown} unknown`);
});

test('the listing of a program', (t) => {
  const made = program('xdp', 'listed', (p) => p.pass());
  t.is(hex(assembleText(formatAsm(made)).code), hex(made.code));
});

test('maps by name', (t) => {
  const map = defineMap({ name: 'counts', type: 'array', key: u32, value: u64, maxEntries: 4 });
  const text = '   0: r1 = map[counts]\n   2: r2 = map[counts][0]+8\n   4: exit';
  const read = assembleText(text, { maps: [map] });
  t.deepEqual(read.instructions.map(bare), [i.loadMap(1, map), i.loadMapValue(2, map, 8), i.exit()]);
  t.is(read.instructions.map(disassemble).join('\n'), text.replaceAll(/^ +\d+: /gm, ''));
});
