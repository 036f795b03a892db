// The entries of slots as bytes, in both families. As in entries-encode.ts they are written out rather than encoded field
// by field: thousands of slots are bound in one call.

import { LITTLE_ENDIAN } from '../asm/data.ts';
import { type Address, type Family, familyOf } from './address.ts';
import { type Entries, getAddress, putAddress, viewOf } from './entries.ts';
import { isGolden } from './golden/slot-addresses.ts';
import { getMac, type Mac, putMac } from './mac.ts';
import { SLOT_NAME_SIZE, slot6Key, slot6Record, slotKey, slotRecord } from './slot-layout.ts';

/** What an entry is looked up with; the address says which family's table it is in. */
export interface SlotKey {
  /** Index of the interface, or 0 where the address is an outside. */
  readonly interface: number;
  /** 0 and 0n are for the interface itself. */
  readonly address: Address;
}

/**
 * What an entry says; slot-layout.ts has the meaning of each. Thousands of them are best made as literals: V8 gives copies
 * by `...` shapes of their own, which makes encoding ten times slower.
 */
export interface SlotRecord {
  /** The other side's, of the key's family; 0 or 0n where there is none. */
  readonly address: Address;
  readonly interface: number;
  readonly station: Mac;
  readonly mac: Mac;
  readonly mtu: number;
  readonly list: number;
  /** One of SLOT_STATES. */
  readonly state: number;
  /** Of SLOT_FLAGS, added up. */
  readonly flags: number;
  /** 1 where XDP may send to the interface, else 0. */
  readonly xdp: number;
  /** CLOCK_MONOTONIC in nanoseconds. */
  readonly since: bigint;
  /** Of the interface, up to 15 bytes. */
  readonly name: string;
  readonly packets: bigint;
  readonly bytes: bigint;
}

export interface SlotEntry {
  readonly key: SlotKey;
  readonly record: SlotRecord;
}

type Offsets<T extends string> = { readonly [N in T]: number };

/** A family's table. */
export interface SlotFormat {
  readonly name: 'slots' | 'slots6';
  readonly family: Family;
  readonly keySize: number;
  readonly valueSize: number;
  /** How much of a value says what the entry is; the counters follow. */
  readonly identitySize: number;
  readonly key: Offsets<keyof SlotKey>;
  readonly record: Offsets<keyof SlotRecord>;
}

export const SLOT_FORMATS: { readonly [F in Family]: SlotFormat } = {
  4: {
    name: 'slots',
    family: 4,
    keySize: slotKey.size,
    valueSize: slotRecord.size,
    identitySize: slotRecord.offsets.packets,
    key: slotKey.offsets,
    record: slotRecord.offsets,
  },
  6: {
    name: 'slots6',
    family: 6,
    keySize: slot6Key.size,
    valueSize: slot6Record.size,
    identitySize: slot6Record.offsets.packets,
    key: slot6Key.offsets,
    record: slot6Record.offsets,
  },
};

/**
 * Entries of one family, in their order.
 *
 * @throws RangeError for an address of the other family, or what does not fit into its field.
 */
export function encodeSlots(family: Family, entries: readonly SlotEntry[]): Entries {
  const { keySize, valueSize } = SLOT_FORMATS[family];
  const keys = new Uint8Array(entries.length * keySize);
  const values = new Uint8Array(entries.length * valueSize);
  const [keyView, valueView] = [viewOf(keys), viewOf(values)];
  for (let i = 0; i < entries.length; i++) {
    const { key, record } = entries[i]!;
    putSlotKey(keyView, i * keySize, family, key);
    putSlotRecord(valueView, i * valueSize, family, record);
  }
  return { count: entries.length, keys, values };
}

/** Keys alone, as look-ups and deletions need them. @throws RangeError as encodeSlots does. */
export function encodeSlotKeys(family: Family, keys: readonly SlotKey[]): Uint8Array {
  const { keySize } = SLOT_FORMATS[family];
  const data = new Uint8Array(keys.length * keySize);
  const view = viewOf(data);
  for (let i = 0; i < keys.length; i++) putSlotKey(view, i * keySize, family, keys[i]!);
  return data;
}

/** What encodeSlots has written, or another program; what a self-test may have left there is nothing of it. */
export function decodeSlots(family: Family, { count, keys, values }: Entries): SlotEntry[] {
  const { keySize, valueSize } = SLOT_FORMATS[family];
  const [keyView, valueView] = [viewOf(keys), viewOf(values)];
  const all = Array.from({ length: count }, (_, i) => ({
    key: getSlotKey(keyView, i * keySize, family),
    record: getSlotRecord(valueView, i * valueSize, family),
  }));
  return all.filter(({ key }) => !isGolden(key));
}

