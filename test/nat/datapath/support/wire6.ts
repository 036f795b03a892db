// IPv6 packets in bytes (RFC 8200), extension headers and ICMPv6 (RFC 4443); and the transports that either family carries.

import {
  addressBytes,
  type Bytes,
  be16,
  be32,
  bytes,
  DCCP,
  internetChecksum,
  join,
  patch,
  pseudoHeader,
  type Segment,
  UDP_LITE,
} from './wire.ts';

export const ICMPV6 = 58;
export const HOP_BY_HOP = 0;
export const ROUTING = 43;
export const FRAGMENT = 44;
export const NO_NEXT_HEADER = 59;
export const DESTINATION_OPTIONS = 60;

/** An extension header: its number, and its bytes without the number of the next one. */
export interface Extension {
  readonly type: number;
  readonly body: Bytes;
}

/** Hop-by-hop or destination options, mobility and the like: `words` more of eight bytes, all padding. */
export function padded(type: number, words: number = 0): Extension {
  const fill = words * 8 + 4;
  return {
    type,
    body: join(
      Uint8Array.of(words, 1, fill),
      bytes(fill, () => 0),
    ).subarray(0, words * 8 + 7),
  };
}

/** RFC 8754 and others: where `left` of these stops are still to come. */
export function routing(type: number, left: number, stops: readonly bigint[]): Extension {
  return {
    type: ROUTING,
    body: join(
      Uint8Array.of(stops.length * 2, type, left),
      bytes(4, () => 0),
      ...stops.map(addressBytes),
    ),
  };
}

/** `at` in bytes, a multiple of eight. */
export function fragment(at: number, more: boolean, id: number = 0x01020304): Extension {
  return { type: FRAGMENT, body: join(Uint8Array.of(0), be16(at | (more ? 1 : 0)), be32(id)) };
}

export interface Ipv6Fields {
  readonly source: bigint;
  readonly destination: bigint;
  readonly protocol: number;
  readonly extensions?: readonly Extension[];
  readonly hopLimit?: number;
  readonly flow?: number;
  /** For headers that lie. */
  readonly payloadLength?: number;
  readonly version?: number;
}

export function ipv6(fields: Ipv6Fields, payload: Bytes): Bytes {
  const { extensions = [], protocol } = fields;
  const following = [...extensions.slice(1).map(({ type }) => type), protocol];
  const chain = extensions.map(({ body }, i) => join(Uint8Array.of(following[i]!), body));
  const rest = join(...chain, payload);
  return join(
    be32((((fields.version ?? 6) << 28) | (fields.flow ?? 0)) >>> 0),
    be16(fields.payloadLength ?? rest.length),
    Uint8Array.of(extensions[0]?.type ?? protocol, fields.hopLimit ?? 64),
    addressBytes(fields.source),
    addressBytes(fields.destination),
    rest,
  );
}

/** `rest` is the second word, `body` all behind it. */
export function icmp6(type: number, code: number, rest: Bytes, body: Bytes): Segment {
  return (source, destination) => {
    const message = join(Uint8Array.of(type, code, 0, 0), rest, body);
    const pseudo = pseudoHeader(source, destination, ICMPV6, message.length);
    return patch(message, 2, be16(internetChecksum(pseudo, message)));
  };
}

/** RFC 3828: `coverage` bytes are summed, all of them where it is 0. */
export function udpLite(ports: readonly [number, number], payload: Bytes, coverage: number = 0): Segment {
  return (source, destination) => {
    const datagram = join(be16(ports[0]), be16(ports[1]), be16(coverage), be16(0), payload);
    const covered = coverage === 0 ? datagram : datagram.subarray(0, coverage);
    const sum = internetChecksum(pseudoHeader(source, destination, UDP_LITE, datagram.length), covered);
    return patch(datagram, 6, be16(sum === 0 ? 0xffff : sum));
  };
}

/** RFC 4340, section 5.1: a data packet with long sequence numbers. */
export function dccp(ports: readonly [number, number], payload: Bytes): Segment {
  return (source, destination) => {
    const segment = join(
      ...[be16(ports[0]), be16(ports[1]), Uint8Array.of(4, 0, 0, 0, 0x05, 0), be16(1), be32(2)],
      payload,
    );
    const sum = internetChecksum(pseudoHeader(source, destination, DCCP, segment.length), segment);
    return patch(segment, 6, be16(sum));
  };
}
