// Random packets of both families, as functions of their two ends, so that the same packet can be built again for what an
// end becomes.

import fc, { type Arbitrary } from 'fast-check';
import {
  type Address,
  type Bytes,
  be16,
  bytes,
  DCCP,
  DONT_FRAGMENT,
  ICMP,
  icmp,
  ipv4,
  join,
  MORE_FRAGMENTS,
  type Segment,
  TCP,
  tcp,
  UDP,
  UDP_LITE,
  udp,
} from '../wire.ts';
import {
  DESTINATION_OPTIONS,
  dccp,
  type Extension,
  fragment,
  HOP_BY_HOP,
  ICMPV6,
  icmp6,
  ipv6,
  NO_NEXT_HEADER,
  padded,
  routing,
  udpLite,
} from '../wire6.ts';

export type Family = 4 | 6;

/** One end of a conversation. */
export interface End {
  readonly address: Address;
  readonly port: number;
}

/** A packet from one end to another. `id` is the identifier of a query. */
export type Build = (source: End, destination: End, id: number) => Bytes;

/** The longest frame the kernel takes for a test run leaves this much to the payload. */
const MOST = 2_800;
const OTHERS = [2, 4, 41, 47, 50, 51, 89, 103, 115, 132, 253, 255] as const;

export const word: Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff),
  fc.nat(0xffff),
);

export const data = (most: number): Arbitrary<Bytes> =>
  fc.oneof(
    fc.uint8Array({ maxLength: most }),
    // Long runs of one byte drive the sums into their corners.
    fc.tuple(fc.nat(most), fc.constantFrom(0, 0xff)).map(([n, byte]) => new Uint8Array(n).fill(byte)),
  );

/** What a packet carries, in either family. */
export interface Carried {
  readonly protocol: number;
  segment(ends: readonly [source: End, destination: End], id: number): Segment;
  /** Of the transport checksum in the segment, where there is one. */
  readonly check?: number;
  /** The least a first fragment has to hold; a multiple of 8. */
  readonly least: number;
}

const mss = fc.nat(0xffff).map((size) => join(Uint8Array.of(2, 4), be16(size)));
/** Options as they come: MSS at any place, odd ones too, and bytes that lie. */
const tcpOptions: Arbitrary<Bytes> = fc
  .array(
    fc.oneof(
      mss,
      mss,
      fc.constantFrom(Uint8Array.of(1), Uint8Array.of(1), Uint8Array.of(3, 3, 7), Uint8Array.of(4, 2)),
      fc.constantFrom(Uint8Array.of(0), Uint8Array.of(8, 10, 1, 2, 3, 4, 5, 6, 7, 8), Uint8Array.of(2, 3, 9)),
    ),
    { maxLength: 6 },
  )
  .map((options) => join(...options).subarray(0, 40))
  .map((options) =>
    join(
      options,
      bytes(-options.length & 3, () => 0),
    ),
  );

const ports = ([source, destination]: readonly [End, End]): readonly [number, number] => [
  source.port,
  destination.port,
];

export function carried(family: Family, most: number): Arbitrary<Carried> {
  const payload = data(most);
  const flags = fc.constantFrom(0x02, 0x02, 0x12, 0x18, 0x10, 0x04, 0xff);
  const tcps = fc.tuple(tcpOptions, payload, flags).map(
    ([options, body, flag]): Carried => ({
      ...{ protocol: TCP, check: 16, least: 24 },
      segment: (ends) => tcp({ ports: ports(ends), options, payload: body, flags: flag }),
    }),
  );
  const udps = fc.tuple(payload, fc.constantFrom('sum' as const, 'sum' as const, 'none' as const)).map(
    ([body, checksum]): Carried => ({
      ...{ protocol: UDP, check: 6, least: 8 },
      segment: (ends) => udp({ ports: ports(ends), payload: body, checksum }),
    }),
  );
  const lites = fc.tuple(payload, fc.constantFrom(0, 0, 8, 12)).map(
    ([body, coverage]): Carried => ({
      ...{ protocol: UDP_LITE, check: 6, least: 8 },
      segment: (ends) => udpLite(ports(ends), body, coverage > 8 + body.length ? 8 : coverage),
    }),
  );
  const dccps = payload.map(
    (body): Carried => ({
      ...{ protocol: DCCP, check: 6, least: 16 },
      segment: (ends) => dccp(ports(ends), body),
    }),
  );
  const others = fc
    .tuple(fc.constantFrom(...OTHERS), payload)
    .map(([protocol, body]): Carried => ({ protocol, segment: () => () => body, least: 0 }));
  const messages = family === 4 ? messages4(payload) : messages6(payload);
  return fc.oneof(
    { weight: 3, arbitrary: tcps },
    { weight: 3, arbitrary: udps },
    { weight: 1, arbitrary: lites },
    { weight: 1, arbitrary: dccps },
    { weight: 3, arbitrary: messages },
    { weight: 2, arbitrary: others },
  );
}

function messages4(payload: Arbitrary<Bytes>): Arbitrary<Carried> {
  const type = fc.constantFrom(0, 8, 0, 8, 13, 14, 15, 16, 17, 18, 9, 10, 42, 255);
  return fc.tuple(type, fc.nat(255), word, payload).map(
    ([kind, code, sequence, body]): Carried => ({
      ...{ protocol: ICMP, check: 2, least: 8 },
      segment: (_, id) => () => icmp(kind, code, join(be16(id), be16(sequence)), body),
    }),
  );
}