/** Writes one key at `at`. */
export function putSlotKey(view: DataView, at: number, family: Family, key: SlotKey): void {
  const { key: offsets } = SLOT_FORMATS[family];
  requireFamily(key.address, family);
  requireFit('interface', key.interface, U32);
  view.setUint32(at + offsets.interface, key.interface, LITTLE_ENDIAN);
  putAddress(view, at + offsets.address, key.address);
}

export function getSlotKey(view: DataView, at: number, family: Family): SlotKey {
  const { key: offsets } = SLOT_FORMATS[family];
  return {
    interface: view.getUint32(at + offsets.interface, LITTLE_ENDIAN),
    address: getAddress(view, at + offsets.address, family),
  };
}

/** Writes one record at `at`, where zeros are. */
export function putSlotRecord(view: DataView, at: number, family: Family, record: SlotRecord): void {
  const { record: offsets } = SLOT_FORMATS[family];
  requireFamily(record.address, family);
  requireFit('interface', record.interface, U32);
  requireFit('mtu', record.mtu, U16);
  requireFit('list', record.list, U16);
  requireFit('state', record.state, U8);
  requireFit('flags', record.flags, U8);
  requireFit('xdp', record.xdp, U8);
  putAddress(view, at + offsets.address, record.address);
  view.setUint32(at + offsets.interface, record.interface, LITTLE_ENDIAN);
  putMac(view, at + offsets.station, record.station);
  putMac(view, at + offsets.mac, record.mac);
  view.setUint16(at + offsets.mtu, record.mtu, LITTLE_ENDIAN);
  view.setUint16(at + offsets.list, record.list, LITTLE_ENDIAN);
  view.setUint8(at + offsets.state, record.state);
  view.setUint8(at + offsets.flags, record.flags);
  view.setUint8(at + offsets.xdp, record.xdp);
  if (record.since < 0n) throw new RangeError(`slot since ${record.since} is before time began`);
  view.setBigUint64(at + offsets.since, record.since, LITTLE_ENDIAN);
  putName(view, at + offsets.name, record.name);
  view.setBigUint64(at + offsets.packets, record.packets, LITTLE_ENDIAN);
  view.setBigUint64(at + offsets.bytes, record.bytes, LITTLE_ENDIAN);
}

export function getSlotRecord(view: DataView, at: number, family: Family): SlotRecord {
  const { record: offsets } = SLOT_FORMATS[family];
  return {
    address: getAddress(view, at + offsets.address, family),
    interface: view.getUint32(at + offsets.interface, LITTLE_ENDIAN),
    station: getMac(view, at + offsets.station),
    mac: getMac(view, at + offsets.mac),
    mtu: view.getUint16(at + offsets.mtu, LITTLE_ENDIAN),
    list: view.getUint16(at + offsets.list, LITTLE_ENDIAN),
    state: view.getUint8(at + offsets.state),
    flags: view.getUint8(at + offsets.flags),
    xdp: view.getUint8(at + offsets.xdp),
    since: view.getBigUint64(at + offsets.since, LITTLE_ENDIAN),
    name: getName(view, at + offsets.name),
    packets: view.getBigUint64(at + offsets.packets, LITTLE_ENDIAN),
    bytes: view.getBigUint64(at + offsets.bytes, LITTLE_ENDIAN),
  };
}

function requireFamily(address: Address, family: Family): void {
  if (familyOf(address) !== family)
    throw new RangeError(`slot address ${address} is not one of IPv${family}`);
}

const U8 = 0xff;
const U16 = 0xffff;
const U32 = 0xffff_ffff;

function requireFit(field: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return;
  throw new RangeError(`slot ${field} ${value} is not a number from 0 to ${most}`);
}

const ASCII_END = 0x80;

/** A zero stands behind it. */
function putName(view: DataView, at: number, name: string): void {
  let isAscii = name.length < SLOT_NAME_SIZE;
  for (let i = 0; isAscii && i < name.length; i++) {
    const code = name.charCodeAt(i);
    isAscii = code < ASCII_END;
    view.setUint8(at + i, code);
  }
  if (isAscii) return;
  const bytes = new TextEncoder().encode(name);
  if (bytes.length >= SLOT_NAME_SIZE) {
    throw new RangeError(`slot name '${name}' is longer than ${SLOT_NAME_SIZE - 1} bytes`);
  }
  bytes.forEach((byte, i) => {
    view.setUint8(at + i, byte);
  });
}

function getName(view: DataView, at: number): string {
  let name = '';
  for (let i = 0; i < SLOT_NAME_SIZE; i++) {
    const code = view.getUint8(at + i);
    if (code === 0) return name;
    if (code >= ASCII_END) return getWideName(view, at);
    name += String.fromCharCode(code);
  }
  return name;
}

function getWideName(view: DataView, at: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, SLOT_NAME_SIZE);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
}
