// The instruction set against IANA's table: every row can be made and is listed, and nothing else is.

import test from 'ava';
import fc from 'fast-check';
import { disassemble, type Instruction, instruction as i, type Register } from '../../src/asm/index.ts';
import { LINUX, REGISTRY, RFC } from './isa-table.ts';
import { anyInstruction } from './text/support/arbitrary.ts';

/** A row of the table; undefined is `any`. */
interface Row {
  readonly opcode: number;
  readonly src: number | undefined;
  readonly offset: number | undefined;
  readonly imm: number | undefined;
  readonly description: string;
}

const field = (text: string): number | undefined => (text === 'any' ? undefined : Number(text));
const rows: readonly Row[] = `${REGISTRY}${RFC}${LINUX}`
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [, opcode, src, offset, imm, description] = /^(\S+) +(\S+) +(\S+) +(\S+) +(.*)$/.exec(line)!;
    return {
      opcode: Number(opcode),
      src: field(src!),
      offset: field(offset!),
      imm: field(imm!),
      description: description!,
    };
  });

/** Forms whose destination the table does not speak of, but RFC 9669, section 3.1, does: unused fields are zero. */
const NO_DESTINATION = new Set([0x05, 0x06, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x85, 0x95, 0xe5]);
/** A `ld_imm64` whose second half must be zero: only an immediate, a value's address and a module's variable use it. */
const ONE_IMMEDIATE = new Set([1, 4, 5]);

const equal = (wanted: number | undefined, found: number): boolean =>
  wanted === undefined || wanted === found;

function rowsOf({ opcode, dst, src, offset, imm, wide }: Instruction): Row[] {
  if (NO_DESTINATION.has(opcode) && dst !== 0) return [];
  if (opcode === 0x18 && ONE_IMMEDIATE.has(src) && (wide ?? 0n) >> 32n !== 0n) return [];
  return rows.filter(
    (row) => row.opcode === opcode && equal(row.src, src) && equal(row.offset, offset) && equal(row.imm, imm),
  );
}

test('the table has all of the registry', (t) => {
  // The 168 rows of the registry without the second half of ld_imm64 and the six legacy opcodes, which RFC has.
  t.is(rows.length, 161 + 9 + 13);
  t.is(
    new Set(rows.map(({ opcode, src, offset, imm }) => `${opcode} ${src} ${offset} ${imm}`)).size,
    rows.length,
  );
});

test('every constructor makes what a row of the table describes', (t) => {
  const made = new Set<Row>();
  fc.assert(
    fc.property(anyInstruction, (instruction) => {
      const found = rowsOf(instruction);
      t.true(
        found.length > 0,
        `${JSON.stringify(instruction, (_, v) => (typeof v === 'bigint' ? `${v}` : v))}`,
      );
      for (const row of found) made.add(row);
    }),
    { numRuns: 20_000 },
  );
  const missing = rows.filter((row) => !made.has(row));
  t.deepEqual(missing, [], 'every row is made by some constructor');
});

test('the disassembler knows what the table describes, and nothing else', (t) => {
  const [sources, offsets] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 10],
    [0, 1, 2, 8, 16, 32, 64, -1],
  ];
  const immediates = [
    0, 1, 16, 32, 64, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe0, 0xe1, 0xf0, 0xf1, 0x100, 0x110, -1,
  ];
  let count = 0;
  for (let opcode = 0; opcode < 256; opcode++) {
    for (const dst of [0, 3]) {
      for (const src of sources) {
        for (const offset of offsets) {
          for (const imm of immediates) {
            const instruction = {
              ...{ opcode, dst, src, offset, imm },
              ...(opcode === 0x18 && { imm: 0, wide: BigInt(imm >>> 0) }),
            };
            const known = !disassemble(instruction).startsWith('.quad');
            if (known !== rowsOf(instruction).length > 0) {
              t.fail(
                `${JSON.stringify({ opcode: opcode.toString(16), dst, src, offset, imm })}: ${disassemble(instruction)}`,
              );
              return;
            }
            count++;
          }
        }
      }
    }
  }
  t.is(count, 256 * 2 * sources.length * offsets.length * immediates.length);
});

test('a row and its text say the same', (t) => {
  // Only the rows whose wording the listing shares.
  const zero = { dst: 3, src: 4, offset: 5, imm: 6 };
  for (const [opcode, text] of [
    [0x07, 'r3 += 6'],
    [0x0f, 'r3 += r4'],
    [0x61, 'r3 = *(u32 *)(r4 + 5)'],
    [0x91, 'r3 = *(s8 *)(r4 + 5)'],
    [0x62, '*(u32 *)(r3 + 5) = 6'],
    [0x63, '*(u32 *)(r3 + 5) = r4'],
    [0xc5, 'if r3 s< 0x6 goto pc+5'],
    [0xce, 'if w3 s< w4 goto pc+5'],
  ] as const) {
    const row = rows.find((row) => row.opcode === opcode)!;
    const { src, offset, imm } = row;
    const instruction = {
      ...{ opcode, dst: 3, src: src ?? zero.src, offset: offset ?? zero.offset, imm: imm ?? zero.imm },
    };
    t.is(disassemble(instruction), text, row.description);
  }
});

test('registers are r0 to r10', (t) => {
  for (const register of [-1, 11, 16, 1.5, Number.NaN]) {
    const message = /register .*r0 to r10/;
    t.throws(() => i.mov.imm(register as Register, 0), { instanceOf: RangeError, message }, `${register}`);
    t.throws(() => i.mov.reg(0, register as Register), { instanceOf: RangeError, message }, `${register}`);
  }
});

test('widths and sizes that are none are refused', (t) => {
  const refused = { instanceOf: RangeError };
  t.throws(() => i.be(1, 8 as 16), refused);
  t.throws(() => i.movsx.reg32(1, 2, 32 as 16), refused);
  t.throws(() => i.movsx.reg(1, 2, 64 as 32), refused);
  t.throws(() => i.loadSigned(8 as 4, 1, 2, 0), refused);
  t.throws(() => i.atomicAdd(2 as 4, 1, 0, 2), refused);
  t.throws(() => i.loadAbsolute(8 as 4, 0), refused);
  t.throws(() => i.addrSpaceCast(1, 2, 0x1_0000, 0), refused);
  t.throws(() => i.addrSpaceCast(1, 2, 0, -1), refused);
});

test('numbers that do not fit are refused', (t) => {
  const refused = { instanceOf: RangeError };
  for (const distance of [0x8000, -0x8001, 0.5]) {
    t.throws(() => i.ja(distance), refused);
    t.throws(() => i.mayGoto(distance), refused);
    t.throws(() => i.jeq.imm(1, 2, distance), refused);
  }
  for (const distance of [0x8000_0000, -0x8000_0001, 0.5]) {
    t.throws(() => i.ja32(distance), refused);
    t.throws(() => i.callLocal(distance), refused);
    t.throws(() => i.loadFunction(1, distance), refused);
    t.throws(() => i.callKernel(distance), refused);
  }
  t.throws(() => i.callKernel(1, 0x8000), refused);
  for (const number of [-1, 2 ** 32, 0.5]) {
    t.throws(() => i.loadMapFd(1, number), refused);
    t.throws(() => i.loadMapFdValue(1, 1, number), refused);
    t.throws(() => i.loadMapIdx(1, number), refused);
    t.throws(() => i.loadMapIdxValue(1, 1, number), refused);
    t.throws(() => i.loadBtfId(1, number), refused);
    t.throws(() => i.loadBtfId(1, 1, number), refused);
  }
});
