// Looks a slot up: by an interface and the inside address there, or by interface 0 and the outside (slot-layout.ts).

import {
  type ArrayView,
  type BytesPlace,
  type BytesType,
  bytes,
  type Entry,
  HELPERS,
  type Input,
  type PacketBuilder,
  type Place,
  type StructType,
  struct,
} from '../../../asm/index.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import type { Uses } from '../../uses.ts';
import type { Path, TcPath } from '../path.ts';
import type { Counters, IpVersion } from '../tables.ts';
import { type AddressPlace, wordsOf } from '../words.ts';

/** An entry of the slots. */
export interface Slot extends Counters {
  readonly address: AddressPlace;
  readonly interface: Place<'u32'>;
  readonly station: ArrayView<Place<'be16'>>;
  readonly mac: ArrayView<Place<'be16'>>;
  readonly mtu: Place<'u16'>;
  readonly list: Place<'u16'>;
  readonly state: Place<'u8'>;
  readonly flags: Place<'u8'>;
  readonly xdp: Place<'u8'>;
  readonly since: Place<'u64'>;
}

const station: StructType<{ mac: BytesType }> = struct('station', { mac: bytes(6) });

/** The MAC of a slot's interface. */
export const macOf = (p: PacketBuilder, slot: Slot): BytesPlace => p.overlay(slot.mac.at(0), station).mac;

/** The interface by which outsides are known. */
export const OUTSIDES = 0;

export const hasSlots = (uses: Uses, version: IpVersion): boolean =>
  uses.has(version === 4 ? 'slots' : 'slots6');

export function slotAt(
  { p, maps }: Pick<Path, 'p' | 'maps'>,
  version: IpVersion,
  at: Input<'u32'>,
  address: readonly Input<'be32'>[],
): Entry<Slot> {
  const entry: Entry<Omit<Slot, 'address'> & { address: Parameters<typeof wordsOf>[0] }> =
    version === 4
      ? p.lookup(maps.slots, { interface: at, address: address[0]! })
      : p.lookup(maps.slots6, { interface: at, address });
  const { value } = entry;
  return {
    exists: () => entry.exists(),
    missing: () => entry.missing(),
    value: { ...value, address: wordsOf(value.address) },
  };
}

/** The entry of the interface itself that the packet has come from. */
export const interfaceAt = (path: TcPath, version: IpVersion): Entry<Slot> =>
  slotAt(path, version, path.p.skb.ifindex, version === 4 ? [0] : [0, 0, 0, 0]);

/**
 * The interface by which a packet's own address is looked up among the slots on this hook; undefined where it is none of
 * theirs to be translated here.
 */
export function ownInterface(
  { p, hook, slots, direction, uses }: TcPath,
  version: IpVersion,
): Input<'u32'> | undefined {
  if (!hasSlots(uses, version)) return undefined;
  if (hook === 'slot') return p.skb.ifindex;
  if (direction === 'inbound') return OUTSIDES;
  return slots === 'uplink' ? p.skb.ingressIfindex : undefined;
}

/** Runs `then` where an outside is somebody's: bound, or until a time that has not come. */
export function whenTaken(p: PacketBuilder, outside: Entry<Slot>, then: () => void): void {
  p.when(outside.exists(), () => {
    const { state } = outside.value;
    p.when(state.eq(SLOT_STATES.bound), then, () => whenQuarantined(p, outside.value, then));
  });
}

/** Of an outside that is not bound. */
export function whenQuarantined(p: PacketBuilder, { state, since }: Slot, then: () => void): void {
  p.when(state.eq(SLOT_STATES.quarantined), () => p.when(since.gt(p.call(HELPERS.ktime_get_ns, [])), then));
}
