// What sits on the devices of slots: one program for all of them that goes on, by tail call, in whichever program the
// jump table names. So thousands of devices get a new program by one update. A table that names none drops: what a slot
// sends never goes on untranslated.

import {
  defineMap,
  type MapDefinition,
  type Program,
  program,
  type ScalarType,
  u32,
} from '../../../asm/index.ts';
import { BpfMap, type BpfProgram, loadProgram } from '../../../loader/index.ts';
import { ENTRY_PIN, SLOT_PROGRAM_PIN } from '../pin-parts.ts';
import type { Pins } from '../pins.ts';

type Numbers = MapDefinition<ScalarType<'u32'>, ScalarType<'u32'>>;

/** The jump table, one place. */
export const slotProgram: Numbers = defineMap({
  name: 'slot_program',
  type: 'prog_array',
  key: u32,
  value: u32,
  maxEntries: 1,
});
export const SLOT_PROGRAM_KEY = 0;

let made: Program | undefined;

/** The program; a packet that it is given is that of a slot. */
export function slotEntry(): Program {
  made ??= program('sched_cls', 'tsnat_entry', (p) => {
    p.tailCall(slotProgram, SLOT_PROGRAM_KEY);
    p.drop();
  });
  return made;
}

type SlotProgram = BpfMap<ScalarType<'u32'>, ScalarType<'u32'>>;

/** The caller closes it. @throws InstanceError with code `EHALF` */
export const openSlotProgram = (pins: Pins): SlotProgram => pins.map('slot_program', slotProgram);

/** Makes both and pins them. Without its pin the table would lose what it names. */
export function pinSlotEntry(pins: Pins): void {
  using table = BpfMap.create(slotProgram);
  table.pin(pins.path(SLOT_PROGRAM_PIN));
  using entry = loadProgram(slotEntry(), { [slotProgram.name]: table });
  entry.pin(pins.path(ENTRY_PIN));
}

/** Empties the table: for when no device has the entry any more. */
export function forgetSlotProgram(pins: Pins): void {
  using table = openSlotProgram(pins);
  if (table.get(SLOT_PROGRAM_KEY) !== undefined) table.delete(SLOT_PROGRAM_KEY);
}

/** Makes the entry go on in `program`, where there is one. */
export function nameSlotProgram(pins: Pins, program: BpfProgram | undefined): void {
  if (program === undefined) return;
  using table = openSlotProgram(pins);
  table.set(SLOT_PROGRAM_KEY, program.fd);
}
