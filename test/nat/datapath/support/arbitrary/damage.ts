// Spoils a frame: bytes of its headers overwritten, its end cut off.

import fc, { type Arbitrary } from 'fast-check';
import { type Bytes, join } from '../wire.ts';

/** How a frame is spoilt: bytes of the headers overwritten, the end cut off. */
export interface Damage {
  readonly bytes: readonly (readonly [at: number, value: number])[];
  readonly length: number | null;
}

/** The bytes that decide in IPv4: type, version and IHL, length, fragment, protocol, ICMP type, quoted version and IHL. */
const TELLING4 = [12, 13, 14, 16, 17, 20, 21, 23, 34, 42, 42, 45, 48, 49, 51];
/** In IPv6: version, length, next header, then ICMP type or the first extension, or what is quoted. */
const TELLING6 = [12, 13, 14, 18, 19, 20, 20, 54, 54, 55, 57, 62, 62, 66, 67, 68, 102];
const telling = fc.constantFrom(
  0,
  1,
  3,
  4,
  5,
  6,
  8,
  11,
  12,
  17,
  20,
  0x2b,
  0x2c,
  0x33,
  0x3a,
  0x3b,
  0x3c,
  0x60,
  0x81,
  0x08,
  0x1f,
  0x20,
  0x3f,
  0x40,
  0x44,
  0x45,
  0x46,
  0x4f,
  0x65,
  0xff,
);

export const damage: Arbitrary<Damage> = fc.record({
  bytes: fc.array(
    fc.oneof(
      fc.tuple(fc.constantFrom(...TELLING4, ...TELLING6), fc.oneof(telling, fc.nat(255))),
      fc.tuple(fc.nat(120), fc.nat(255)),
    ),
    { maxLength: 4 },
  ),
  length: fc.option(fc.nat(140)),
});

/** Shortest frames the kernel takes for a test run: it looks for a whole header of these (net/bpf/test_run.c). */
const LEAST: ReadonlyMap<number, number> = new Map([
  [0x0800, 34],
  [0x86dd, 54],
]);

export function spoil(whole: Bytes, { bytes, length }: Damage): Bytes {
  const out = Uint8Array.from(whole);
  for (const [at, value] of bytes) if (at < out.length) out[at] = value;
  const least = LEAST.get(out[12]! * 256 + out[13]!) ?? 14;
  const cut = out.subarray(0, length === null ? undefined : Math.max(least, length));
  return cut.length >= least ? cut : join(cut, new Uint8Array(least - cut.length));
}
