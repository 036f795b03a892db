// Layouts and their codecs: what is encoded is decoded, each integer in its byte order, and nothing is cut off.

import test from 'ava';
import fc from 'fast-check';
import {
  array,
  be16,
  be32,
  be64,
  bytes,
  decode,
  encode,
  type FieldType,
  LITTLE_ENDIAN,
  type ScalarKind,
  type ScalarType,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../src/asm/index.ts';

const SCALARS: { readonly [K in ScalarKind]: ScalarType } = { u8, u16, u32, u64, be16, be32, be64 };
const KINDS = Object.keys(SCALARS) as ScalarKind[];
const SIZES: { readonly [K in ScalarKind]: number } = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  be16: 2,
  be32: 4,
  be64: 8,
};

/** A layout, a value of it, and the bytes it must become, worked out by hand. */
interface Sample {
  readonly type: FieldType;
  readonly value: unknown;
  readonly bytes: number[];
}

function scalarSample(kind: ScalarKind, bits: bigint): Sample {
  const size = SIZES[kind];
  const value = BigInt.asUintN(8 * size, bits);
  const big = Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * (size - 1 - i))) & 0xffn));
  const bytes = kind.startsWith('be') || !LITTLE_ENDIAN ? big : big.reverse();
  return { type: SCALARS[kind], value: size === 8 ? value : Number(value), bytes };
}

const scalar = fc
  .tuple(fc.constantFrom(...KINDS), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }))
  .map(([kind, bits]) => scalarSample(kind, bits));
const run = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .map((data): Sample => ({ type: bytes(data.length), value: data, bytes: [...data] }));
const many = fc
  .tuple(
    fc.constantFrom(...KINDS),
    fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { minLength: 1, maxLength: 5 }),
  )
  .map(([kind, values]): Sample => {
    const samples = values.map((bits) => scalarSample(kind, bits));
    return {
      type: array(SCALARS[kind], samples.length),
      value: samples.map(({ value }) => value),
      bytes: samples.flatMap((sample) => sample.bytes),
    };
  });

const named = (fields: readonly Sample[]): Sample => ({
  type: struct('sample', Object.fromEntries(fields.map(({ type }, i) => [`f${i}`, type]))),
  value: Object.fromEntries(fields.map(({ value }, i) => [`f${i}`, value])),
  bytes: fields.flatMap((sample) => sample.bytes),
});
const flat = fc.array(fc.oneof(scalar, run, many), { minLength: 1, maxLength: 8 }).map(named);
const nested = fc
  .array(
    fc.oneof(
      scalar,
      flat,
      flat.map(
        ({ type, value, bytes }): Sample => ({
          type: array(type, 2),
          value: [value, value],
          bytes: [...bytes, ...bytes],
        }),
      ),
    ),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map(named);

test('every layout holds its values, byte for byte', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(
        fc.oneof(scalar, run, many, flat, nested),
        fc.nat(9),
        ({ type, value, bytes: wanted }, shift) => {
          const encoded = encode(type, value as never);
          if (type.size !== wanted.length) throw new Error(`size ${type.size}, not ${wanted.length}`);
          if (`${[...encoded]}` !== `${wanted}`) throw new Error(`${[...encoded]}, not ${wanted}`);
          const shifted = new Uint8Array(wanted.length + shift + 3).fill(0xee);
          shifted.set(wanted, shift);
          const again = encode(type, decode(type, shifted.subarray(shift)) as never);
          if (`${[...again]}` !== `${wanted}`) throw new Error(`decoded: ${[...again]}, not ${wanted}`);
        },
      ),
      { numRuns: 500 },
    ),
  );
});

test('a decoded value is what was encoded', (t) => {
  const type = struct('all', {
    a: u8,
    b: be16,
    c: u32,
    d: be64,
    m: bytes(3),
    q: array(struct('one', { x: be32, y: u64 }), 2),
  });
  const value = {
    a: 255,
    b: 0x0800,
    c: 0xffff_ffff,
    d: 0xffff_ffff_ffff_ffffn,
    m: Uint8Array.of(1, 2, 3),
    q: [
      { x: 0x0a00_0001, y: 1n },
      { x: 0, y: (1n << 64n) - 1n },
    ],
  };
  t.deepEqual(decode(type, encode(type, value)), value);
  t.is(type.size, 1 + 2 + 4 + 8 + 3 + 24);
  t.deepEqual(type.offsets, { a: 0, b: 1, c: 3, d: 7, m: 15, q: 18 });
});

