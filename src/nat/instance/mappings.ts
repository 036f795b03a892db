// Mappings added to a running instance and deleted from it. Those of the tables and those of slots go different ways; what
// is of both is made by the change that sets all mappings at once, so that it is all or nothing as well.

import { familyOf } from '../address.ts';
import { type Endpoint, endpointOf, formatEndpoint } from '../endpoint.ts';
import type { Mapping, SlotMapping } from '../mapping.ts';
import { SLOT_FORMATS } from '../slot-entries.ts';
import { type Uses, usesOf } from '../uses.ts';
import { inTurn } from './afterwards.ts';
import { mappingsOf } from './contents.ts';
import { slotKeyOf, slotText } from './slots/book.ts';
import type { Bench } from './slots/desk.ts';
import { requireNoQuarantine } from './slots/outside.ts';
import { touchedSlots } from './slots/touched.ts';
import { widenOutsides } from './subnet.ts';
import { unmapped } from './unmapped.ts';

const isSlot = (mapping: Mapping): mapping is SlotMapping => mapping.kind === 'slot';

/** To be called with the lock held, with mappings that are sound. */
export function addMappings(bench: Bench, mappings: readonly Mapping[]): void {
  const { pins, opened, record, works } = bench;
  const { table, maps, journal } = opened;
  const { uses } = record;
  const slots = mappings.filter(isSlot);
  if (slots.length === mappings.length) {
    const wanted = slots.map(({ interface: name, inside, outside }) => ({
      interface: name,
      inside,
      outside,
      station: 0,
    }));
    if (wanted.length > 0) works.reserveSlots(bench, wanted, {});
    return;
  }
  if (!hasSlots(uses)) table.requireFree(mappings, uses);
  else {
    table.requireFree(mappings, uses, touchedSlots(maps, mappings));
    requireOutsidesFree(bench, mappings);
  }
  if (slots.length > 0) {
    works.replaceMappings(pins, [...mappingsOf(maps), ...mappings]);
    return;
  }
  const needed = usesOf(mappings);
  const isNew = [...needed].some((use) => !uses.has(use));
  inTurn(
    () => isNew && works.extendUses(pins, needed),
    () => {
      widenOutsides(maps.interface, mappings);
      table.add(mappings, uses, journal);
    },
  );
}

const hasSlots = (uses: Uses): boolean => uses.has('slots') || uses.has('slots6');

/** Of slots and of quarantines. @throws InstanceError with code `EQUARANTINED` */
function requireOutsidesFree({ pins, opened: { maps } }: Bench, mappings: readonly Mapping[]): void {
  const now = process.hrtime.bigint();
  for (const { kind, outside } of mappings) {
    if (kind === 'prefix') continue;
    const family = familyOf(outside);
    const value = maps[SLOT_FORMATS[family].name].raw.get(slotKeyOf(family, 0, outside));
    if (value !== undefined) requireNoQuarantine(pins.name, outside, value, now);
  }
}

/** To be called with the lock held. @throws InstanceError with code `EUNMAPPED` */
export function deleteMappings(bench: Bench, insides: readonly Endpoint[]): void {
  const { pins, opened, works } = bench;
  const { table, maps, journal } = opened;
  const slots = insides.filter(({ kind }) => kind === 'slot');
  if (slots.length === 0) {
    table.remove(insides, journal);
    return;
  }
  const names = new Set(insides.map(formatEndpoint));
  const all = mappingsOf(maps);
  const gone = all.filter((mapping) => names.has(formatEndpoint(endpointOf(mapping, 'inside'))));
  const found = new Set(gone.map((mapping) => formatEndpoint(endpointOf(mapping, 'inside'))));
  const unknown = insides.filter((inside) => !found.has(formatEndpoint(inside)));
  if (unknown.length > 0) throw unmapped(pins.name, unknown);
  if (slots.length === insides.length) works.removeSlots(bench, gone.filter(isSlot).map(slotText));
  else
    works.replaceMappings(
      pins,
      all.filter((mapping) => !gone.includes(mapping)),
    );
}
