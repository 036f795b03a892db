// Whether XDP may send to a slot's interface, in the slot's entries: set anew whenever XDP is woken, since what it can do and
// in which mode may have changed while it was at rest. Entries of a running instance count packets, so the byte is set by a
// program of the kernel's and the counters are left alone.

import {
  type BytesType,
  bytes,
  defineMap,
  type MapDefinition,
  type Program,
  program,
  type ScalarType,
  type StructType,
  struct,
  u8,
} from '../../../asm/index.ts';
import { loadProgram, withNetns } from '../../../loader/index.ts';
import type { Family } from '../../address.ts';
import {
  decodeSlots,
  encodeSlotKeys,
  SLOT_FORMATS,
  type SlotEntry,
  type SlotKey,
} from '../../slot-entries.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import { findNamespace } from '../namespace.ts';
import type { InstanceRecord } from '../record.ts';
import { reachable } from '../xdp/reach.ts';
import { FAMILIES, type SlotMaps } from './book.ts';

type Marked = StructType<{ before: BytesType; xdp: ScalarType<'u8'>; after: BytesType }>;

/** A packet that says which entry is meant; the kernel runs nothing on less than an Ethernet header. */
const ETHERNET_SIZE = 14;
const KEY_OFFSET = 16;
const MARKED = 'marked';

const programs = new Map<Family, Program>();

function marker(family: Family): Program {
  const known = programs.get(family);
  if (known !== undefined) return known;
  const { keySize, valueSize, record } = SLOT_FORMATS[family];
  const request = struct('mark_request', {
    ethernet: bytes(ETHERNET_SIZE),
    xdp: u8,
    reserved: bytes(KEY_OFFSET - ETHERNET_SIZE - u8.size),
    key: bytes(keySize),
  });
  const value = struct('marked', {
    before: bytes(record.xdp),
    xdp: u8,
    after: bytes(valueSize - record.xdp - u8.size),
  });
  // Programs only look it up: how many entries it has, and its flags, do not matter.
  const table: MapDefinition<BytesType, Marked> = defineMap({
    name: MARKED,
    type: 'hash',
    key: bytes(keySize),
    value,
    maxEntries: 1,
  });
  const made = program('sched_cls', 'tsnat_mark', (p) => {
    const [wanted] = p.packet.read([request], { orElse: () => p.next() });
    const entry = p.lookup(table, wanted.key, { orElse: () => p.next() });
    entry.xdp.set(wanted.xdp.get());
    p.next();
  });
  programs.set(family, made);
  return made;
}

/** An inside, or an outside that is bound. */
export const isSlot = ({ record: { state } }: SlotEntry): boolean =>
  state === SLOT_STATES.reserved || state === SLOT_STATES.bound;

/** Says of every slot whether XDP can send to it. To be called while XDP is at rest. */
export function markSlots(maps: SlotMaps, record: InstanceRecord): void {
  const where = findNamespace(record);
  const { xdp } = record;
  if (where === undefined || xdp === undefined) return;
  const entries = FAMILIES.map((family) => ({
    family,
    slots: decodeSlots(family, maps[SLOT_FORMATS[family].name].raw.elements()).filter(isSlot),
  }));
  const indexes = new Set(entries.flatMap(({ slots }) => slots.map((slot) => slot.record.interface)));
  const taking = withNetns(where.enter, () => reachable(xdp.mode, [...indexes]));
  for (const { family, slots } of entries) {
    const wrong = slots.filter(({ record }) => (record.xdp === 1) !== taking.has(record.interface));
    mark(
      maps,
      family,
      wrong.map(({ key, record }) => ({ key, xdp: taking.has(record.interface) ? 1 : 0 })),
    );
  }
}

interface Mark {
  readonly key: SlotKey;
  readonly xdp: number;
}

function mark(maps: SlotMaps, family: Family, marks: readonly Mark[]): void {
  if (marks.length === 0) return;
  const { name, keySize } = SLOT_FORMATS[family];
  using run = loadProgram(marker(family), { [MARKED]: maps[name] });
  const data = new Uint8Array(KEY_OFFSET + keySize);
  for (const { key, xdp } of marks) {
    data[ETHERNET_SIZE] = xdp;
    data.set(encodeSlotKeys(family, [key]), KEY_OFFSET);
    run.testRun({ data, dataOutSize: 0 });
  }
}
