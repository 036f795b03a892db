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
import type { TcPath } from './path.ts';
import type { Translation } from './tables.ts';
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

/** Writes an address and a port into the packet, where `also` has changed in its IP header; then no view of it is valid. */
export function rewritePacket(
  path: TcPath,
  packet: IpPacket,
  own: 'source' | 'destination',
  { before, port }: { readonly before: Words; readonly port: Value<'be16'> | undefined },
  { address: after, shift, neutral }: Translation,
  transport: Transport,
  also?: Value<'u64'>,
): void {
  const { p, leave } = path;
  const { checkAt, checksum, ports } = transport;
  const failed = (): void => leave('helper_failed');

  rewriteAddress(packet.headerChecksum, packet[own], before, after, also);
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
  if (packet.version === 6) accountAddress(p, before, after, also);
}
