// The VNI of tunnel slots, packet by packet, in the kernel and in the interpreter: what comes out is the same packet built
// for the other VNI, every checksum summed from scratch.

import anyTest, { type TestFn } from 'ava';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { hex } from './support/rig.ts';
import { INNERS, INSIDE, type Outer, PEER, type TunnelKind, tunnelFrame } from './support/tunnel.ts';
import {
  at,
  boundSlot,
  counters,
  FAMILIES,
  GOES_ON,
  KINDS,
  outcome,
  outerOf,
  rewritten,
  rigOf,
  setUp,
  WAYS,
} from './support/tunnel-rig.ts';
import { type Bytes, be16, bytes, frame, join, patch, read16 } from './support/wire.ts';

const test = anyTest as TestFn;
needsRootAndBpf(test);

for (const machine of ['kernel', 'interpreter'] as const) {
  for (const kind of KINDS) {
    for (const family of FAMILIES) {
      const what = `${kind} over IPv${family}, ${machine}`;

      test(`${what}: the VNI is rewritten, and nothing else`, (t) => {
        for (const uses of ['slots', 'all'] as const) {
          const rig = rigOf(machine, uses);
          const setting = boundSlot(kind, family, 'plain');
          const done = setUp(rig, setting);
          for (const way of WAYS) {
            for (const more of variants(kind)) {
              const outer = outerOf(way, family, kind, more);
              const inner = frame(join(Uint8Array.of(0x45), bytes(60)));
              const [before, after] = [tunnelFrame(outer, inner), tunnelFrame(rewritten(outer, way), inner)];
              t.deepEqual(outcome(rig, way, before), { ...GOES_ON, frame: hex(after) }, JSON.stringify(more));
            }
            for (const [name, make] of innersOf()) {
              for (const checksum of ['sum', 'none'] as const) {
                const outer = outerOf(way, family, kind, { checksum });
                const inner = make(way === 'outbound');
                const [before, after] = [
                  tunnelFrame(outer, inner),
                  tunnelFrame(rewritten(outer, way), inner),
                ];
                t.deepEqual(outcome(rig, way, before), { ...GOES_ON, frame: hex(after) }, `${way} ${name}`);
              }
            }
          }
          const [out, , back] = counters(rig, setting.slots[0]!);
          const expected = variants(kind).length + 2 * innersOf().length;
          t.deepEqual([out, back], [BigInt(expected), BigInt(expected)]);
          done();
        }
      });
    }
  }

  test(`a checksum that comes out as zero is sent as all ones, ${machine}`, (t) => {
    const rig = rigOf(machine, 'slots');
    const done = setUp(rig, boundSlot('vxlan', 4, 'plain'));
    const outer = outerOf('outbound', 4, 'vxlan');
    // Two bytes of payload such that the sum is all ones under the real VNI.
    const filler = (sum: number): Bytes => patch(frame(bytes(60)), 72, be16(sum));
    const checkOf = (whole: Bytes): number => whole[40]! * 256 + whole[41]!;
    const first = checkOf(tunnelFrame(rewritten(outer, 'outbound'), filler(0)));
    const inner = filler(first);
    const after = tunnelFrame(rewritten(outer, 'outbound'), inner);
    t.is(checkOf(after), 0xffff);
    t.deepEqual(outcome(rig, 'outbound', tunnelFrame(outer, inner)), { ...GOES_ON, frame: hex(after) });
    done();
  });

  test(`a checksum that happens to be the sum of the pseudo-header is one all the same, ${machine}`, (t) => {
    const rig = rigOf(machine, 'slots');
    const done = setUp(rig, boundSlot('vxlan', 4, 'plain'));
    const outer = outerOf('outbound', 4, 'vxlan');
    const inner = innerForPseudo(outer);
    const before = tunnelFrame(outer, inner);
    t.is(before[40]! * 256 + before[41]!, pseudoSumOf(before));
    t.deepEqual(outcome(rig, 'outbound', before), {
      ...GOES_ON,
      frame: hex(tunnelFrame(rewritten(outer, 'outbound'), inner)),
    });
    done();
  });
}

/** The sum over the outer pseudo-header of a frame over IPv4. */
function pseudoSumOf(whole: Bytes): number {
  const length = whole[38]! * 256 + whole[39]!;
  const words = [...Array(4).keys()].map((i) => whole[26 + 2 * i]! * 256 + whole[27 + 2 * i]!);
  return [...words, 17, length].reduce((sum, word) =>
    sum + word > 0xffff ? sum + word - 0xffff : sum + word,
  );
}

/** An inner frame with which the outer checksum is the sum of the pseudo-header. */
function innerForPseudo(outer: Outer): Bytes {
  const filler = (sum: number): Bytes => patch(frame(bytes(60)), 72, be16(sum));
  const whole = tunnelFrame(outer, filler(0));
  return filler((read16(whole, 40) + 0xffff - pseudoSumOf(whole)) % 0xffff);
}

/** Everything that can stand around the VNI. */
const variants = (kind: TunnelKind): Partial<Outer>[] => [
  {},
  { checksum: 'none' },
  { reserved: 0xab },
  { frame: { tags: [[0x8100, 7]] } },
  {
    frame: {
      tags: [
        [0x88a8, 7],
        [0x8100, 9],
      ],
    },
  },
  ...(kind === 'geneve'
    ? [{ options: bytes(4) }, { options: bytes(252), checksum: 'none' as const }, { options: bytes(252) }]
    : [{ first: 0x88 }, { first: 0x00 }]),
];

const innersOf = (): [string, (leaving: boolean) => Bytes][] =>
  FAMILIES.flatMap((version) =>
    Object.entries(INNERS[version]).map(([name, make]): [string, (leaving: boolean) => Bytes] => [
      `${version} ${name}`,
      (leaving) => make(at(INSIDE, version), at(PEER, version), leaving),
    ]),
  );