function messages6(payload: Arbitrary<Bytes>): Arbitrary<Carried> {
  const type = fc.constantFrom(
    128,
    129,
    128,
    129,
    100,
    127,
    138,
    139,
    140,
    144,
    160,
    200,
    255,
    133,
    136,
    143,
  );
  return fc.tuple(type, fc.nat(255), word, payload).map(
    ([kind, code, sequence, body]): Carried => ({
      ...{ protocol: ICMPV6, check: 2, least: 8 },
      segment: (_, id) => icmp6(kind, code, join(be16(id), be16(sequence)), body),
    }),
  );
}

/** A header of either family around what it carries; `protocol` is what stands behind its extensions. */
export type Around = (
  ends: readonly [source: End, destination: End],
  protocol: number,
  payload: Bytes,
) => Bytes;

const words = fc.nat(10).map((count) => count * 4);
/** None mostly; else padding, which every router lets through, or anything. */
const options: Arbitrary<Bytes> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(new Uint8Array(0)) },
  { weight: 2, arbitrary: words.map((length) => bytes(length, () => 1)) },
  { weight: 1, arbitrary: words.chain((length) => fc.uint8Array({ minLength: length, maxLength: length })) },
);

export type Fragmentation = readonly [at: number, more: boolean] | undefined;

const around4 = (piece: Fragmentation): Arbitrary<Around> =>
  fc
    .record({
      tos: fc.nat(255),
      id: word,
      ttl: fc.nat(255),
      options,
      flags: fc.constantFrom(0, DONT_FRAGMENT, 0x8000),
    })
    .map(
      ({ flags, ...fields }): Around =>
        ([{ address: source }, { address: destination }], protocol, payload) => {
          const [at, more] = piece ?? [0, false];
          const word16 = piece === undefined ? flags : (more ? MORE_FRAGMENTS : 0) | (at / 8);
          return ipv4({ ...fields, source, destination, protocol, fragment: word16 }, payload);
        },
    );

const stop = fc.bigInt(0n, (1n << 128n) - 1n);

export const extension: Arbitrary<Extension> = fc.oneof(
  fc
    .tuple(fc.constantFrom(HOP_BY_HOP, DESTINATION_OPTIONS, DESTINATION_OPTIONS, 135, 139, 140), fc.nat(3))
    .map(([type, words]) => padded(type, words)),
  fc
    .tuple(
      fc.constantFrom(0, 2, 3, 4),
      fc.constantFrom(0, 1, 1),
      fc.array(stop, { minLength: 1, maxLength: 2 }),
    )
    .map(([type, left, stops]) => routing(type, left, stops)),
  fc.constant(fragment(0, false)),
);

/** Few of them mostly, and now and then as many as are followed. */
const chain = fc.oneof(
  { weight: 6, arbitrary: fc.constant([]) },
  { weight: 4, arbitrary: fc.array(extension, { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.array(extension, { minLength: 6, maxLength: 7 }) },
);

const around6 = (piece: Fragmentation): Arbitrary<Around> =>
  fc.record({ extensions: chain, hopLimit: fc.nat(255), flow: fc.nat(0xfffff) }).map(
    ({ extensions, ...fields }): Around =>
      ([{ address: source }, { address: destination }], protocol, payload) => {
        const all = piece === undefined ? extensions : [...extensions, fragment(...piece)];
        const ends = { source: source as bigint, destination: destination as bigint };
        return ipv6({ ...fields, ...ends, protocol, extensions: all }, payload);
      },
  );

export const around = (family: Family, piece?: Fragmentation): Arbitrary<Around> =>
  family === 4 ? around4(piece) : around6(piece);

/** A whole packet. */
export const whole = (family: Family): Arbitrary<Build> =>
  fc.tuple(around(family), carried(family, MOST)).map(
    ([header, { protocol, segment }]): Build =>
      (source, destination, id) => {
        const payload = segment([source, destination], id)(source.address, destination.address);
        return header([source, destination], protocol, payload);
      },
  );

/** One fragment of a packet; checksums were made for the whole. */
export const piece = (family: Family): Arbitrary<Build> =>
  fc
    .tuple(carried(family, 600), fc.nat(40), fc.nat(40))
    .chain(([{ protocol, segment, least }, skip, count]) => {
      const at = skip * 8;
      const size = at === 0 ? Math.max(count * 8, least) : (count + 1) * 8;
      return fc.tuple(around(family, [at, true]), around(family, [at, false])).map(
        ([more, last]): Build =>
          (source, destination, id) => {
            const all = segment([source, destination], id)(source.address, destination.address);
            const part = at < all.length ? all.subarray(at, at + size) : bytes(8);
            const header = at + size < all.length ? more : last;
            return header([source, destination], protocol, part);
          },
      );
    });

/** A packet with nothing behind its header that anybody has to understand. */
export const bare: Arbitrary<Build> = fc.tuple(around6(undefined), data(30)).map(
  ([header, rest]): Build =>
    (source, destination) =>
      header([source, destination], NO_NEXT_HEADER, rest),
);
