// Instructions to bytes and back: any instruction, any bytes.

import test from 'ava';
import fc from 'fast-check';
import { encodeInstructions as encode } from '../../src/asm/encoding.ts';
import { decodeInstructions, type Instruction } from '../../src/asm/index.ts';

const LD_IMM64 = 0x18;
const nibble = fc.integer({ min: 0, max: 15 });
const s16 = fc.integer({ min: -0x8000, max: 0x7fff });
const s32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });

const narrow = fc.record<Instruction>({
  opcode: fc.integer({ min: 0, max: 255 }).filter((opcode) => opcode !== LD_IMM64),
  dst: nibble,
  src: nibble,
  offset: s16,
  imm: s32,
});
const wide = fc.record<Instruction>({
  opcode: fc.constant(LD_IMM64),
  dst: nibble,
  src: nibble,
  offset: s16,
  imm: fc.constant(0),
  wide: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
});

test('what is encoded is decoded, whatever it is', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 3, arbitrary: narrow }, wide), { maxLength: 40 }),
        (instructions) => {
          const code = encode(instructions);
          const units = instructions.reduce((sum, { wide }) => sum + (wide === undefined ? 1 : 2), 0);
          if (code.length !== 8 * units) throw new Error(`${code.length} bytes for ${units} units`);
          const decoded = decodeInstructions(code);
          if (decoded.length !== instructions.length) throw new Error('another number of instructions');
          decoded.forEach((found, i) => {
            const wanted = instructions[i]!;
            for (const part of ['opcode', 'dst', 'src', 'offset', 'imm', 'wide'] as const) {
              if (found[part] !== wanted[part])
                throw new Error(`${part}: ${found[part]}, not ${wanted[part]}`);
            }
          });
        },
      ),
      { numRuns: 300 },
    ),
  );
});

test('what is decoded is encoded to the same bytes', (t) => {
  const unit = fc.uint8Array({ minLength: 8, maxLength: 8 });
  const code = fc.array(unit, { maxLength: 30 }).map((units) => {
    // The second half of a ld_imm64 has an immediate and nothing else.
    const bytes = units.flatMap((one) =>
      one[0] === LD_IMM64 ? [...one, 0, 0, 0, 0, ...one.slice(4)] : [...one],
    );
    return Uint8Array.from(bytes);
  });
  t.notThrows(() =>
    fc.assert(
      fc.property(code, (bytes) => {
        const again = encode(decodeInstructions(bytes));
        if (Buffer.compare(again, bytes) !== 0) throw new Error(`${Buffer.from(again).toString('hex')}`);
      }),
      { numRuns: 300, examples: [[Uint8Array.from([0x18, 0x21, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 9, 8, 7, 6])]] },
    ),
  );
});

test('a view into a larger buffer is decoded from where it starts', (t) => {
  const code = encode([{ opcode: 0xb7, dst: 3, src: 0, offset: 0, imm: 77 }]);
  const padded = new Uint8Array(24).fill(0xff);
  padded.set(code, 11);
  const [instruction] = decodeInstructions(padded.subarray(11, 19));
  t.like(instruction, { opcode: 0xb7, dst: 3, imm: 77 });
});

test('code that is no whole number of instructions is refused', (t) => {
  for (const length of [1, 7, 9, 15]) {
    t.throws(() => decodeInstructions(new Uint8Array(length)), {
      instanceOf: RangeError,
      message: /multiple of 8/,
    });
  }
  t.deepEqual(decodeInstructions(new Uint8Array(0)), []);
});

test('a ld_imm64 without its second half is refused', (t) => {
  const first = [LD_IMM64, 1, 0, 0, 5, 0, 0, 0];
  const refused = { instanceOf: RangeError, message: /second half/ };
  t.throws(() => decodeInstructions(Uint8Array.from(first)), refused);
  t.throws(() => decodeInstructions(Uint8Array.from([...first, 0x95, 0, 0, 0, 0, 0, 0, 0])), refused);
});

test('a second half with more than an immediate is refused, not taken for another program', (t) => {
  const first = [LD_IMM64, 1, 0, 0, 5, 0, 0, 0];
  for (const at of [1, 2, 3]) {
    const second = [0, 0, 0, 0, 1, 0, 0, 0];
    second[at] = 0x11;
    t.throws(
      () => decodeInstructions(Uint8Array.from([...first, ...second])),
      { instanceOf: RangeError },
      `byte ${at}`,
    );
  }
});