test('network order is the order of the wire', (t) => {
  t.deepEqual([...encode(be16, 0x0800)], [0x08, 0x00]);
  t.deepEqual([...encode(be32, 0x0a00_0005)], [10, 0, 0, 5]);
  t.deepEqual([...encode(be64, 0x0102_0304_0506_0708n)], [1, 2, 3, 4, 5, 6, 7, 8]);
});

test('decoded bytes are a copy', (t) => {
  const data = Uint8Array.of(1, 2, 3);
  const copy = decode(bytes(3), data);
  data[0] = 9;
  t.is(copy[0], 1);
});

test('numbers that do not fit their field are refused by its name', (t) => {
  const type = struct('limits', { a: u8, b: u16, c: u32, d: u64, e: be16, f: be32, g: be64 });
  const zeros = { a: 0, b: 0, c: 0, d: 0n, e: 0, f: 0, g: 0n };
  const wrong: [keyof typeof zeros, unknown][] = [
    ['a', 256],
    ['a', -1],
    ['a', 0.5],
    ['b', 65_536],
    ['c', 2 ** 32],
    ['c', -1],
    ['c', Number.NaN],
    ['d', 1n << 64n],
    ['d', -1n],
    ['e', 65_536],
    ['f', 2 ** 32],
    ['g', 1n << 64n],
  ];
  for (const [field, value] of wrong) {
    const error = t.throws(
      () => encode(type, { ...zeros, [field]: value }),
      { instanceOf: RangeError },
      `${field} ${value}`,
    );
    t.regex(error?.message ?? '', new RegExp(`limits\\.${field}\\b`));
  }
  t.deepEqual(
    [...encode(type, zeros)],
    Array.from({ length: type.size }, () => 0),
  );
});

test('values of the wrong kind are refused by their field, not by accident', (t) => {
  const type = struct('kinds', { a: u32, d: u64, m: bytes(2), q: array(u8, 2) });
  const right = { a: 1, d: 1n, m: new Uint8Array(2), q: [1, 2] };
  const wrong: [string, unknown][] = [
    ['a', '1'],
    ['a', 1n],
    ['a', undefined],
    ['a', null],
    ['d', 1],
    ['d', undefined],
    ['m', undefined],
    ['m', 'ab'],
    ['m', [1, 2]],
    ['q', undefined],
    ['q', 5],
  ];
  for (const [field, value] of wrong) {
    const error = t.throws(
      () => encode(type, { ...right, [field]: value } as never),
      undefined,
      `${field}: ${value}`,
    );
    t.regex(error?.message ?? '', new RegExp(`kinds\\.${field}\\b`));
  }
});

test('too many and too few bytes or elements are refused', (t) => {
  for (const size of [5, 7])
    t.throws(() => encode(bytes(6), new Uint8Array(size)), { instanceOf: RangeError });
  for (const length of [1, 3])
    t.throws(
      () =>
        encode(
          array(u8, 2),
          Array.from({ length }, () => 0),
        ),
      { instanceOf: RangeError },
    );
  t.throws(() => decode(u32, new Uint8Array(3)), {
    instanceOf: RangeError,
    message: /4 bytes needed, 3 given/,
  });
});

test('layouts of nothing, or of a part, are refused', (t) => {
  for (const n of [0, -1, 1.5, Number.NaN]) {
    t.throws(() => bytes(n), { instanceOf: RangeError });
    t.throws(() => array(u8, n), { instanceOf: RangeError });
  }
  t.throws(() => struct('empty', {}), { instanceOf: RangeError, message: /empty/ });
});

test('fields keep the order they are written in', (t) => {
  // JavaScript puts keys that look like array indices first, whatever the order of writing.
  t.throws(() => struct('numbered', { b: u32, 1: u8 }), { instanceOf: RangeError, message: /numbered.*1/ });
});
