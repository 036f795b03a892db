// Integers in memory, byte by byte: network kinds most significant byte first, host kinds least, as on every machine the
// tests run on.

import { BITS, isNetwork, type Kind } from './plan.ts';

/** The number at `at`. */
export function readNumber(bytes: Uint8Array, at: number, kind: Kind): bigint {
  let value = 0n;
  const size = BITS[kind] / 8;
  for (let i = 0; i < size; i++) {
    const place = isNetwork(kind) ? i : size - 1 - i;
    value = (value << 8n) | BigInt(bytes[at + place]!);
  }
  return value;
}

export function writeNumber(bytes: Uint8Array, at: number, kind: Kind, value: bigint): void {
  const size = BITS[kind] / 8;
  for (let i = 0; i < size; i++) {
    const place = isNetwork(kind) ? size - 1 - i : i;
    bytes[at + place] = Number((value >> BigInt(8 * i)) & 0xffn);
  }
}

/** The bytes of a number of `bits` bits the other way round. */
export function reversed(value: bigint, bits: number): bigint {
  const bytes = new Uint8Array(bits / 8);
  const kind = `u${bits}` as Kind;
  writeNumber(bytes, 0, kind, value);
  return readNumber(bytes.reverse(), 0, kind);
}
