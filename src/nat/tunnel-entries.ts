// Tunnel slots as bytes (tunnel-layout.ts), written out field by field since a bind is to be quick.

import { LITTLE_ENDIAN } from '../asm/data.ts';
import { type Address, type Family, familyOf } from './address.ts';
import { type Counters, getAddress, putAddress, viewOf } from './entries.ts';
import type { Direction } from './reason.ts';
import {
  TUNNEL_ENTRIES,
  TUNNEL_FLAGS,
  TUNNEL_MARKS,
  TUNNEL_STATES,
  type TunnelMark,
  tunnelKey,
  tunnelRecord,
} from './tunnel-layout.ts';

/** Inner addresses, at most one of each family. */
export type InnerAddresses = { readonly [F in Family]?: Address };

/** A slot as its entry says it; `vni` undefined where none is bound. */
export interface TunnelSlot {
  readonly port: number;
  readonly placeholder: number;
  readonly vni: number | undefined;
  /** Underlay addresses; undefined for any. */
  readonly remote: Address | undefined;
  readonly local: Address | undefined;
  readonly inside: InnerAddresses;
  /** Of the same families. */
  readonly outside: InnerAddresses;
  /** CLOCK_MONOTONIC in nanoseconds. */
  readonly since: bigint;
}

const KEY = tunnelKey.offsets;
const RECORD = tunnelRecord.offsets;
const WORD = 32n;
/** RFC 4291, section 2.5.5.2: ::ffff:a.b.c.d */
const MAPPED = 0xffffn;

/** All marks of a port, as the bits they are. */
export const markBits = (marks: Iterable<TunnelMark>): number =>
  [...marks].reduce((bits, mark) => bits | TUNNEL_MARKS[mark], 0);
export const marksOf = (bits: number): TunnelMark[] =>
  (Object.keys(TUNNEL_MARKS) as TunnelMark[]).filter((mark) => (bits & TUNNEL_MARKS[mark]) !== 0);

export function slotKey(port: number, placeholder: number): Uint8Array {
  const key = new Uint8Array(tunnelKey.size);
  const view = viewOf(key);
  view.setUint16(KEY.port, port);
  view.setUint16(KEY.kind, TUNNEL_ENTRIES.slot, LITTLE_ENDIAN);
  view.setUint32(KEY.vni, placeholder, LITTLE_ENDIAN);
  return key;
}

/** What leads to a slot that has a VNI: one key, or one for each of its inner addresses where these are marks. */
export function indexKeys(slot: TunnelSlot, marks: readonly TunnelMark[]): Uint8Array[] {
  const { port, vni = 0, remote, local, outside } = slot;
  const key = (inner: Address | undefined): Uint8Array => {
    const bytes = new Uint8Array(tunnelKey.size);
    const view = viewOf(bytes);
    view.setUint16(KEY.port, port);
    view.setUint16(KEY.kind, TUNNEL_ENTRIES.index, LITTLE_ENDIAN);
    for (const mark of marks) {
      if (mark === 'vni') view.setUint32(KEY.vni, vni, LITTLE_ENDIAN);
      else putWide(view, KEY[mark], { remote, local, inner }[mark]);
    }
    return bytes;
  };
  return marks.includes('inner') ? innerOf(outside).map(key) : [key(undefined)];
}

/** The value of an index entry. */
export function indexValue(placeholder: number): Uint8Array {
  const value = new Uint8Array(tunnelRecord.size);
  viewOf(value).setUint32(RECORD.placeholder, placeholder, LITTLE_ENDIAN);
  value[RECORD.state] = TUNNEL_STATES.index;
  return value;
}

