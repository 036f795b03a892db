// The entries of slots that are to be, and of their interfaces.

import { type Family, familyOf, unspecifiedOf } from '../../address.ts';
import { viewOf } from '../../entries.ts';
import { getSlotRecord, SLOT_FORMATS, type SlotRecord } from '../../slot-entries.ts';
import { SLOT_FLAGS, SLOT_STATES } from '../../slot-layout.ts';
import { InstanceError } from '../error.ts';
import { type Book, FAMILIES, type Place, type SlotMaps, slotKeyOf } from './book.ts';
import type { SlotPolicy } from './types.ts';
import type { Seat } from './wish.ts';
import type { Writing } from './writing.ts';

/** @param fresh gets those that have no slots yet */
export function addInterface(
  instance: string,
  book: Book,
  writing: Writing,
  seat: Seat,
  { antiSpoof = true }: SlotPolicy,
  fresh: Map<number, string>,
): void {
  const flags = antiSpoof ? 0 : SLOT_FLAGS.anySource;
  const there = book.devices.get(seat.ifindex);
  if (there !== undefined) {
    if (there.flags === flags) return;
    const has = antiSpoof ? 'may send from any source' : 'may send from its insides only';
    throw new InstanceError(
      'ECONFLICT',
      `instance '${instance}': interface '${seat.interface}' ${has}, and it is one interface for all its slots: 'tsnat slot remove ${instance} ${seat.interface}' first`,
    );
  }
  if (fresh.has(seat.ifindex)) return;
  fresh.set(seat.ifindex, seat.interface);
  for (const family of FAMILIES) {
    const key = { interface: seat.ifindex, address: unspecifiedOf(family) };
    writing.put(family, key, recordOf(family, seat, { state: 'interface', flags }), undefined);
  }
}

/** @param moved the slot under the index of before; what that was bound to it stays bound to */
export function addSlot(
  { maps, book, writing }: { readonly maps: SlotMaps; readonly book: Book; readonly writing: Writing },
  seat: Seat,
  moved: Place | undefined,
  policy: Pick<SlotRecord, 'flags' | 'list'>,
): void {
  const family = familyOf(seat.inside);
  const { raw } = maps[SLOT_FORMATS[family].name];
  const key = { interface: seat.ifindex, address: seat.inside };
  const there = book.has(seat.ifindex, seat.inside)
    ? raw.get(slotKeyOf(family, seat.ifindex, seat.inside))
    : undefined;
  const former = moved === undefined ? there : raw.get(moved.key);
  const known = former && getSlotRecord(viewOf(former), 0, family);
  const wasBound = known?.state === SLOT_STATES.bound;
  const outside = seat.outside ?? (wasBound ? known.address : undefined);
  // Of a slot that is reserved already, policy and station are what they are, unless another station is said.
  const own = there && getSlotRecord(viewOf(there), 0, family);
  const base =
    own === undefined
      ? policy
      : { flags: own.flags, list: own.list, station: seat.station === 0 ? own.station : seat.station };
  if (outside === undefined) {
    const since = own === undefined ? {} : { since: own.since };
    writing.put(family, key, recordOf(family, seat, { state: 'reserved', ...base, ...since }), there);
    return;
  }
  const back = raw.get(slotKeyOf(family, 0, outside));
  const kept = wasBound && outside === known.address ? known : undefined;
  const counted = kept && back ? getSlotRecord(viewOf(back), 0, family) : undefined;
  const since = kept === undefined ? {} : { since: kept.since };
  const counters = (of: SlotRecord | undefined) =>
    of === undefined ? {} : { packets: of.packets, bytes: of.bytes };
  const inward = { state: 'bound', ...base, address: seat.inside, ...since, ...counters(counted) } as const;
  writing.put(family, { interface: 0, address: outside }, recordOf(family, seat, inward), back);
  const outward = { state: 'bound', ...base, address: outside, ...since, ...counters(kept) } as const;
  writing.put(family, key, recordOf(family, seat, outward), there);
}

/** What a record says beyond what its seat does. */
type Own = { readonly state: keyof typeof SLOT_STATES } & Partial<Omit<SlotRecord, 'state'>>;

/** Written out, since V8 makes thousands of literals ten times faster than copies. */
function recordOf(
  family: Family,
  { interface: name, ifindex, station, mac, mtu, takesXdp }: Seat,
  own: Own,
): SlotRecord {
  const { state } = own;
  return {
    address: own.address ?? unspecifiedOf(family),
    interface: ifindex,
    station: own.station ?? (state === 'interface' ? 0 : station),
    mac,
    mtu,
    list: own.list ?? 0,
    state: SLOT_STATES[state],
    flags: own.flags ?? 0,
    xdp: takesXdp ? 1 : 0,
    since: own.since ?? process.hrtime.bigint(),
    name,
    packets: own.packets ?? 0n,
    bytes: own.bytes ?? 0n,
  };
}
