// Random ICMP errors of both families, with the packet they quote in full or cut short.

import fc, { type Arbitrary } from 'fast-check';
import { type Bytes, be32, ICMP, icmp, join } from '../wire.ts';
import { ICMPV6, icmp6 } from '../wire6.ts';
import { around, type Build, carried, data, type End, type Family, type Fragmentation } from './packets.ts';

const TYPES: { readonly [F in Family]: readonly number[] } = { 4: [3, 4, 5, 11, 12], 6: [1, 2, 3, 4] };
/** What an extension may follow (RFC 4884, section 3). */
const EXTENSIBLE = 128;
const LEAST: { readonly [F in Family]: number } = { 4: 20, 6: 40 };

/** What a quote shows of a packet: from its header on, and never half a checksum. */
const quote = (family: Family): Arbitrary<Build> =>
  fc
    .tuple(
      fc.constantFrom<Fragmentation[]>(undefined, undefined, undefined, [0, true], [8, false], [616, true]),
      carried(family, 200),
      fc.oneof(fc.constantFrom(8, 8, 8, 20, 4, 0), fc.nat(300), fc.constant(1_000)),
    )
    .chain(([piece, { protocol, segment, check }, size]) =>
      around(family, piece).map(
        (header): Build =>
          (source, destination, id) => {
            const payload = segment([source, destination], id)(source.address, destination.address);
            // Of a later fragment nothing depends on the addresses.
            const later = piece !== undefined && piece[0] > 0;
            const packet = header(
              [source, destination],
              protocol,
              later ? payload.map((_, i) => i) : payload,
            );
            const carriedAt = packet.length - payload.length;
            const half = check === undefined ? -1 : carriedAt + check + 1;
            // Nearly always the headers are there; now and then they are not.
            const cut = size === 300 ? LEAST[family] : carriedAt + size;
            return packet.subarray(0, cut === half ? cut + 1 : cut);
          },
      ),
    );

/** An error from one end to another, about a packet between two ends. */
export type BuildError = (
  source: End,
  destination: End,
  quotedSource: End,
  quotedDestination: End,
  id: number,
) => Bytes;

export const error = (family: Family): Arbitrary<BuildError> =>
  fc
    .tuple(
      around(family),
      fc.constantFrom(...TYPES[family]),
      fc.nat(255),
      fc.nat(0xffff_ffff),
      quote(family),
      data(40),
    )
    .map(
      ([header, type, code, rest, make, behind]): BuildError =>
        (source, destination, a, b, id) => {
          const quoted = make(a, b, id);
          const extended = quoted.length < EXTENSIBLE ? quoted : join(quoted, behind);
          const message =
            family === 4
              ? icmp(type, code, be32(rest), extended)
              : icmp6(type, code, be32(rest), extended)(source.address, destination.address);
          return header([source, destination], family === 4 ? ICMP : ICMPV6, message);
        },
    );
