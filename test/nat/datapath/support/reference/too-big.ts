// What does not fit through a slot's interface, and what its sender is told (RFC 792, 1191, 1812; RFC 4443, 8201): written
// down from scratch.

import {
  type Address,
  addressBytes,
  type Bytes,
  be16,
  be32,
  ICMP,
  icmp,
  internetChecksum,
  ipv4,
  join,
  patch,
  pseudoHeader,
  read16,
  TCP,
} from '../wire.ts';
import { isError } from './error.ts';
import { type Header, ICMPV6 } from './header.ts';
import { leave, type Outcome, type SlotEntry, type World } from './world.ts';

const DONT_FRAGMENT = 0x4000;
const ETHERNET = 14;
/** The longest answers, and the headers in front of the quote. */
const LONGEST = { 4: 576, 6: 1280 } as const;
const HEADERS = { 4: 28, 6: 48 } as const;

/** Undefined for what fits. */
export function tooBig(
  frame: Bytes,
  header: Header,
  world: World,
  { mtu = 1500 }: SlotEntry,
  gsoSize: number,
): Outcome | undefined {
  const { family, at, end, protocol, transportAt, later } = header;
  if (mtu === 0 || end - at <= mtu) return undefined;
  if (gsoSize > 0) {
    if (protocol === TCP && transportAt + 14 > frame.length)
      return leave(frame, world, 'inbound', 'malformed');
    const transport = protocol === TCP ? (frame[transportAt + 12]! >> 4) * 4 : 8;
    if (transportAt - at + transport + gsoSize <= mtu) return undefined;
  }
  const refused: Outcome = { verdict: 'drop', frame, reason: 'too_big' };
  const quoted = LONGEST[family] - HEADERS[family];
  if (isError(frame, header) || isNobody(header.source)) return refused;
  if (family === 4 && (later || (read16(frame, at + 6) & DONT_FRAGMENT) === 0)) return refused;
  if (at !== (world.link === 'none' ? 0 : ETHERNET) || end - at < quoted) return refused;
  const quote = frame.subarray(at, at + quoted);
  const packet = family === 4 ? needed(header, mtu, quote) : packetTooBig(header, mtu, quote);
  const link =
    world.link === 'none' ? [] : [frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12, 14)];
  // From this host, or from a slot of it: the answer stays here.
  const isOwn = link.length > 0 && world.station?.mac.every((byte, i) => byte === frame[6 + i]);
  const to = isOwn ? 'in' : 'out';
  return { verdict: 'turn', frame: join(...link, packet), reason: 'too_big_answered', to };
}

const isNobody = (address: Address): boolean => {
  if (typeof address === 'bigint') return address === 0n || address >> 120n === 0xffn;
  return [0, 127].includes(address >>> 24) || address >>> 24 >= 224;
};

function needed({ source, destination }: Header, mtu: number, quote: Bytes): Bytes {
  const fields = { source: destination, destination: source, protocol: ICMP, id: 0, tos: 0xc0, ttl: 64 };
  return ipv4(fields, icmp(3, 4, be32(mtu), quote));
}

function packetTooBig({ source, destination }: Header, mtu: number, quote: Bytes): Bytes {
  const message = join(Uint8Array.of(2, 0, 0, 0), be32(mtu), quote);
  const pseudo = pseudoHeader(destination, source, ICMPV6, message.length);
  const sealed = patch(message, 2, be16(internetChecksum(pseudo, message)));
  return join(
    ...[be32(0x6000_0000), be16(message.length), Uint8Array.of(ICMPV6, 64)],
    ...[addressBytes(destination), addressBytes(source), sealed],
  );
}
