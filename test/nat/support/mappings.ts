// Lists of mappings of every kind that go together.

import fc from 'fast-check';
import type { Mapping } from '../../../src/nat/mapping.ts';
import { mappingComplaints } from '../../../src/nat/mapping-check.ts';
import { networkOf } from '../../../src/nat/prefix.ts';

/** Few addresses, so that kinds meet on them. */
const last = fc.integer({ min: 1, max: 6 });
const sides = (inside: number, outside: number): fc.Arbitrary<[number | bigint, number | bigint]> =>
  fc
    .tuple(last, last, fc.boolean())
    .map(([a, b, six]) =>
      six
        ? [(0xfd00n << 112n) | BigInt(inside + a), (0x2001_0db8n << 96n) | BigInt(outside + b)]
        : [0x0a00_0000 + inside + a, 0xcb00_7100 + outside + b],
    );

const address: fc.Arbitrary<Mapping> = sides(0, 0).map(([inside, outside]) => ({
  kind: 'address',
  inside,
  outside,
}));

const prefix: fc.Arbitrary<Mapping> = fc
  .tuple(last, last, fc.integer({ min: 8, max: 64 }), fc.boolean(), fc.boolean())
  .map(([a, b, bits, six, neutral]) => {
    const length = six ? bits : 8 + (bits % 24);
    const [inside, outside] = six
      ? [(0xfd00n << 112n) | (BigInt(a) << 66n), (0x2001_0db8n << 96n) | (BigInt(b) << 66n)]
      : [0x0a00_0000 + a * 0x1_0100, 0xc800_0000 + b * 0x1_0100];
    return {
      kind: 'prefix',
      inside: networkOf(inside, length),
      outside: networkOf(outside, length),
      length,
      ...(six && neutral && { neutral: true }),
    };
  });

const port = fc.integer({ min: 1, max: 0xffff });

const single: fc.Arbitrary<Mapping> = fc
  .tuple(sides(16, 16), fc.constantFrom('tcp' as const, 'udp' as const), port, port)
  .map(([[inside, outside], protocol, insidePort, outsidePort]) => ({
    kind: 'port',
    protocol,
    inside,
    insidePort,
    outside,
    outsidePort,
  }));

const block: fc.Arbitrary<Mapping> = fc
  .tuple(sides(32, 32), fc.nat(0xffff), fc.nat(0xffff), fc.integer({ min: 1, max: 0x1_0000 }))
  .map(([[inside, outside], insidePort, outsidePort, most]) => ({
    kind: 'port_block',
    inside,
    insidePort,
    outside,
    outsidePort,
    ports: Math.min(most, 0x1_0000 - insidePort, 0x1_0000 - outsidePort),
  }));

/** What does not go with those before it is left out. */
export const mappingLists: fc.Arbitrary<Mapping[]> = fc
  .array(fc.oneof(address, prefix, single, block), { maxLength: 30 })
  .map((candidates) => {
    const taken: Mapping[] = [];
    for (const mapping of candidates) {
      const list = [...taken, mapping].map((each, i) => ({ mapping: each, origin: `#${i}` }));
      if (mappingComplaints(list).length === 0) taken.push(mapping);
    }
    return taken;
  });
