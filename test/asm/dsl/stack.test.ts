// Memory on the stack, whatever its layout: the kernel wants every access to it aligned, wire formats do not.

import test from 'ava';
import {
  array,
  BuildError,
  be16,
  be32,
  be64,
  bytes,
  struct,
  type TcBuilder,
  u8,
  u16,
  u32,
  u64,
} from '../../../src/asm/index.ts';
import { reporting, run } from '../support/run.ts';

const packed = struct('packed', { a: u8, b: u32, c: be16, d: u64, e: be32, f: u16, g: be64 });
const ethernet = struct('ethernet', { destination: bytes(6), source: bytes(6), type: be16 });
const PACKET = Uint8Array.from({ length: 64 }, (_, i) => 7 * i + 3);
const view = new DataView(PACKET.buffer);

/** A layout that cannot be on the stack has to be refused by the builder: the verifier knows no line of ours. */
function refusedOr<T>(build: () => T): T | undefined {
  try {
    return build();
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

test('a header of bytes is copied to the stack and from there', (t) => {
  const built = reporting('bytes', (p) => {
    const copy = p.packet.copy(ethernet, 0, { orElse: () => p.drop() });
    const [seen] = p.packet.read([ethernet], { orElse: () => p.drop() });
    seen.destination.copyFrom(copy.source);
    seen.source.copyFrom(copy.destination);
    seen.type.set(copy.type.xor(0xffff));
  });
  const [result] = run(built, [PACKET]);
  const wanted = PACKET.slice();
  wanted.set(PACKET.subarray(6, 12), 0);
  wanted.set(PACKET.subarray(0, 6), 6);
  for (const at of [12, 13]) wanted[at] = PACKET[at]! ^ 0xff;
  t.deepEqual(result?.data, wanted);
});

test('integers that are not aligned are read and written right, or refused when the program is built', (t) => {
  const build = () =>
    reporting('unaligned', (p: TcBuilder, report) => {
      const copy = p.packet.copy(packed, 2, { orElse: () => p.drop() });
      report(copy.a.get());
      report(copy.b.get());
      report(copy.c.toHost());
      report(copy.d.get());
      report(copy.e.toHost());
      report(copy.f.get());
      report(copy.g.toHost());
      copy.d.set(copy.b);
      report(copy.d.get());
    });
  const built = refusedOr(build);
  if (!built) {
    t.pass();
    return;
  }
  const [result] = run(built, [PACKET]);
  const at = packed.offsets;
  t.deepEqual(result?.reports.slice(0, 8), [
    BigInt(view.getUint8(2 + at.a)),
    BigInt(view.getUint32(2 + at.b, true)),
    BigInt(view.getUint16(2 + at.c)),
    view.getBigUint64(2 + at.d, true),
    BigInt(view.getUint32(2 + at.e)),
    BigInt(view.getUint16(2 + at.f, true)),
    view.getBigUint64(2 + at.g),
    BigInt(view.getUint32(2 + at.b, true)),
  ]);
});

test('slots of every size lie side by side and apart', (t) => {
  const built = reporting('slots', (p, report) => {
    const small = p.stack(u8).view;
    const odd = p.stack(struct('odd', { x: u8, y: u8, z: u8 })).view;
    const half = p.stack(u16).view;
    const word = p.stack(u32).view;
    const five = p.stack(array(u8, 5)).view;
    const wide = p.stack(u64).view;
    const last = p.stack(u8).view;
    const all = [small, odd.x, odd.y, odd.z, half, word, ...five, wide, last];
    small.set(0xff);
    odd.x.set(0x01);
    odd.y.set(0x02);
    odd.z.set(0x03);
    half.set(0xffff);
    word.set(0xffff_ffff);
    [...five].forEach((byte, n) => {
      byte.set(0x10 + n);
    });
    wide.set(0xffff_ffff_ffff_ffffn);
    last.set(0x77);
    for (const place of all) report(place);
  });
  const [result] = run(built);
  t.deepEqual(result?.reports.slice(0, 13), [
    0xffn,
    1n,
    2n,
    3n,
    0xffffn,
    0xffff_ffffn,
    0x10n,
    0x11n,
    0x12n,
    0x13n,
    0x14n,
    0xffff_ffff_ffff_ffffn,
    0x77n,
  ]);
});

test('all 512 bytes may be used', (t) => {
  const built = reporting('full', (p, report) => {
    // The look-up of the reports has taken a slot of 4 bytes, which is one of 8.
    const words = p.stack(array(u64, 63)).view;
    [...words].forEach((word, n) => {
      word.set(n);
    });
    report([...words].reduce((sum, word) => sum.add(word), p.constant('u64', 0)));
  });
  t.is(run(built)[0]?.reports[0], BigInt((62 * 63) / 2));
});