/** The value of a slot's entry, with counters at zero. */
export function slotValue(slot: TunnelSlot): Uint8Array {
  const value = new Uint8Array(tunnelRecord.size);
  const view = viewOf(value);
  const { placeholder, vni, inside, outside } = slot;
  view.setUint32(RECORD.vni, vni ?? 0, LITTLE_ENDIAN);
  view.setUint32(RECORD.placeholder, placeholder, LITTLE_ENDIAN);
  view.setUint8(RECORD.state, vni === undefined ? TUNNEL_STATES.reserved : TUNNEL_STATES.bound);
  view.setBigUint64(RECORD.since, slot.since, LITTLE_ENDIAN);
  let flags = 0;
  if (inside[4] !== undefined) {
    flags |= TUNNEL_FLAGS.inner4;
    putAddress(view, RECORD.inside, inside[4]);
    putAddress(view, RECORD.outside, outside[4] ?? inside[4]);
  }
  if (inside[6] !== undefined) {
    flags |= TUNNEL_FLAGS.inner6;
    putAddress(view, RECORD.inside6, inside[6]);
    putAddress(view, RECORD.outside6, outside[6] ?? inside[6]);
  }
  view.setUint8(RECORD.flags, flags);
  putWide(view, RECORD.remote, slot.remote);
  putWide(view, RECORD.local, slot.local);
  return value;
}

/** What an entry of the map is: a slot, or an index entry. */
export const isSlotKey = (key: Uint8Array): boolean =>
  viewOf(key).getUint16(KEY.kind, LITTLE_ENDIAN) === TUNNEL_ENTRIES.slot;

export const portOf = (key: Uint8Array): number => viewOf(key).getUint16(KEY.port);
export const placeholderOf = (value: Uint8Array): number =>
  viewOf(value).getUint32(RECORD.placeholder, LITTLE_ENDIAN);

/** A slot of this port, as its entry says. */
export function decodeSlot(port: number, value: Uint8Array): TunnelSlot {
  const view = viewOf(value);
  const flags = view.getUint8(RECORD.flags);
  const isBound = view.getUint8(RECORD.state) === TUNNEL_STATES.bound;
  const inner = (four: number, six: number): InnerAddresses => ({
    ...((flags & TUNNEL_FLAGS.inner4) !== 0 && { 4: getAddress(view, four, 4) }),
    ...((flags & TUNNEL_FLAGS.inner6) !== 0 && { 6: getAddress(view, six, 6) }),
  });
  return {
    port,
    placeholder: placeholderOf(value),
    vni: isBound ? view.getUint32(RECORD.vni, LITTLE_ENDIAN) : undefined,
    remote: getWide(view, RECORD.remote),
    local: getWide(view, RECORD.local),
    inside: inner(RECORD.inside, RECORD.inside6),
    outside: inner(RECORD.outside, RECORD.outside6),
    since: view.getBigUint64(RECORD.since, LITTLE_ENDIAN),
  };
}

/** What went by a slot since it was bound. */
export function slotCounters(value: Uint8Array, direction: Direction): Counters {
  const view = viewOf(value);
  return {
    packets: view.getBigUint64(RECORD[`${direction}Packets`], LITTLE_ENDIAN),
    bytes: view.getBigUint64(RECORD[`${direction}Bytes`], LITTLE_ENDIAN),
  };
}

/** IPv4 before IPv6. */
export const innerOf = (inner: InnerAddresses): Address[] =>
  [inner[4], inner[6]].filter((address) => address !== undefined);

/** By family; the last one where there are several of one. */
export const innerByFamily = (addresses: readonly Address[]): InnerAddresses =>
  Object.fromEntries(addresses.map((address) => [familyOf(address), address]));

function putWide(view: DataView, at: number, address: Address | undefined): void {
  if (address === undefined) return;
  putAddress(view, at, typeof address === 'number' ? (MAPPED << WORD) | BigInt(address) : address);
}

function getWide(view: DataView, at: number): Address | undefined {
  const wide = BigInt(getAddress(view, at, 6));
  if (wide === 0n) return undefined;
  return wide >> WORD === MAPPED ? Number(BigInt.asUintN(Number(WORD), wide)) : wide;
}
