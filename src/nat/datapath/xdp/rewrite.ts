// Writes what a packet becomes: addresses, port, hop limit and checksums, which are finished here (transport.ts).

import type { Value } from '../../../asm/index.ts';
import { difference, updatedChecksum } from '../checksum.ts';
import { half } from '../headers.ts';
import { sideOf } from '../ip-packet.ts';
import type { Translation } from '../tables.ts';
import { shifted } from '../transport.ts';
import { type Words, write } from '../words.ts';
import type { PlainPacket } from './packet.ts';
import type { XdpPath } from './station.ts';
import type { PlainTransport } from './transport.ts';

/** One hop less in the high byte of its word (RFC 1624, equation 3: ~m + m'). */
const HOP_CHANGE = 0xfeff;

/** The packet as `translation` and a hop make it; leaves before anything is written, or not at all. */
export function rewrite(
  path: XdpPath,
  packet: PlainPacket,
  transport: PlainTransport,
  before: Words,
  { address: after, shift, neutral }: Translation,
): void {
  const { p, direction } = path;
  const { own } = sideOf(direction);
  const place = (at: Value<'u32'>) => {
    const atMost = packet.at + MAX_CHECK;
    const [view] = p.packet.read([half], { at, atMost, orElse: () => p.pass() });
    return view.value;
  };
  const check = place(transport.checkAt.get());
  const port = shift && place((own === 'source' ? transport.sourceAt : transport.destAt).get());

  const moved = difference(before, after);
  const change = p.variable('u64', 0);
  const covered = transport.covers.ne(0);
  p.when(neutral === undefined ? covered : covered.and(neutral.eq(0)), () => change.set(moved));
  if (port !== undefined && shift !== undefined) {
    p.when(shift.ne(0), () => {
      const [from, to] = [port.get(), shifted(port.get(), shift.get())];
      change.set(change.add(from.bits().not()).add(to.bits()));
      port.set(to);
    });
  }
  const sum = p.variable('u16', updatedChecksum(check.get(), change.get()).bits());
  p.when(sum.eq(0), () => sum.set(transport.zero));
  check.set(sum.get().bits());

  write(packet[own], after);
  packet.hopLimit.set(packet.hopLimit.sub(1).as('u8'));
  const { headerChecksum } = packet;
  const hop = p.constant('be16', HOP_CHANGE).bits();
  headerChecksum?.set(updatedChecksum(headerChecksum.get(), moved.add(hop)));
}

/** The last place of a checksum behind the start of a transport header: TCP's. */
const MAX_CHECK = 16;
