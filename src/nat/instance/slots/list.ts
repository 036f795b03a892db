// The slots as they are just now, for people and programs to read.

import { compareInterfaceNames } from '../../../interface-name.ts';
import type { InterfaceQueries } from '../../../loader/index.ts';
import { type Address, compareAddresses, type Family } from '../../address.ts';
import { formatMac } from '../../mac.ts';
import type { Prefix } from '../../prefix.ts';
import { decodeSlots, SLOT_FORMATS, type SlotEntry, type SlotRecord } from '../../slot-entries.ts';
import { SLOT_FLAGS, SLOT_STATES } from '../../slot-layout.ts';
import { FAMILIES, type SlotMaps } from './book.ts';
import { type ListMaps, readLists } from './policy.ts';
import { difference, type Hardware, standing } from './stale.ts';
import type { QuarantinedOutside, SlotState } from './types.ts';

const MILLISECOND = 1_000_000n;
const goneWith = (instance: string): string =>
  `the network namespace of the instance is gone: 'tsnat detach ${instance}' removes what is left of it`;
const NONE = { packets: 0n, bytes: 0n };

const entriesOf = (maps: SlotMaps, family: Family): SlotEntry[] =>
  decodeSlots(family, maps[SLOT_FORMATS[family].name].raw.elements());

const countersOf = ({ packets, bytes }: SlotRecord) => ({ packets, bytes });
const keyOf = (address: Address): string => address.toString(16);

/** All of them, by interface and inside. */
export function listSlots(
  instance: string,
  maps: SlotMaps & ListMaps,
  names: InterfaceQueries | undefined,
): SlotState[] {
  const now = process.hrtime.bigint();
  const lists = readLists(maps);
  const found = FAMILIES.flatMap((family) => {
    const entries = entriesOf(maps, family);
    const outsides = new Map<string, SlotRecord>();
    const devices = new Map<number, SlotRecord>();
    for (const { key, record: value } of entries) {
      if (key.interface === 0) outsides.set(keyOf(key.address), value);
      else if (value.state === SLOT_STATES.interface) devices.set(key.interface, value);
    }
    return entries.flatMap((entry): SlotState[] => {
      const { key, record: value } = entry;
      if (key.interface === 0 || value.state === SLOT_STATES.interface) return [];
      const slot = { interface: value.name, ifindex: key.interface, inside: key.address };
      const is = names === undefined ? goneWith(instance) : standing(instance, names, slot);
      const back = value.state === SLOT_STATES.bound ? outsides.get(keyOf(value.address)) : undefined;
      const problem = typeof is === 'string' ? is : changeOf(instance, slot, [value, back], is);
      return [stateOf(entry, { now, lists, back, devices, isStale: typeof is === 'string', problem })];
    });
  });
  return found.sort(
    (a, b) => compareInterfaceNames(a.interface, b.interface) || compareAddresses(a.inside, b.inside),
  );
}

/** Of the entries of the inside and of the outside, which may have got theirs at different times. */
const changeOf = (
  instance: string,
  slot: Parameters<typeof difference>[1],
  entries: readonly (SlotRecord | undefined)[],
  is: Hardware,
): string | undefined =>
  entries
    .map((entry) => entry && difference(instance, slot, entry, is))
    .find((problem) => problem !== undefined);

interface Surroundings {
  readonly now: bigint;
  readonly lists: ReadonlyMap<number, readonly Prefix[]>;
  /** The entry of its outside. */
  readonly back: SlotRecord | undefined;
  readonly isStale: boolean;
  readonly devices: ReadonlyMap<number, SlotRecord>;
  readonly problem: string | undefined;
}

function stateOf(
  { key, record }: SlotEntry,
  { now, lists, back, devices, isStale, problem }: Surroundings,
): SlotState {
  const isBound = record.state === SLOT_STATES.bound;
  const isListed = (record.flags & SLOT_FLAGS.listed) !== 0;
  return {
    interface: record.name,
    ifindex: key.interface,
    inside: key.address,
    state: isStale ? 'stale' : isBound ? 'bound' : 'reserved',
    ...(isBound && { outside: record.address }),
    since: record.since,
    age: Number((now - record.since) / MILLISECOND),
    outbound: countersOf(record),
    inbound: back === undefined ? NONE : countersOf(back),
    policy: {
      antiSpoof: ((devices.get(key.interface)?.flags ?? 0) & SLOT_FLAGS.anySource) === 0,
      denyLinkLocal: (record.flags & SLOT_FLAGS.denyLinkLocal) !== 0,
      ...(isListed && { allow: lists.get(record.list) ?? [] }),
    },
    ...(record.station !== 0 && { station: formatMac(record.station) }),
    ...(problem !== undefined && { problem }),
  };
}

/** Outsides that are nobody's for a while yet, the first to be free first. */
export function listQuarantined(maps: SlotMaps): QuarantinedOutside[] {
  const now = process.hrtime.bigint();
  return FAMILIES.flatMap((family) =>
    entriesOf(maps, family).flatMap(({ key, record }): QuarantinedOutside[] => {
      if (record.state !== SLOT_STATES.quarantined || record.since <= now) return [];
      return [
        {
          outside: key.address,
          until: record.since,
          left: Number((record.since - now) / MILLISECOND),
          interface: record.name,
          inside: record.address,
        },
      ];
    }),
  ).sort((a, b) => (a.until < b.until ? -1 : a.until > b.until ? 1 : compareAddresses(a.outside, b.outside)));
}
