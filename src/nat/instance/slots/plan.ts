// Slot mappings as the contents of their maps, for changes that set all mappings at once.

import { InterfaceQueries, withNetns } from '../../../loader/index.ts';
import type { Mapping, SlotMapping } from '../../mapping.ts';
import type { SlotContents } from '../contents.ts';
import { InstanceError } from '../error.ts';
import { requireNamespace } from '../namespace.ts';
import type { InstanceRecord } from '../record.ts';
import { Book, type SlotMaps } from './book.ts';
import { NO_SLOTS, readSlots, slotContents } from './contents.ts';
import { seatsFor } from './wish.ts';

const isSlot = (mapping: Mapping): mapping is SlotMapping => mapping.kind === 'slot';

/**
 * @param maps of the instance; undefined where there is none yet
 * @throws InstanceError for interfaces that are not there or can have no slot, outsides in quarantine, or more than fit.
 */
export function planSlots(
  instance: string,
  record: InstanceRecord,
  maps: SlotMaps | undefined,
  mappings: readonly Mapping[],
): SlotContents {
  const wanted = mappings.filter(isSlot);
  const current = maps === undefined ? NO_SLOTS : readSlots(maps);
  if (wanted.length === 0 && current.slots.count + current.slots6.count === 0) return NO_SLOTS;
  const book = maps && new Book(instance, maps);
  const seats =
    wanted.length === 0
      ? []
      : withNetns(requireNamespace(instance, record).enter, () => {
          using names = new InterfaceQueries();
          const wishes = wanted.map(({ inside, interface: name }) => ({
            interface: name,
            inside,
            station: 0,
          }));
          const isKnown = (ifindex: number, inside: SlotMapping['inside']): boolean =>
            book?.has(ifindex, inside) ?? false;
          return seatsFor({ instance, record, names, isKnown }, wishes);
        });
  const contents = slotContents(instance, current, wanted, seats);
  const most = Math.max(contents.slots.count, contents.slots6.count);
  if (most <= record.capacity) return contents;
  throw new InstanceError(
    'EFULL',
    `instance '${instance}': its slots take ${most} entries, three for each, and its capacity is ${record.capacity}: give --capacity ${most} or more`,
  );
}
