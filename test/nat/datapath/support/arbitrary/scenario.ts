// A packet that has to do with the mappings there are: its own end is in one of them, or nearly, and its other end may be
// anything, another mapped address too.

import fc, { type Arbitrary } from 'fast-check';
import { type Mapping, widthOf } from '../reference/mappings.ts';
import type { Direction } from '../reference/world.ts';
import { type Bytes, type FrameFields, frame } from '../wire.ts';
import { error } from './errors.ts';
import { address, type Kind, mappings, port } from './mappings.ts';
import { type Build, bare, type End, type Family, piece, whole } from './packets.ts';

export interface Scenario {
  readonly mappings: readonly Mapping[];
  readonly direction: Direction;
  readonly own: End;
  readonly peer: End;
  readonly make: Conversation;
}

/** A frame of a host at `own` that speaks with `peer`; errors quote what went the other way. */
export type Conversation = (own: End, peer: End, direction: Direction) => Bytes;

const TAGS: readonly (readonly [number, number])[] = [
  [0x8100, 100],
  [0x88a8, 0xe005],
];
const around: Arbitrary<FrameFields> = fc.record({
  pad: fc.constantFrom(0, 0, 60, 61, 300),
  filler: fc.nat(255),
  tags: fc.oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    fc.array(fc.constantFrom(...TAGS), { minLength: 1, maxLength: 2 }),
  ),
});

const plain =
  (build: Build, fields: FrameFields): Conversation =>
  (own, peer, direction) => {
    const [source, destination] = direction === 'outbound' ? [own, peer] : [peer, own];
    return frame(build(source, destination, own.port), fields);
  };

export function conversation(family: Family): Arbitrary<Conversation> {
  const errors = fc.tuple(error(family), around).map(
    ([build, fields]): Conversation =>
      (own, peer, direction) => {
        const ends =
          direction === 'outbound' ? ([own, peer, peer, own] as const) : ([peer, own, own, peer] as const);
        return frame(build(...ends, own.port), fields);
      },
  );
  const builds = [whole(family), whole(family), piece(family), ...(family === 6 ? [bare] : [])];
  return fc.oneof(
    ...builds.map((one) => fc.tuple(one, around).map(([make, fields]) => plain(make, fields))),
    errors,
  );
}

/** Some end that a mapping is about, on the side given; ports at its edges. */
function endOf(mapping: Mapping, side: 'inside' | 'outside', [host, offset]: readonly [bigint, number]): End {
  const base = mapping[side];
  if (mapping.kind === 'prefix') {
    const rest = host & ((1n << BigInt(widthOf(base) - mapping.length)) - 1n);
    return { address: typeof base === 'number' ? Number(BigInt(base) | rest) : base | rest, port: offset };
  }
  if (mapping.kind === 'address') return { address: base, port: offset };
  const first = side === 'inside' ? mapping.insidePort : mapping.outsidePort;
  const count = mapping.kind === 'port_block' ? mapping.ports : 1;
  // Of eleven ports one is anywhere, one just before and one just behind.
  const within = offset % count;
  const places = [within, count - 1, 0, within, within, within, 0, count - 1, -1, count, offset];
  return { address: base, port: (first + places[offset % 11]! + 0x10000) % 0x10000 };
}

const host = fc.bigInt(0n, (1n << 128n) - 1n);

export function endFor(
  family: Family,
  all: readonly Mapping[],
  side: 'inside' | 'outside',
  strangers: number,
): Arbitrary<End> {
  const anybody = fc.record({ address: address(family), port });
  if (all.length === 0) return anybody;
  const one = fc
    .tuple(fc.constantFrom(...all), fc.tuple(host, fc.nat(0xffff)))
    .map(([mapping, where]) => endOf(mapping, side, where));
  return fc.oneof({ weight: 10, arbitrary: one }, { weight: strangers, arbitrary: anybody });
}

export interface Shape {
  /** How many mappings there are at the most. */
  readonly most?: number;
  /** Of which kinds; of any, where left out. */
  readonly kinds?: readonly Kind[];
  /** Either, where left out. */
  readonly direction?: Direction;
}

export const scenario = (family: Family, { most, kinds, direction }: Shape = {}): Arbitrary<Scenario> =>
  fc
    .tuple(
      mappings(family, most, kinds),
      direction ? fc.constant(direction) : fc.constantFrom<Direction>('outbound', 'inbound'),
    )
    .chain(([all, way]) => {
      const [near, far] =
        way === 'outbound' ? (['inside', 'outside'] as const) : (['outside', 'inside'] as const);
      return fc.record({
        ...{ mappings: fc.constant(all), direction: fc.constant(way) },
        own: fc.oneof(
          { weight: 12, arbitrary: endFor(family, all, near, 1) },
          { weight: 1, arbitrary: endFor(family, all, far, 1) },
        ),
        peer: endFor(family, all, 'outside', 50),
        make: conversation(family),
      });
    });

export const frameOf = ({ make, own, peer, direction }: Scenario): Bytes => make(own, peer, direction);
