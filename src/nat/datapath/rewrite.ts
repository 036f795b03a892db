// Writes what a mapping says into a packet, and makes its checksums right.

import type { Place, Value } from '../../asm/index.ts';
import {
  account,
  accountAddress,
  difference,
  halfDifference,
  mayBeNone,
  PSEUDO,
  replaceAddress,
  replacePort,
  updatedChecksum,
  withAlso,
} from './checksum.ts';
import { half } from './headers.ts';
import type { IpPacket } from './ip-packet.ts';
import { clampMss, tcpStart } from './mss.ts';
import type { TcPath } from './path.ts';
import type { IpVersion, Translation } from './tables.ts';
import { NOWHERE, shifted, type Transport } from './transport.ts';
import { type AddressPlace, type Words, write } from './words.ts';

/**
 * Writes an address into an IP header, and the header's checksum with it where it has one. `also` is what else in the
 * header has changed.
 */
export function rewriteAddress(
  headerChecksum: Place<'be16'> | undefined,
  place: AddressPlace,
  before: Words,
  after: Words,
  also?: Value<'u64'>,
): void {
  headerChecksum?.set(updatedChecksum(headerChecksum.get(), withAlso(difference(before, after), also)));
  write(place, after);
}

/** A hop less in its word, of which it is the first byte or the second: ~m + m' (RFC 1624, equation 3). */
const HOP_LESS = { 4: 0xfeff, 6: 0xfffe } as const;

/** Takes a hop off; the result is what that changes in sums of what the address is part of. */
export function passHop(p: TcPath['p'], version: IpVersion, hop: Place<'u8'>): Value<'u64'> {
  hop.set(hop.sub(1).as('u8'));
  return hopChange(p, version);
}

/** What a hop less changes. */
export const hopChange = (p: TcPath['p'], version: IpVersion): Value<'u64'> =>
  p.constant('be16', HOP_LESS[version]).bits().as('u64');

export interface RewriteOptions {
  /** The most that a TCP connection may announce as its segment size. */
  readonly mss: number | undefined;
  /** Where a hop is to be taken off. */
  readonly hop?: Place<'u8'> | undefined;
  /** What has changed in the IP header already, where anything has: made where it is needed. */
  readonly also?: (() => Value<'u64'>) | undefined;
}

/** As `rewritePacket`, and what else a packet on its way through is made to say. */
export function rewriteAll(
  path: TcPath,
  packet: IpPacket,
  own: 'source' | 'destination',
  keyed: { readonly before: Words; readonly port: Value<'be16'> | undefined },
  translation: Translation,
  transport: Transport,
  { mss, hop, also }: RewriteOptions,
): void {
  const tcpAt = mss === undefined ? undefined : path.p.forget(tcpStart(path, packet));
  const passed = hop && passHop(path.p, packet.version, hop);
  rewritePacket(path, packet, own, keyed, translation, transport, passed ? () => passed : also);
  if (mss !== undefined && tcpAt) clampMss(path, tcpAt, mss);
}

/** Writes an address and a port into the packet; afterwards no view of it is valid. `also` has changed beside the address. */
function rewritePacket(
  path: TcPath,
  packet: IpPacket,
  own: 'source' | 'destination',
  { before, port }: { readonly before: Words; readonly port: Value<'be16'> | undefined },
  { address: after, shift, neutral }: Translation,
  transport: Transport,
  also: (() => Value<'u64'>) | undefined,
): void {
  const { p, leave } = path;
  const { checkAt, checksum, ports } = transport;
  const failed = (): void => leave('helper_failed');

  const { headerChecksum } = packet;
  rewriteAddress(headerChecksum, packet[own], before, after, headerChecksum && also?.());
  if (neutral !== undefined) p.when(neutral.ne(0), () => checkAt.set(NOWHERE));
  const { segmentsLeft } = packet;
  if (segmentsLeft !== undefined && own === 'destination') {
    p.rarely(segmentsLeft.ne(0), () => checksum.set(checksum.and(~PSEUDO >>> 0)));
  }
  if (ports !== undefined && shift !== undefined && port !== undefined) {
    p.when(shift.ne(0).and(ports.at.ne(NOWHERE)), () => {
      const written = shifted(port, shift.get());
      const [word] = p.packet.read([half], { at: ports.at, atMost: ports.atMost, orElse: failed });
      word.value.set(written);
      // A checksum that is not there makes up for nothing.
      p.when(mayBeNone(checksum), () => {
        const { value } = p.packet.copy(half, checkAt, { orElse: failed });
        p.when(value.eq(0), () => account(p, halfDifference(port, written)));
      });
      const result = replacePort(p, checkAt, port, written, checksum.get());
      p.rarely(result.isNegative(), failed);
    });
  }
  const hasPseudo = packet.version === 4 && ports === undefined ? undefined : checksum.and(PSEUDO).ne(0);
  const isChecked = checkAt.ne(NOWHERE);
  p.when(hasPseudo === undefined ? isChecked : isChecked.and(hasPseudo), () => {
    const result = replaceAddress(p, checkAt, before, after, checksum.get());
    p.rarely(result.isNegative(), failed);
  });
  if (packet.version === 6) accountAddress(p, before, after, also?.());
}
