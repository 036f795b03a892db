// What is in the pin folder of an instance, by the names of the pins.

import { type InstanceMaps, instanceMaps } from '../maps.ts';
import { DIRECTIONS } from '../reason.ts';
import { type InstanceRecord, sidesOf } from './record.ts';
import { ROLES } from './roles.ts';
import { hasSlotProgram } from './slots/record.ts';

const DATAPATH_MAPS = Object.keys(instanceMaps()) as (keyof InstanceMaps)[];

/** Of what sits on the devices of slots (slots/entry.ts). */
export const SLOT_PROGRAM_PIN = 'maps/slot_program';
export const ENTRY_PIN = 'progs/slot_entry';
/** Of changes of slots (slots/journal.ts). */
export const SLOT_JOURNAL_PIN = 'maps/slot_journal';
export const NEXT_SLOT_JOURNAL_PIN = 'maps/slot_journal_next';
/** Of changes of the tables (journal.ts). */
export const JOURNAL_PIN = 'maps/journal';

/** Every pin that an instance has, relative to its folder; links with TCX only. It may have more (`moreParts`). */
export const PARTS: readonly string[] = [
  ...[...DATAPATH_MAPS, 'instance'].map((name) => `maps/${name}`),
  SLOT_PROGRAM_PIN,
  ENTRY_PIN,
  ...DIRECTIONS.flatMap((direction) => [`progs/${direction}`, `links/${direction}`]),
];
/** What says how far a change has come; removed before all else, so that it never speaks for half of the rest. */
export const CHANGEOVER = 'maps/changeover';
/** What is there only while something changes. */
export const PASSING: readonly string[] = [
  CHANGEOVER,
  'maps/changeover_jump',
  JOURNAL_PIN,
  SLOT_JOURNAL_PIN,
  NEXT_SLOT_JOURNAL_PIN,
  ...ROLES.map((role) => `progs/${role}_relay`),
];
const XDP_PROGRAMS: readonly string[] = DIRECTIONS.map((direction) => `progs/xdp_${direction}`);
const SLOT_PROGRAM = 'progs/slot';
export const REDIRECT_PROGRAM = 'progs/redirect';
const KNOWN: ReadonlySet<string> = new Set([
  ...PARTS,
  SLOT_PROGRAM,
  ...XDP_PROGRAMS,
  REDIRECT_PROGRAM,
  ...PASSING,
]);
export const XDP_LINK: RegExp = /^links\/xdp_(\d+)$/;
export const REDIRECT_LINK: RegExp = /^links\/redirect_(\d+)$/;
export const isKnown = (part: string): boolean =>
  KNOWN.has(part) || XDP_LINK.test(part) || REDIRECT_LINK.test(part);
export const xdpLink = (ifindex: number): string => `links/xdp_${ifindex}`;
/** With TCX only. */
export const redirectLink = (ifindex: number): string => `links/redirect_${ifindex}`;
/** What a record's slots and its ways past the stack have besides. */
export function moreParts(record: InstanceRecord): string[] {
  const { ifindex, xdp } = record;
  const ofXdp = xdp === undefined ? [] : [...XDP_PROGRAMS, ...[ifindex, ...xdp.insides].map(xdpLink)];
  return [...(hasSlotProgram(record) ? [SLOT_PROGRAM] : []), ...ofXdp, ...redirectParts(record)];
}

function redirectParts(record: InstanceRecord): string[] {
  const sides = sidesOf(record);
  if (sides === undefined) return [];
  return [REDIRECT_PROGRAM, ...(record.hook === 'tcx' ? sides.insides.map(redirectLink) : [])];
}

export const SUBFOLDERS: readonly ['maps', 'progs', 'links'] = ['maps', 'progs', 'links'];
