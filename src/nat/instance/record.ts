// What an instance knows of itself, in a pinned map of its own: one record, so that no file and no process has to.
// Version 5. A program that finds another version must not guess.

import {
  array,
  type BytesType,
  bytes,
  decode,
  defineMap,
  encode,
  type MapDefinition,
  type ScalarType,
  struct,
  u32,
  u64,
  type ValueOf,
} from '../../asm/data.ts';
import type { XdpMode } from '../../loader/index.ts';
import type { DatapathOptions } from '../datapath/index.ts';
import type { Sides } from '../datapath/redirect/sides.ts';
import { MOST_XDP } from '../maps.ts';
import type { InstancePolicy } from '../policy.ts';
import { DIRECTIONS, type Direction, type Policy } from '../reason.ts';
import { USES, type Uses } from '../uses.ts';
import type { Hook, LinkKind, SlotPlace } from './types.ts';

const VERSION = 5;
const HOOKS: readonly Hook[] = ['tcx', 'clsact'];
const LINKS: readonly LinkKind[] = ['ethernet', 'none'];
const POLICIES: readonly Policy[] = ['pass', 'drop'];
/** By number; zero is none. */
const XDP_MODES: readonly (XdpMode | undefined)[] = [undefined, 'native', 'generic'];
const MADE_QDISC = 1;
const SLOTS: readonly SlotPlace[] = ['device', 'uplink'];
/** IFNAMSIZ, and NAME_MAX with its terminating zero. */
const INTERFACE_SIZE = 16;
const NETNS_SIZE = 256;

/** Besides the outside one. */
export const MOST_INSIDES: number = MOST_XDP - 1;

const program = struct('program_record', { id: u32, priority: u32, handle: u32, reserved: u32 });

const layout = struct('instance_record', {
  version: u32,
  hook: u32,
  link: u32,
  flags: u32,
  ifindex: u32,
  capacity: u32,
  subnets_left_out: u32,
  uses: u32,
  unmapped_outbound: u32,
  unmapped_inbound: u32,
  spoofed: u32,
  /** Zero for none. */
  mss: u32,
  netns_inode: u64,
  outbound: program,
  inbound: program,
  interface: bytes(INTERFACE_SIZE),
  netns: bytes(NETNS_SIZE),
  /** Where slots are translated. */
  slots: u32,
  /** Counts up whenever slots come or go. */
  slots_turn: u32,
  /** The blocks of filters that the devices of slots share; zero for none. */
  slots_ingress: u32,
  slots_egress: u32,
  xdp_mode: u32,
  xdp_insides: u32,
  /** Of XDP or redirect; of redirect those that are to be left follow. */
  xdp_inside: array(u32, MOST_INSIDES),
  /** Zero for none. */
  redirect: u32,
  redirect_leaving: u32,
  /** One bit for each place in `xdp_inside`, the lowest first. */
  redirect_qdiscs: bytes(Math.ceil((MOST_INSIDES + 1) / 8)),
});

/** A program of the instance and, of a clsact filter, its place; zeros until it is attached. */
export interface ProgramRecord {
  readonly id: number;
  readonly priority: number;
  readonly handle: number;
}

/** XDP beside the programs on TC. */
export interface XdpRecord {
  readonly mode: XdpMode;
  /** Indexes of the inside interfaces. */
  readonly insides: readonly number[];
}

/** Redirect beside the programs on TC of the outside interface. */
export interface RedirectRecord {
  /** Indexes of the inside interfaces; none where it is only to be cleaned up after. */
  readonly insides: readonly number[];
  /** Those of before, whose program has yet to be taken off. */
  readonly leaving: readonly number[];
  /** Of all of them, those whose clsact qdisc was made for it. */
  readonly madeQdiscs: readonly number[];
}

/** What an instance knows of its slots; they themselves are in the maps. */
export interface SlotsRecord {
  readonly place: SlotPlace;
  /** Another one whenever slots come or go, so that who has them in mind notices. */
  readonly turn: number;
  /** The blocks of filters that their devices share. */
  readonly blocks: { readonly ingress: number; readonly egress: number } | undefined;
}

