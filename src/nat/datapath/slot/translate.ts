// Translates what belongs to a slot: on the way out by the interface it came from and its source, on the way in by its
// destination. A packet costs one look-up each way.

import type { Variable } from '../../../asm/index.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import type { Frame } from '../frame.ts';
import { takeIn } from '../hairpin.ts';
import { type IpPacket, sideOf } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import { rewriteAll } from '../rewrite.ts';
import { countPacket, type Translation } from '../tables.ts';
import type { Transport } from '../transport.ts';
import { read, type Words } from '../words.ts';
import { addressFrame, deliver, type Passage, refuseUndeliverable } from './deliver.ts';
import { leaveForeign } from './foreign.ts';
import { FROM_SLOT } from './leaving.ts';
import { refuseDenied } from './policy.ts';
import { ownInterface, type Slot, slotAt, whenQuarantined } from './table.ts';

/** A packet, as far as it has been read. */
export interface Progress {
  /** Its own address. */
  readonly before: Words;
  readonly transport: Transport;
  readonly leaveIfExcluded: () => void;
  /** Asks, before anything is written, whether it is for one of ours: not zero where it is. */
  readonly isForOurs: () => Variable<'u32'>;
  readonly mss: number | undefined;
}

/** Translates `packet` and ends the path where it is a slot's; goes on where it is not, but on the hook of slots. */
export function translateSlot(path: TcPath, frame: Frame, packet: IpPacket, progress: Progress): void {
  const { before, transport, leaveIfExcluded, isForOurs, mss } = progress;
  const { own } = sideOf(path.direction);
  whereBound(path, packet, before, (slot) => {
    const bytes = path.length().sub(frame.at.offset);
    admit(path, frame, packet, slot, { leaveIfExcluded, bytes, isError: false });
    countPacket(slot, bytes);
    const takeInIfOurs = hairpinOf(path, frame, isForOurs);
    const inbound = path.direction === 'inbound';
    if (inbound) addressFrame(path, frame, slot);
    const translation = translationBy(slot);
    const hop = inbound ? packet.hopLimit : undefined;
    rewriteAll(path, packet, own, { before, port: undefined }, translation, transport, { mss, hop });
    takeInIfOurs();
    sendOn(path, frame, packet, slot);
  });
}

/** What a slot makes of an address. */
export const translationBy = (slot: Slot): Translation => ({
  address: read(slot.address),
  shift: undefined,
  neutral: undefined,
});

/**
 * Runs `then`, which ends the path, for the slot that has `address` at this hook. Leaves for an address of slots that is
 * bound to nothing now, and on the hook of slots for everything else.
 */
export function whereBound(path: TcPath, packet: IpPacket, address: Words, then: (slot: Slot) => void): void {
  const { p, hook, direction, leave } = path;
  const at = ownInterface(path, packet.version);
  if (at === undefined) return;
  const look = (): void => {
    const entry = slotAt(path, packet.version, at, address);
    const { state } = entry.value;
    const unbound = (): void => p.when(state.eq(SLOT_STATES.reserved), () => leave('unbound'));
    if (hook === 'slot') {
      p.rarely(entry.missing(), () => leaveForeign(path, packet));
      p.rarely(state.ne(SLOT_STATES.bound), () => {
        unbound();
        leaveForeign(path, packet);
      });
      then(entry.value);
      return;
    }
    p.when(entry.exists(), () => {
      p.usually(state.eq(SLOT_STATES.bound), () => then(entry.value));
      if (direction === 'inbound') whenQuarantined(p, entry.value, () => leave('quarantined'));
      else unbound();
    });
  };
  // What this host itself sends has come from no interface, which is how outsides are known.
  if (hook === 'uplink' && direction === 'outbound') p.when(p.skb.ingressIfindex.ne(0), look);
  else look();
}

/** Runs `then`, which ends the path, for what a slot may send; leaves with all else. */
export function requireSlot(
  path: TcPath,
  frame: Frame,
  packet: IpPacket,
  leaveIfExcluded: () => void,
  then: () => void,
): void {
  whereBound(path, packet, read(packet.source), (slot) => {
    admit(path, frame, packet, slot, { leaveIfExcluded, bytes: path.length(), isError: false });
    then();
  });
}

/** Leaves where the packet is not to be translated, or must not get where it is going. */
export function admit(
  path: TcPath,
  frame: Frame,
  packet: IpPacket,
  slot: Slot,
  { leaveIfExcluded, ...passage }: Passage & { readonly leaveIfExcluded: () => void },
): void {
  if (path.direction === 'outbound') refuseDenied(path, packet, slot);
  leaveIfExcluded();
  if (path.direction === 'inbound') refuseUndeliverable(path, frame, packet, slot, passage);
}

/** What takes a translated packet in again where it would leave for one of ours. */
export function hairpinOf(path: TcPath, frame: Frame, isForOurs: () => Variable<'u32'>): () => void {
  const { p, hook, direction } = path;
  if (hook === 'slot' || direction === 'inbound') return () => {};
  const found = isForOurs();
  return () => p.rarely(found.ne(0), () => takeIn(path, frame.link));
}

/** A translated packet goes its way. Ends the path. */
export function sendOn(path: TcPath, frame: Frame, { version }: IpPacket, slot: Slot): void {
  const { p, hook, direction } = path;
  if (direction === 'inbound') deliver(path, frame, version, slot);
  else {
    if (hook === 'slot') p.skb.tcIndex.set(FROM_SLOT);
    p.next();
  }
}
