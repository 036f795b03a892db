// The two maps of a table in bytes: keys are addresses in network byte order, values are `addressRecord`s.
// Written out rather than encoded field by field, since lists are long.

import { LITTLE_ENDIAN } from '../../asm/index.ts';
import type { Elements, RawMap } from '../../loader/index.ts';
import type { AddressMapping } from '../mapping.ts';
import { addressRecord } from '../maps.ts';
import type { Counters } from './types.ts';

const KEY_SIZE = 4;
const { size: VALUE_SIZE, offsets } = addressRecord;

/** The record of one direction: the address that is written into a packet, and what it has done so far. */
export interface Entry extends Counters {
  readonly address: number;
}

export function setAll(map: RawMap, entries: readonly (readonly [number, Entry])[]): void {
  const keys = new Uint8Array(entries.length * KEY_SIZE);
  const values = new Uint8Array(entries.length * VALUE_SIZE);
  const [k, v] = [new DataView(keys.buffer), new DataView(values.buffer)];
  entries.forEach(([key, { address, packets, bytes }], i) => {
    k.setUint32(i * KEY_SIZE, key);
    v.setUint32(i * VALUE_SIZE + offsets.address, address);
    v.setBigUint64(i * VALUE_SIZE + offsets.packets, packets, LITTLE_ENDIAN);
    v.setBigUint64(i * VALUE_SIZE + offsets.bytes, bytes, LITTLE_ENDIAN);
  });
  map.setBatch({ count: entries.length, keys, values });
}

export function deleteAll(map: RawMap, addresses: readonly number[]): void {
  const keys = new Uint8Array(addresses.length * KEY_SIZE);
  const view = new DataView(keys.buffer);
  addresses.forEach((address, i) => {
    view.setUint32(i * KEY_SIZE, address);
  });
  map.deleteBatch(keys, addresses.length);
}

/** Records with counters at zero. */
export function elements(
  mappings: readonly AddressMapping[],
  key: (mapping: AddressMapping) => number,
  address: (mapping: AddressMapping) => number,
): Elements {
  const keys = new Uint8Array(mappings.length * KEY_SIZE);
  const values = new Uint8Array(mappings.length * VALUE_SIZE);
  const [k, v] = [new DataView(keys.buffer), new DataView(values.buffer)];
  mappings.forEach((mapping, i) => {
    k.setUint32(i * KEY_SIZE, key(mapping));
    v.setUint32(i * VALUE_SIZE + offsets.address, address(mapping));
  });
  return { count: mappings.length, keys, values };
}

export function readAll(map: RawMap): Map<number, Entry> {
  const { count, keys, values } = map.elements();
  const k = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
  const found = new Map<number, Entry>();
  for (let i = 0; i < count; i++) found.set(k.getUint32(i * KEY_SIZE), entryAt(values, i * VALUE_SIZE));
  return found;
}

export function get(map: RawMap, address: number): Entry | undefined {
  const value = map.get(keyOf(address));
  return value === undefined ? undefined : entryAt(value, 0);
}

function entryAt(values: Uint8Array, at: number): Entry {
  const view = new DataView(values.buffer, values.byteOffset + at, VALUE_SIZE);
  return {
    address: view.getUint32(offsets.address),
    packets: view.getBigUint64(offsets.packets, LITTLE_ENDIAN),
    bytes: view.getBigUint64(offsets.bytes, LITTLE_ENDIAN),
  };
}

export function keyOf(address: number): Uint8Array {
  const key = new Uint8Array(KEY_SIZE);
  new DataView(key.buffer).setUint32(0, address);
  return key;
}

export function recordOf(address: number): Uint8Array {
  const value = new Uint8Array(VALUE_SIZE);
  new DataView(value.buffer).setUint32(offsets.address, address);
  return value;
}
