// Packet views: each read asks for as much as it needs, at every length of packet, and leaves earlier views where they were.

import test from 'ava';
import { be16, be32, bytes, program, struct, u8, u32 } from '../../../src/asm/index.ts';
import { loadProgram } from '../../../src/loader/index.ts';

const short = struct('short', { pad: bytes(12), type: be16 });
const long = struct('long', { pad: bytes(36), word: be32 });
const word = struct('word', { value: u32 });
const byte = struct('byte', { value: u8 });

const LENGTHS = Array.from({ length: 90 }, (_, n) => n + 14);
const packetOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, n) => (n === 12 ? 0x90 : n));

for (const type of ['sched_cls', 'xdp'] as const) {
  test(`${type}: reads of growing and shrinking extent`, (t) => {
    const built = program(type, 'growing', (p) => {
      const [first] = p.packet.read([short], { orElse: () => p.exit(1) });
      const [second] = p.packet.read([long], { orElse: () => p.exit(2) });
      const [third] = p.packet.read([byte], { at: 13, orElse: () => p.exit(3) });
      const [fourth] = p.packet.read([word, byte], { at: 60, orElse: () => p.exit(4) });
      const [fifth] = p.packet.read([word], {
        at: p.constant('u8', 70).add(third.value.and(7)),
        atMost: 80,
        orElse: () => p.exit(5),
      });
      first.type.set(0x9001);
      second.word.set(0xa1a2_a3a4);
      third.value.set(third.value.xor(0xff).as('u8'));
      fourth.value.set(0x0403_0201);
      fifth.value.set(0x1413_1211);
      p.exit(6);
    });
    using loaded = loadProgram(built, {});
    for (const length of LENGTHS) {
      const { returnValue, data } = loaded.testRun({ data: packetOf(length) });
      const wanted = packetOf(length);
      // Byte 13 is 13: the last word stands at 70 + 5.
      const reached = length < 14 ? 1 : length < 40 ? 2 : length < 65 ? 4 : length < 79 ? 5 : 6;
      if (reached === 6) {
        wanted.set([0x90, 0xfe], 12);
        wanted.set([0xa1, 0xa2, 0xa3, 0xa4], 36);
        wanted.set([1, 2, 3, 4], 60);
        wanted.set([0x11, 0x12, 0x13, 0x14], 75);
      }
      t.is(returnValue, reached, `${length} bytes`);
      t.deepEqual(data, wanted, `${length} bytes`);
    }
  });

  test(`${type}: a read in a branch asks for itself, and again behind it`, (t) => {
    const built = program(type, 'branches', (p) => {
      const [first] = p.packet.read([short], { orElse: () => p.exit(1) });
      p.when(
        first.type.eq(0x900d),
        () => {
          const [inside] = p.packet.read([long], { orElse: () => p.exit(2) });
          inside.word.set(1);
        },
        () => first.type.set(2),
      );
      const [behind] = p.packet.read([long], { orElse: () => p.exit(3) });
      p.exit(behind.word.toHost().add(10));
    });
    using loaded = loadProgram(built, {});
    const other = (length: number): Uint8Array => packetOf(length).fill(0, 12, 14);
    const run = (data: Uint8Array): number => loaded.testRun({ data }).returnValue;
    t.deepEqual(
      [39, 40].map((length) => run(packetOf(length))),
      [2, 11],
    );
    t.deepEqual(
      [39, 40].map((length) => run(other(length))),
      [3, 0x2425_2627 + 10],
    );
  });

  test(`${type}: a place above its bound is too far, whatever is there`, (t) => {
    const built = program(type, 'bounds', (p) => {
      const [at] = p.packet.read([struct('place', { pad: bytes(16), at: u32 })], { orElse: () => p.exit(1) });
      const [found] = p.packet.read([byte], { at: at.at, atMost: 40, orElse: () => p.exit(2) });
      p.exit(found.value.add(100));
    });
    using loaded = loadProgram(built, {});
    const run = (at: number): number => {
      const data = packetOf(50);
      new DataView(data.buffer).setUint32(16, at, true);
      return loaded.testRun({ data }).returnValue;
    };
    t.deepEqual(
      [20, 40, 41, 49, 50, 0xffff, 0x7fff_ffff, 0xffff_ffff].map(run),
      [120, 140, 2, 2, 2, 2, 2, 2],
    );
  });

  test(`${type}: bytes copied onto themselves, further on and further back`, (t) => {
    const run = struct('run', { pad: u8, value: bytes(7) });
    const copied = (from: number, to: number, offset: 'known' | 'read'): Uint8Array => {
      const built = program(type, 'overlap', (p) => {
        const tooShort = { orElse: () => p.exit(1) };
        p.packet.read([struct('whole', { all: bytes(60) })], tooShort);
        const [source] = p.packet.read([run], { at: from, ...tooShort });
        const at =
          offset === 'known' ? to : p.packet.read([byte], { at: 13, ...tooShort })[0].value.add(to - 13);
        const [target] = p.packet.read([run], { at, atMost: 60, ...tooShort } as {
          at: number;
          orElse: () => void;
        });
        target.value.copyFrom(source.value);
        p.exit(0);
      });
      using loaded = loadProgram(built, {});
      return loaded.testRun({ data: packetOf(100) }).data;
    };
    for (const [from, to] of [
      [20, 22],
      [22, 20],
      [20, 26],
      [26, 20],
      [20, 20],
    ] as const) {
      const wanted = packetOf(100);
      wanted.copyWithin(to + 1, from + 1, from + 8);
      for (const offset of ['known', 'read'] as const) {
        t.deepEqual(copied(from, to, offset), wanted, `from ${from} to ${to}, ${offset}`);
      }
    }
  });
}