/** What stands in the record itself; the lists of destinations are maps. */
type RecordedPolicy = Pick<InstancePolicy, 'unmapped' | 'spoofed' | 'mss'>;

export interface InstanceRecord extends RecordedPolicy {
  readonly hook: Hook;
  readonly link: LinkKind;
  /** What its programs can do. */
  readonly uses: Uses;
  readonly interface: string;
  readonly ifindex: number;
  /** Name the namespace had when it was given by name. */
  readonly netns: string | undefined;
  /** What tells the namespace from every other that lives at the same time. */
  readonly netnsInode: number;
  readonly capacity: number;
  /** Whether the clsact qdisc was made for this instance. */
  readonly madeQdisc: boolean;
  /** Subnets of the interface beyond MAX_SUBNETS, in which ARP is not answered. */
  readonly subnetsLeftOut: number;
  readonly programs: { readonly [D in Direction]: ProgramRecord };
  readonly slots: SlotsRecord;
  readonly xdp: XdpRecord | undefined;
  readonly redirect: RedirectRecord | undefined;
}

/** The inside interfaces that packets may come from and go to past the stack. */
const insidesOf = ({ xdp, redirect }: Pick<InstanceRecord, 'xdp' | 'redirect'>): readonly number[] =>
  xdp?.insides ?? redirect?.insides ?? [];

/** What redirect goes between; undefined where there is none, or only what is left of it. */
export const sidesOf = ({
  ifindex,
  redirect,
}: Pick<InstanceRecord, 'ifindex' | 'redirect'>): Sides | undefined =>
  redirect === undefined || redirect.insides.length === 0
    ? undefined
    : { outside: ifindex, insides: redirect.insides };

/** What the programs of an instance are made from. */
export function datapathOptions(record: InstanceRecord): DatapathOptions {
  const { unmapped, spoofed, mss, capacity, uses, link, slots } = record;
  const sides = sidesOf(record);
  return {
    unmapped,
    spoofed,
    capacity,
    uses,
    link,
    slots: slots.place,
    ...(mss !== undefined && { mss }),
    ...(sides && { redirect: sides }),
  };
}

/** The keys of `recordMap`: the record itself, and the journal of the table (journal.ts). */
export const RECORD_KEY = 0;
export const JOURNAL_KEY = 1;
/** Room for some mappings in the journal. */
const VALUE_SIZE = 1024;

/** Bytes, since a record of another version is not to be decoded as this one. */
export const recordMap: MapDefinition<ScalarType<'u32'>, BytesType> = defineMap({
  name: 'instance',
  type: 'array',
  key: u32,
  value: bytes(VALUE_SIZE),
  maxEntries: 2,
});

/** Whether the bytes of a record are those of an instance that is no more. */
export const isRevoked = (data: Uint8Array): boolean => data.every((byte) => byte === 0);

const encoder = new TextEncoder();

export function encodeRecord(record: InstanceRecord): Uint8Array {
  const [outbound, inbound] = DIRECTIONS.map((direction) => ({ ...record.programs[direction], reserved: 0 }));
  const places = [...insidesOf(record), ...(record.redirect?.leaving ?? [])];
  if (places.length > MOST_INSIDES)
    throw new RangeError(`${places.length} interfaces are more than ${MOST_INSIDES}`);
  const data = encode(layout, {
    version: VERSION,
    hook: HOOKS.indexOf(record.hook),
    link: LINKS.indexOf(record.link),
    flags: record.madeQdisc ? MADE_QDISC : 0,
    ifindex: record.ifindex,
    capacity: record.capacity,
    subnets_left_out: record.subnetsLeftOut,
    uses: USES.reduce((bits, use, i) => (record.uses.has(use) ? bits | (1 << i) : bits), 0),
    unmapped_outbound: POLICIES.indexOf(record.unmapped.outbound),
    unmapped_inbound: POLICIES.indexOf(record.unmapped.inbound),
    spoofed: POLICIES.indexOf(record.spoofed),
    mss: record.mss ?? 0,
    netns_inode: BigInt(record.netnsInode),
    outbound: outbound!,
    inbound: inbound!,
    interface: padded(record.interface, INTERFACE_SIZE),
    netns: padded(record.netns ?? '', NETNS_SIZE),
    slots: SLOTS.indexOf(record.slots.place),
    slots_turn: record.slots.turn,
    slots_ingress: record.slots.blocks?.ingress ?? 0,
    slots_egress: record.slots.blocks?.egress ?? 0,
    xdp_mode: XDP_MODES.indexOf(record.xdp?.mode),
    xdp_insides: insidesOf(record).length,
    xdp_inside: Array.from({ length: MOST_INSIDES }, (_, i) => places[i] ?? 0),
    redirect: record.redirect === undefined ? 0 : 1,
    redirect_leaving: record.redirect?.leaving.length ?? 0,
    redirect_qdiscs: bitsOf(places.map((index) => record.redirect?.madeQdiscs.includes(index) === true)),
  });
  const value = new Uint8Array(VALUE_SIZE);
  value.set(data);
  return value;
}

