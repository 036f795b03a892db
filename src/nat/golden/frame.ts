// Packets written down from scratch, every checksum summed over all it covers (RFC 1071): what the datapath, which only
// updates checksums, is held against.

import type { Address } from '../address.ts';
import { bitsOf, familyOf } from '../address.ts';

export type Transport = 'tcp' | 'udp' | 'echo';

/** Who speaks to whom. An echo request has the identifier `sport`, and no `dport`. */
export interface Ends {
  readonly source: Address;
  readonly destination: Address;
  readonly sport: number;
  readonly dport: number;
}

const ETHERNET: Uint8Array = Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2);
const ETHERTYPES = { 4: 0x0800, 6: 0x86dd } as const;
const ICMPV6 = 58;
const PROTOCOLS: { readonly [T in Transport]: number } = { tcp: 6, udp: 17, echo: 1 };
const PAYLOAD: Uint8Array = new TextEncoder().encode('golden');
const HOPS = 64;
const SYN = 0x02;
const TCP_WORDS = 6;
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;

export interface FrameOptions {
  readonly link: 'ethernet' | 'none';
  /** What a TCP SYN announces. */
  readonly mss: number;
  readonly hops?: number;
  /** What UDP carries; `golden` where left out. */
  readonly payload?: Uint8Array;
  /** UDP without a checksum. */
  readonly unsummed?: boolean;
}

/** A frame, or a bare packet. */
export function frameOf(transport: Transport, ends: Ends, options: FrameOptions): Uint8Array {
  const { link, hops = HOPS } = options;
  const family = familyOf(ends.source);
  const protocol = transport === 'echo' && family === 6 ? ICMPV6 : PROTOCOLS[transport];
  const message = { tcp, udp, echo }[transport](ends, options);
  const packet = (family === 6 ? ipv6 : ipv4)(ends, protocol, message, hops);
  return link === 'none' ? packet : join(ETHERNET, be16(ETHERTYPES[family]), packet);
}

interface Message {
  readonly bytes: Uint8Array;
  /** Undefined for none. */
  readonly checkAt: number | undefined;
  /** Whether the checksum covers the addresses, of IPv4; of IPv6 all do. */
  readonly hasPseudo: boolean;
}

function tcp({ sport, dport }: Ends, { mss }: FrameOptions): Message {
  const fixed = join(be16(sport), be16(dport), be32(1), be32(0), Uint8Array.of(TCP_WORDS << 4, SYN));
  const option = join(Uint8Array.of(2, 4), be16(mss));
  return { bytes: join(fixed, be16(64_240), be16(0), be16(0), option), checkAt: 16, hasPseudo: true };
}

function udp({ sport, dport }: Ends, { payload = PAYLOAD, unsummed }: FrameOptions): Message {
  const length = be16(8 + payload.length);
  const bytes = join(be16(sport), be16(dport), length, be16(0), payload);
  return { bytes, checkAt: unsummed ? undefined : 6, hasPseudo: true };
}

function echo({ source, sport }: Ends): Message {
  const type = Uint8Array.of(ECHO_REQUEST[familyOf(source)], 0);
  return { bytes: join(type, be16(0), be16(sport), be16(1), PAYLOAD), checkAt: 2, hasPseudo: false };
}

function ipv4({ source, destination }: Ends, protocol: number, message: Message, hops: number): Uint8Array {
  const addresses = join(addressBytes(source), addressBytes(destination));
  const { bytes } = message;
  const pseudo = join(addresses, be16(protocol), be16(bytes.length));
  const first = join(Uint8Array.of(0x45, 0), be16(20 + bytes.length), be16(1), be16(0));
  const header = join(first, Uint8Array.of(hops, protocol), be16(0), addresses);
  return join(sealed(header, 10, []), sealed(bytes, message.checkAt, message.hasPseudo ? pseudo : []));
}

function ipv6(
  { source, destination }: Ends,
  protocol: number,
  { bytes, checkAt }: Message,
  hops: number,
): Uint8Array {
  const addresses = join(addressBytes(source), addressBytes(destination));
  const pseudo = join(addresses, be32(bytes.length), be32(protocol));
  const header = join(be32(0x6000_0000), be16(bytes.length), Uint8Array.of(protocol, hops), addresses);
  return join(header, sealed(bytes, checkAt, pseudo));
}

/** With its checksum, over `covered` as well. A UDP checksum of zero would mean that there is none. */
function sealed(bytes: Uint8Array, checkAt: number | undefined, covered: ArrayLike<number>): Uint8Array {
  if (checkAt === undefined) return bytes;
  const sum = ~onesSum(join(Uint8Array.from(covered), bytes)) & 0xffff;
  const out = Uint8Array.from(bytes);
  out.set(be16(sum === 0 && checkAt === 6 ? 0xffff : sum), checkAt);
  return out;
}

function onesSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return sum;
}

function addressBytes(address: Address): Uint8Array {
  const size = bitsOf(familyOf(address)) / 8;
  const digits = address.toString(16).padStart(2 * size, '0');
  return Uint8Array.from({ length: size }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

export const be16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value);
export const be32 = (value: number): Uint8Array => join(be16(value >>> 16), be16(value & 0xffff));

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
