// What holds for every packet, tried on random ones. TSNAT_DATAPATH_PACKETS says how many for each property (2,000 where
// left out); TSNAT_SEED repeats a run.

import test from 'ava';
import fc from 'fast-check';
import { address, conversation, damage, spoil } from './support/arbitrary.ts';
import { hex, Rig, type Seen, seen } from './support/rig.ts';
import { type Address, type Bytes, bytes, ICMP, patch } from './support/wire.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 2_000);
const seed = process.env.TSNAT_SEED === undefined ? {} : { seed: Number(process.env.TSNAT_SEED) };
const SETTINGS = { numRuns, ...seed, includeErrorInReport: true };

const rigs = { pass: new Rig({ map: [] }), drop: new Rig({ map: [], unmapped: 'drop' }) };
const policy = fc.constantFrom('pass' as const, 'drop' as const);
const direction = fc.constantFrom('outbound' as const, 'inbound' as const);
const same = (actual: Seen, expected: Seen): void => {
  if (JSON.stringify(actual) === JSON.stringify(expected)) return;
  throw new Error(`${JSON.stringify(actual, null, 1)}\nand not\n${JSON.stringify(expected, null, 1)}`);
};

test('a valid packet comes out as the same packet built for the mapped address', (t) => {
  fc.assert(
    fc.property(
      ...[conversation, direction, policy, address, address, address],
      (make, way, unmapped, inside, outside, peer) => {
        const rig = rigs[unmapped];
        rig.remap([[inside, outside]]);
        const [own, becomes] = way === 'outbound' ? [inside, outside] : [outside, inside];
        const before = make(own, peer, way === 'outbound');
        const after = make(becomes, peer, way === 'outbound');
        same(rig.run(way, before), seen(way, before, { verdict: 'next', frame: after, counted: own }));
        same(rig.expected(way, before), rig.run(way, before));
      },
    ),
    SETTINGS,
  );
  t.pass();
});

test('out and back in gives the packet back, byte for byte', (t) => {
  fc.assert(
    fc.property(conversation, address, address, address, (make, inside, outside, peer) => {
      const rig = rigs.drop;
      rig.remap([[inside, outside]]);
      const before = make(inside, peer, true);
      // The way back: source and destination change places, and to no checksum it matters.
      const back = rig.through('inbound', turned(rig.through('outbound', before)));
      if (hex(turned(back)) !== hex(before)) throw new Error(`${hex(turned(back))}\nand not\n${hex(before)}`);
    }),
    SETTINGS,
  );
  t.pass();
});

test('whatever the bytes, the programs do what the reference does and nothing else', (t) => {
  fc.assert(
    fc.property(
      ...[conversation, damage, direction, policy, address, address, address],
      (make, harm, way, unmapped, inside, outside, peer) => {
        const rig = rigs[unmapped];
        rig.remap([[inside, outside]]);
        const own = way === 'outbound' ? inside : outside;
        const frame = spoil(make(own, peer, way === 'outbound'), harm);
        same(rig.run(way, frame), rig.expected(way, frame));
      },
    ),
    SETTINGS,
  );
  t.pass();
});

test('random bytes', (t) => {
  const type = fc.constantFrom([0x08, 0x00], [0x08, 0x00], [0x08, 0x06], [0x86, 0xdd], [0x81, 0x00]);
  const noise = fc
    .tuple(fc.uint8Array({ minLength: 54, maxLength: 300 }), type, fc.constantFrom(0x45, 0x46, 0x4f, 0x44))
    .map(([frame, ether, head]) => patch(patch(frame, 12, Uint8Array.from(ether)), 14, Uint8Array.of(head)))
    .map((frame) =>
      frame[1]! < 192 ? patch(frame, 16, Uint8Array.of(0, frame[2]! % (frame.length - 13))) : frame,
    )
    .map((frame) => (frame[3]! < 192 ? patch(frame, 23, Uint8Array.of([1, 6, 17][frame[4]! % 3]!)) : frame))
    .map((frame) =>
      frame[5]! < 128
        ? patch(
            frame,
            20,
            bytes(2, () => 0),
          )
        : frame,
    );
  fc.assert(
    fc.property(noise, direction, policy, address, fc.boolean(), (frame, way, unmapped, other, mapped) => {
      const rig = rigs[unmapped];
      const at = way === 'outbound' ? 26 : 30;
      const own = new DataView(frame.buffer).getUint32(at);
      const pair: [Address, Address] = way === 'outbound' ? [own, other] : [other, own];
      rig.remap(mapped ? [pair] : []);
      same(rig.run(way, frame), rig.expected(way, frame));
    }),
    SETTINGS,
  );
  t.pass();
});

/** Source and destination exchanged, in the packet and in the one it quotes. */
function turned(frame: Bytes): Bytes {
  const out = swapped(frame, 14);
  const payload = 14 + (frame[14]! & 0xf) * 4;
  const first = ((frame[20]! << 8) | frame[21]!) % 0x2000 === 0;
  const isError = frame[23] === ICMP && first && [3, 4, 5, 11, 12].includes(frame[payload]!);
  return isError ? swapped(out, payload + 8) : out;
}

function swapped(frame: Bytes, ip: number): Bytes {
  const source = frame.slice(ip + 12, ip + 16);
  return patch(patch(frame, ip + 12, frame.slice(ip + 16, ip + 20)), ip + 16, source);
}