/** Undefined for what is no record of this version. */
export function decodeRecord(data: Uint8Array): InstanceRecord | undefined {
  const raw = decode(layout, data.subarray(0, layout.size));
  const [hook, link] = [HOOKS[raw.hook], LINKS[raw.link]];
  const [outbound, inbound] = [POLICIES[raw.unmapped_outbound], POLICIES[raw.unmapped_inbound]];
  const spoofed = POLICIES[raw.spoofed];
  if (raw.version !== VERSION || hook === undefined || link === undefined) return undefined;
  if (outbound === undefined || inbound === undefined || spoofed === undefined) return undefined;
  const place = SLOTS[raw.slots];
  if (place === undefined) return undefined;
  const netns = text(raw.netns);
  const mode = XDP_MODES[raw.xdp_mode];
  const programOf = ({ id, priority, handle }: ProgramRecord): ProgramRecord => ({ id, priority, handle });
  return {
    hook,
    link,
    uses: new Set(USES.filter((_, i) => (raw.uses & (1 << i)) !== 0)),
    unmapped: { outbound, inbound },
    spoofed,
    ...(raw.mss !== 0 && { mss: raw.mss }),
    interface: text(raw.interface),
    ifindex: raw.ifindex,
    netns: netns === '' ? undefined : netns,
    netnsInode: Number(raw.netns_inode),
    capacity: raw.capacity,
    madeQdisc: (raw.flags & MADE_QDISC) !== 0,
    subnetsLeftOut: raw.subnets_left_out,
    programs: { outbound: programOf(raw.outbound), inbound: programOf(raw.inbound) },
    slots: {
      place,
      turn: raw.slots_turn,
      blocks: raw.slots_ingress === 0 ? undefined : { ingress: raw.slots_ingress, egress: raw.slots_egress },
    },
    xdp: mode && { mode, insides: raw.xdp_inside.slice(0, raw.xdp_insides) },
    redirect: raw.redirect === 0 ? undefined : redirectOf(raw, mode === undefined),
  };
}

/** @param isOn whether the interfaces inside are its own, and not those of XDP */
function redirectOf(raw: ValueOf<typeof layout>, isOn: boolean): RedirectRecord {
  const { xdp_insides: count, xdp_inside: places, redirect_leaving: leaving, redirect_qdiscs: qdiscs } = raw;
  const all = places.slice(0, count + leaving);
  return {
    insides: isOn ? all.slice(0, count) : [],
    leaving: all.slice(count),
    madeQdiscs: all.filter((_, i) => (qdiscs[i >> 3]! & (1 << (i & 7))) !== 0),
  };
}

function bitsOf(flags: readonly boolean[]): Uint8Array {
  const bits = new Uint8Array(layout.fields.redirect_qdiscs.size);
  for (const [i, flag] of flags.entries()) if (flag) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}

function padded(value: string, size: number): Uint8Array {
  const out = new Uint8Array(size);
  const data = encoder.encode(value);
  if (data.length >= size) throw new RangeError(`'${value}' is longer than ${size - 1} bytes`);
  out.set(data);
  return out;
}

function text(field: Uint8Array): string {
  const end = field.indexOf(0);
  return new TextDecoder().decode(field.subarray(0, end < 0 ? field.length : end));
}
