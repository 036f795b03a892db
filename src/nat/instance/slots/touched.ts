// Which bound slots some mappings may not go together with.

import { bitsOf, type Family, familyOf } from '../../address.ts';
import { viewOf } from '../../entries.ts';
import type { Mapping, SlotMapping } from '../../mapping.ts';
import { type Prefix, prefixesOverlap } from '../../prefix.ts';
import { getSlotRecord, SLOT_FORMATS } from '../../slot-entries.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import { boundSlots } from '../../slot-states.ts';
import { FAMILIES, type SlotMaps, slotKeyOf, slotText } from './book.ts';

const outsideOf = (mapping: Mapping): Prefix => ({
  address: mapping.outside,
  length: mapping.kind === 'prefix' ? mapping.length : bitsOf(familyOf(mapping.outside)),
});

/** The slots that are bound to an outside of theirs, or are slots of theirs. */
export function touchedSlots(maps: SlotMaps, mappings: readonly Mapping[]): SlotMapping[] {
  if (mappings.every(({ kind }) => kind !== 'prefix' && kind !== 'slot')) {
    return mappings.flatMap((mapping) => slotOf(maps, mapping) ?? []);
  }
  const insides = new Set(
    mappings.flatMap((mapping) => (mapping.kind === 'slot' ? [slotText(mapping)] : [])),
  );
  const outsides = mappings.map(outsideOf);
  return FAMILIES.flatMap((family) => allOf(maps, family)).filter(
    (slot) =>
      insides.has(slotText(slot)) || outsides.some((outside) => prefixesOverlap(outside, outsideOf(slot))),
  );
}

function allOf(maps: SlotMaps, family: Family): SlotMapping[] {
  const { states } = boundSlots(family, maps[SLOT_FORMATS[family].name].raw.elements());
  return states.flatMap(({ mapping }) => (mapping.kind === 'slot' ? [mapping] : []));
}

/** The slot that has the outside of this mapping. */
function slotOf(maps: SlotMaps, { outside }: Mapping): SlotMapping | undefined {
  const family = familyOf(outside);
  const value = maps[SLOT_FORMATS[family].name].raw.get(slotKeyOf(family, 0, outside));
  const record = value && getSlotRecord(viewOf(value), 0, family);
  if (record?.state !== SLOT_STATES.bound) return undefined;
  return { kind: 'slot', inside: record.address, interface: record.name, outside };
}
