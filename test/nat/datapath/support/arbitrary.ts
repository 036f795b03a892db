// Random packets for the properties: valid ones as functions of their addresses, and frames that are spoilt.

import fc, { type Arbitrary } from 'fast-check';
import {
  type Address,
  type Bytes,
  be32,
  DONT_FRAGMENT,
  frame,
  ICMP,
  type Ipv4Fields,
  icmp,
  ipv4,
  join,
  MORE_FRAGMENTS,
  type Segment,
  TCP,
  tcp,
  UDP,
  udp,
} from './wire.ts';
import type { Packet } from './world.ts';

/** The longest frame the kernel takes for a test run leaves this much to the payload. */
const MOST = 3_000;
const ERRORS = [3, 4, 5, 11, 12] as const;
const QUERIES = [0, 8, 9, 10, 13, 14, 17, 18, 42, 255] as const;
const OTHERS = [0, 2, 4, 33, 41, 47, 50, 89, 103, 115, 132, 136, 253, 255] as const;

const word = fc.oneof(fc.constantFrom(0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff), fc.nat(0xffff));

export const address: Arbitrary<Address> = fc.tuple(word, word).map(([high, low]) => high * 0x10000 + low);

const data = (most: number): Arbitrary<Bytes> =>
  fc.oneof(
    fc.uint8Array({ maxLength: most }),
    // Long runs of one byte drive the sums into their corners.
    fc.tuple(fc.nat(most), fc.constantFrom(0, 0xff)).map(([n, byte]) => new Uint8Array(n).fill(byte)),
  );

const options: Arbitrary<Bytes> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(new Uint8Array(0)) },
  fc.nat(10).chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })),
);

type Header = Pick<Ipv4Fields, 'tos' | 'id' | 'ttl' | 'options'>;

const header: Arbitrary<Header> = fc.record({ tos: fc.nat(255), id: word, ttl: fc.nat(255), options });

interface Carried {
  readonly protocol: number;
  readonly segment: Segment;
  /** Of the transport checksum in the segment, where there is one. */
  readonly check?: number;
  /** The least a first fragment has to hold; a multiple of 8. */
  readonly least: number;
}

const ports = fc.tuple(word, word);

function carried(most: number): Arbitrary<Carried> {
  const payload = data(most);
  const words = fc.nat(10).chain((n) => fc.uint8Array({ minLength: n * 4, maxLength: n * 4 }));
  const tcps = fc
    .record({ ports, options: words, payload })
    .map((fields) => ({ protocol: TCP, segment: tcp(fields), check: 16, least: 24 }));
  const udps = fc
    .record({ ports, payload, checksum: fc.constantFrom('sum' as const, 'sum' as const, 'none' as const) })
    .map((fields) => ({ protocol: UDP, segment: udp(fields), check: 6, least: 8 }));
  const queries = fc
    .tuple(fc.constantFrom(...QUERIES), fc.nat(255), address, payload)
    .map(([type, code, rest, body]) => {
      const message = icmp(type, code, be32(rest), body);
      return { protocol: ICMP, segment: () => message, least: 8 };
    });
  const others = fc
    .tuple(fc.constantFrom(...OTHERS), payload)
    .map(([protocol, body]) => ({ protocol, segment: () => body, least: 0 }));
  return fc.oneof(tcps, udps, queries, others);
}

/** A whole packet, or one fragment of it (`at` bytes in). */
const plain: Arbitrary<Packet> = fc
  .tuple(
    header,
    carried(MOST),
    fc.constantFrom(0, DONT_FRAGMENT, 0x8000),
    fc.option(fc.tuple(fc.nat(40), fc.nat(40))),
  )
  .map(([fields, { protocol, segment, least }, flags, cut]) => (source, destination) => {
    const whole = segment(source, destination);
    const ends = { ...fields, source, destination, protocol };
    if (cut === null || whole.length < least + 16) return ipv4({ ...ends, fragment: flags }, whole);
    // Behind the fixed header: a checksum in a later fragment is out of reach.
    const wanted = Math.max(cut[0] * 8, least);
    const at = cut[0] > 0 && wanted < whole.length ? wanted : 0;
    const length = Math.max(cut[1] * 8, at === 0 ? least : 8);
    const more = at + length < whole.length ? MORE_FRAGMENTS : 0;
    return ipv4({ ...ends, fragment: more | (at / 8) }, whole.subarray(at, at + length));
  });

/** What a quote shows of a packet: from its header on, never half a checksum. */
const quote: Arbitrary<Packet> = fc
  .tuple(header, carried(200), fc.constantFrom(0, 0, 0, MORE_FRAGMENTS, 1, MORE_FRAGMENTS | 77), fc.nat(300))
  .map(([fields, { protocol, segment, check }, fragment, size]) => (source, destination) => {
    const payload = segment(source, destination);
    const first = (fragment & 0x1fff) === 0;
    // Of a later fragment nothing depends on the addresses.
    const body = first ? payload : payload.map((_, i) => i);
    const packet = ipv4({ ...fields, source, destination, protocol, fragment }, body);
    const half = check === undefined ? -1 : packet.length - payload.length + check + 1;
    const cut = 20 + size;
    return packet.subarray(0, cut === half ? cut + 1 : cut);
  });

/** What an extension may follow (RFC 4884, section 3). */
const EXTENSIBLE = 128;

/** An ICMP error: the packet around, with the addresses of the quote set apart. */
export type ErrorPacket = (
  source: Address,
  destination: Address,
  quotedSource: Address,
  quotedDestination: Address,
) => Bytes;

const error: Arbitrary<ErrorPacket> = fc
  .tuple(header, fc.constantFrom(...ERRORS), fc.nat(255), address, quote, data(40))
  .map(([fields, type, code, rest, make, behind]) => (source, destination, a, b) => {
    const quoted = make(a, b);
    const extended = quoted.length < EXTENSIBLE ? quoted : join(quoted, behind);
    const message = icmp(type, code, be32(rest), extended);
    return ipv4({ ...fields, source, destination, protocol: ICMP }, message);
  });

/** A valid frame of a host at `own` that speaks with `peer`; errors quote what went the other way. */
export type Conversation = (own: Address, peer: Address, outbound: boolean) => Bytes;

const pad = fc.constantFrom(0, 0, 60, 61, 300);
const filler = fc.nat(255);

export const conversation: Arbitrary<Conversation> = fc.oneof(
  fc.tuple(plain, pad, filler).map(
    ([make, padTo, fill]): Conversation =>
      (own, peer, outbound) => {
        const packet = outbound ? make(own, peer) : make(peer, own);
        return frame(packet, { pad: padTo, filler: fill });
      },
  ),
  fc.tuple(error, pad, filler).map(
    ([make, padTo, fill]): Conversation =>
      (own, peer, outbound) => {
        const packet = outbound ? make(own, peer, peer, own) : make(peer, own, own, peer);
        return frame(packet, { pad: padTo, filler: fill });
      },
  ),
);

/** How a frame is spoilt: bytes of the headers overwritten, the end cut off. */
export interface Damage {
  readonly bytes: readonly (readonly [at: number, value: number])[];
  readonly length: number | null;
}

/** The bytes that decide: type, version and IHL, total length, fragment, protocol, ICMP type, quoted version and IHL. */
const TELLING = [12, 13, 14, 16, 17, 20, 21, 23, 34, 42, 42, 45, 48, 49, 51];
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
      fc.tuple(fc.constantFrom(...TELLING), fc.oneof(telling, fc.nat(255))),
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
