// Builds packets in bytes, each checksum summed from scratch over all it covers (RFC 1071). A datagram is a function of
// its two addresses, so that the packet a NAT has to emit is the same datagram built for the mapped address.
// Shares nothing with src/ on purpose.

export type Bytes = Uint8Array;
/** An IPv4 address as an unsigned number, an IPv6 address as a bigint. */
export type Address = number | bigint;
/** What a packet carries, for these addresses. */
export type Segment = (source: Address, destination: Address) => Bytes;

export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_IPV6 = 0x86dd;
export const ETHERNET = 14;
export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const DCCP = 33;
export const UDP_LITE = 136;
/** In the word of flags and fragment offset (RFC 791, section 3.1). */
export const MORE_FRAGMENTS = 0x2000;
export const DONT_FRAGMENT = 0x4000;

const MAC_US: Bytes = Uint8Array.of(0x02, 0, 0, 0, 0, 1);
const MAC_PEER: Bytes = Uint8Array.of(0x02, 0, 0, 0, 0, 2);

export function ip4(text: string): number {
  const bytes = text.split('.').map(Number);
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

export const be16 = (value: number): Bytes => Uint8Array.of(value >>> 8, value & 0xff);
export const be32 = (value: number): Bytes =>
  Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);

/** An address as it stands in a header. */
export function addressBytes(address: Address): Bytes {
  if (typeof address === 'number') return be32(address);
  return Uint8Array.from({ length: 16 }, (_, i) => Number((address >> BigInt(8 * (15 - i))) & 0xffn));
}

export const read16 = (b: Bytes, at: number): number => (b[at] as number) * 256 + (b[at + 1] as number);
export const read32 = (b: Bytes, at: number): number => read16(b, at) * 0x10000 + read16(b, at + 2);

export const bytes = (length: number, at: (index: number) => number = (i) => i): Bytes =>
  Uint8Array.from({ length }, (_, index) => at(index) & 0xff);

export function join(...parts: readonly Bytes[]): Bytes {
  return Uint8Array.from(Buffer.concat(parts));
}

/** `part` written over `whole` at `at`; a copy. */
export function patch(whole: Bytes, at: number, part: Bytes): Bytes {
  const copy = Uint8Array.from(whole);
  copy.set(part, at);
  return copy;
}

/** One's complement sum of the 16-bit words, 0 to 0xffff; only the last part may be odd. */
export function onesSum(...parts: readonly Bytes[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += (part[i] as number) * 256 + (part[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

export const internetChecksum = (...parts: readonly Bytes[]): number => 0xffff - onesSum(...parts);

/** RFC 9293 (section 3.1) and, for IPv6, RFC 8200 (section 8.1). */
export const pseudoHeader = (
  source: Address,
  destination: Address,
  protocol: number,
  length: number,
): Bytes =>
  join(
    addressBytes(source),
    addressBytes(destination),
    typeof source === 'number'
      ? join(Uint8Array.of(0, protocol), be16(length))
      : join(be32(length), be32(protocol)),
  );

export interface Ipv4Fields {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly tos?: number;
  readonly id?: number;
  /** Flags and offset, as they stand in the header. */
  readonly fragment?: number;
  readonly ttl?: number;
  /** A multiple of 4 bytes. */
  readonly options?: Bytes;
  /** For headers that lie. */
  readonly totalLength?: number;
  readonly versionIhl?: number;
}

export function ipv4(fields: Ipv4Fields, payload: Bytes): Bytes {
  const { options = new Uint8Array() } = fields;
  const size = 20 + options.length;
  const header = join(
    Uint8Array.of(fields.versionIhl ?? 0x40 + size / 4, fields.tos ?? 0),
    be16(fields.totalLength ?? size + payload.length),
    be16(fields.id ?? 0x1234),
    be16(fields.fragment ?? 0),
    Uint8Array.of(fields.ttl ?? 64, fields.protocol, 0, 0),
    addressBytes(fields.source),
    addressBytes(fields.destination),
    options,
  );
  return join(patch(header, 10, be16(internetChecksum(header))), payload);
}

export interface TcpFields {
  readonly ports?: readonly [number, number];
  readonly flags?: number;
  readonly options?: Bytes;
  readonly payload?: Bytes;
}

export function tcp({
  ports = [40000, 80],
  options = bytes(0),
  payload = bytes(11),
  flags = 0x18,
}: TcpFields = {}): Segment {
  return (source, destination) => {
    const segment = join(
      be16(ports[0]),
      be16(ports[1]),
      be32(0x01020304),
      be32(0x05060708),
      Uint8Array.of((5 + options.length / 4) << 4, flags, 0xfa, 0xf0, 0, 0, 0, 0),
      options,
      payload,
    );
    const pseudo = pseudoHeader(source, destination, TCP, segment.length);
    return patch(segment, 16, be16(internetChecksum(pseudo, segment)));
  };
}

export interface UdpFields {
  readonly ports?: readonly [number, number];
  readonly payload?: Bytes;
  /** `none`: the sender did without (RFC 768: zero). */
  readonly checksum?: 'sum' | 'none';
}

export function udp({ ports = [40000, 53], payload = bytes(11), checksum = 'sum' }: UdpFields = {}): Segment {
  return (source, destination) => {
    const datagram = join(be16(ports[0]), be16(ports[1]), be16(8 + payload.length), be16(0), payload);
    if (checksum === 'none') return datagram;
    const sum = internetChecksum(pseudoHeader(source, destination, UDP, datagram.length), datagram);
    return patch(datagram, 6, be16(sum === 0 ? 0xffff : sum));
  };
}

export function icmp(type: number, code: number, rest: Bytes, body: Bytes): Bytes {
  const message = join(Uint8Array.of(type, code, 0, 0), rest, body);
  return patch(message, 2, be16(internetChecksum(message)));
}

export interface FrameFields {
  /** What the version of the packet says, where left out. */
  readonly type?: number;
  readonly pad?: number;
  readonly filler?: number;
  /** VLAN tags in front of the packet, each with its own type. */
  readonly tags?: readonly (readonly [type: number, tci: number])[];
}

/** Padded with `filler` up to `pad` bytes. */
export function frame(packet: Bytes, fields: FrameFields = {}): Bytes {
  const { type = packet[0]! >> 4 === 6 ? ETH_P_IPV6 : ETH_P_IP, pad = 0, filler = 0xee, tags = [] } = fields;
  const stacked = tags.map(([tag, tci]) => join(be16(tag), be16(tci)));
  const bare = join(MAC_PEER, MAC_US, ...stacked, be16(type), packet);
  return join(
    bare,
    bytes(Math.max(0, pad - bare.length), () => filler),
  );
}
