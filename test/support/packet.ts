// Reads a captured IPv4 frame and checks each checksum from scratch (RFC 1071), quoted packets included.
// Written apart from src/ on purpose: it is the judge of what src/ emits.

const ETHERNET = 14;
const ETH_P_IP = 0x0800;
const ICMP_QUOTING: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);
const ICMP = 1;
const TCP = 6;
const UDP = 17;

/** `none`: a UDP sender did without. `cut`: the quote or fragment does not hold all that is summed. */
export type Checksum = 'good' | 'bad' | 'none' | 'cut';

export interface Transport {
  /** Checksum over the whole segment, with the pseudo-header where the protocol has one. */
  readonly checksum: Checksum;
  /** The checksum as it stands in the packet. */
  readonly field: number;
  readonly ports?: readonly [number, number];
  readonly type?: number;
  readonly code?: number;
  /** Of ICMP errors: the packet they quote. */
  readonly quote?: Ipv4;
  readonly payload: Buffer;
}

export interface Ipv4 {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly ttl: number;
  readonly totalLength: number;
  /** In bytes. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  readonly headerChecksum: 'good' | 'bad';
  readonly transport: Transport | undefined;
  /** What follows the IP header. */
  readonly payload: Buffer;
}

/** One's complement sum of 16-bit words, an odd byte padded with zero, folded. */
function sum(...parts: readonly Buffer[]): number {
  let total = 0;
  for (const part of parts) {
    for (let i = 0; i + 1 < part.length; i += 2) total += part.readUInt16BE(i);
    if (part.length % 2 === 1) total += part.readUInt8(part.length - 1) << 8;
  }
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}

function dotted(bytes: Buffer): string {
  return [...bytes].join('.');
}

function pseudoHeader(header: Buffer, protocol: number, length: number): Buffer {
  const pseudo = Buffer.alloc(12);
  header.copy(pseudo, 0, 12, 20);
  pseudo.writeUInt8(protocol, 9);
  pseudo.writeUInt16BE(length, 10);
  return pseudo;
}

function judge(segment: Buffer, whole: number, pseudo: Buffer | undefined): Checksum {
  if (segment.length < whole) return 'cut';
  return sum(segment.subarray(0, whole), pseudo ?? Buffer.alloc(0)) === 0xffff ? 'good' : 'bad';
}

function readTransport(
  header: Buffer,
  segment: Buffer,
  protocol: number,
  length: number,
  fragment: boolean,
): Transport | undefined {
  const whole = fragment ? Number.POSITIVE_INFINITY : length;
  if (protocol === TCP && segment.length >= 4) {
    return {
      checksum: judge(segment, whole, pseudoHeader(header, TCP, length)),
      field: segment.length >= 18 ? segment.readUInt16BE(16) : -1,
      ports: [segment.readUInt16BE(0), segment.readUInt16BE(2)],
      payload: segment.length >= 13 ? segment.subarray((segment.readUInt8(12) >> 4) * 4) : Buffer.alloc(0),
    };
  }
  if (protocol === UDP && segment.length >= 8) {
    const field = segment.readUInt16BE(6);
    return {
      checksum: field === 0 ? 'none' : judge(segment, whole, pseudoHeader(header, UDP, length)),
      field,
      ports: [segment.readUInt16BE(0), segment.readUInt16BE(2)],
      payload: segment.subarray(8),
    };
  }
  if (protocol === ICMP && segment.length >= 8) {
    const type = segment.readUInt8(0);
    const quote = ICMP_QUOTING.has(type) ? parseIpv4(segment.subarray(8)) : undefined;
    return {
      checksum: judge(segment, whole, undefined),
      field: segment.readUInt16BE(2),
      type,
      code: segment.readUInt8(1),
      payload: segment.subarray(8),
      ...(quote ? { quote } : {}),
    };
  }
  return undefined;
}

/** @returns undefined where the bytes do not begin with an IPv4 header. */
export function parseIpv4(bytes: Buffer): Ipv4 | undefined {
  if (bytes.length < 20 || bytes.readUInt8(0) >> 4 !== 4) return undefined;
  const headerLength = (bytes.readUInt8(0) & 0xf) * 4;
  const totalLength = bytes.readUInt16BE(2);
  if (bytes.length < headerLength) return undefined;
  const header = bytes.subarray(0, headerLength);
  const payload = bytes.subarray(headerLength, totalLength);
  const protocol = header.readUInt8(9);
  const word = header.readUInt16BE(6);
  const fragmentOffset = (word & 0x1fff) * 8;
  const moreFragments = (word & 0x2000) !== 0;
  return {
    source: dotted(header.subarray(12, 16)),
    destination: dotted(header.subarray(16, 20)),
    protocol,
    ttl: header.readUInt8(8),
    totalLength,
    fragmentOffset,
    moreFragments,
    headerChecksum: sum(header) === 0xffff ? 'good' : 'bad',
    payload,
    transport:
      fragmentOffset > 0
        ? undefined
        : readTransport(header, payload, protocol, totalLength - headerLength, moreFragments),
  };
}

/** @returns undefined where the Ethernet frame does not hold IPv4. */
export function parseFrame(frame: Buffer): Ipv4 | undefined {
  if (frame.length < ETHERNET || frame.readUInt16BE(12) !== ETH_P_IP) return undefined;
  return parseIpv4(frame.subarray(ETHERNET));
}

/** Puts fragments together again by offset and gives the datagram as if it had come in one piece. */
export function reassemble(fragments: readonly Ipv4[]): Transport | undefined {
  const sorted = [...fragments].sort((a, b) => a.fragmentOffset - b.fragmentOffset);
  const [first] = sorted;
  if (!first) return undefined;
  const payload = Buffer.concat(sorted.map((fragment) => fragment.payload));
  const header = Buffer.alloc(20);
  for (const [at, address] of [
    [12, first.source],
    [16, first.destination],
  ] as const) {
    address.split('.').forEach((byte, index) => {
      header.writeUInt8(Number(byte), at + index);
    });
  }
  return readTransport(header, payload, first.protocol, payload.length, false);
}

/** All that is wrong with the checksums of a packet, in words; empty when nothing is. */
export function faults(packet: Ipv4, where: string = 'packet'): string[] {
  const { transport } = packet;
  const name = `${where} ${packet.source} > ${packet.destination} protocol ${packet.protocol}`;
  return [
    ...(packet.headerChecksum === 'bad' ? [`${name}: IP header checksum`] : []),
    ...(transport?.checksum === 'bad' ? [`${name}: transport checksum`] : []),
    ...(transport?.quote ? faults(transport.quote, 'quoted') : []),
  ];
}
