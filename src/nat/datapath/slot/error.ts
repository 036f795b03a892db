// ICMP errors from and for slots: what they quote went the other way, by the same slot. What it quotes that is no slot's
// is left as it is.

import { SLOT_STATES } from '../../slot-layout.ts';
import type { Frame } from '../frame.ts';
import { type IpPacket, sideOf } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import { rewriteOwn, rewriteQuote } from '../quote.ts';
import { countPacket } from '../tables.ts';
import type { Words } from '../words.ts';
import { addressFrame } from './deliver.ts';
import { ownInterface, slotAt } from './table.ts';
import { admit, hairpinOf, type Progress, sendOn, translationBy, whereBound } from './translate.ts';

/** As `translateSlot`, for an error that quotes `quotedBefore`. */
export function translateSlotError(
  path: TcPath,
  frame: Frame,
  packet: IpPacket,
  quote: IpPacket,
  progress: Omit<Progress, 'mss'> & { readonly quotedBefore: Words },
): void {
  const { p, direction } = path;
  const { version } = packet;
  const { own, other } = sideOf(direction);
  const { before, quotedBefore, transport, leaveIfExcluded, isForOurs } = progress;
  whereBound(path, packet, before, (slot) => {
    const bytes = path.length().sub(frame.at.offset);
    admit(path, frame, packet, slot, { leaveIfExcluded, bytes, isError: true });
    countPacket(slot, bytes);
    const inbound = direction === 'inbound';
    const takeInIfOurs = hairpinOf(path, frame, isForOurs);
    if (inbound) addressFrame(path, frame, slot);
    const change = p.variable('u64', 0);
    const quoted = slotAt(path, version, ownInterface(path, version)!, quotedBefore);
    p.when(quoted.exists(), () => {
      p.when(quoted.value.state.eq(SLOT_STATES.bound), () => {
        const address = { address: quotedBefore, port: undefined };
        rewriteQuote(path, quote, other, address, translationBy(quoted.value), transport, change);
      });
    });
    const { address } = translationBy(slot);
    rewriteOwn(path, packet, own, before, address, change, inbound ? packet.hopLimit : undefined);
    takeInIfOurs();
    sendOn(path, frame, packet, slot);
  });
}
