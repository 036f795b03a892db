// The tables that hold mappings, as bytes: for each family and direction a hash of addresses and a trie of everything
// else (maps.ts). A value is what the entry says, its identity, and behind that two counters. Written out rather than
// encoded field by field, since lists are long: entries-encode.ts and entries-decode.ts are each other's inverse.

import { type FieldType, LITTLE_ENDIAN, type StructType } from '../asm/data.ts';
import type { Address, Family } from './address.ts';
import { address6Record, addressRecord, in6, net6Key, net6Record, netKey, netRecord } from './maps.ts';
import type { Direction } from './reason.ts';

export type TableName = `${Direction}${'' | '_net'}${'' | '6'}`;

export interface TableFormat {
  readonly name: TableName;
  readonly direction: Direction;
  readonly family: Family;
  /** Whether it is a trie: prefixes, ports and port blocks. */
  readonly isNet: boolean;
  readonly keySize: number;
  readonly valueSize: number;
  /** How much of a value says what the mapping is; the counters follow. */
  readonly identitySize: number;
}

function formatOf(direction: Direction, family: Family, isNet: boolean): TableFormat {
  const [key, value]: [Pick<FieldType, 'size'>, StructType] =
    family === 6
      ? isNet
        ? [net6Key, net6Record]
        : [in6, address6Record]
      : isNet
        ? [netKey, netRecord]
        : [{ size: 4 }, addressRecord];
  return {
    name: `${direction}${isNet ? '_net' : ''}${family === 6 ? '6' : ''}`,
    direction,
    family,
    isNet,
    keySize: key.size,
    valueSize: value.size,
    identitySize: value.offsets.packets!,
  };
}

/** In the order of writing: inbound first, so that the answer to a packet translated on its way out comes back. */
export const TABLES: readonly TableFormat[] = (['inbound', 'outbound'] as const).flatMap((direction) =>
  ([4, 6] as const).flatMap((family) => [false, true].map((isNet) => formatOf(direction, family, isNet))),
);

export const formatNamed = (name: TableName): TableFormat => TABLES.find((format) => format.name === name)!;

export const formatFor = (direction: Direction, family: Family, isNet: boolean): TableFormat =>
  formatNamed(`${direction}${isNet ? '_net' : ''}${family === 6 ? '6' : ''}`);

/** Entries of one table, laid end to end as the kernel takes and gives them. */
export interface Entries {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

export type TableEntries = { readonly [T in TableName]: Entries };

/** What has gone one way. */
export interface Counters {
  readonly packets: bigint;
  readonly bytes: bigint;
}

export const viewOf = (data: Uint8Array): DataView =>
  new DataView(data.buffer, data.byteOffset, data.byteLength);

/** The counters of the value at `at`. */
export function countersAt(view: DataView, at: number, { identitySize }: TableFormat): Counters {
  return {
    packets: view.getBigUint64(at + identitySize, LITTLE_ENDIAN),
    bytes: view.getBigUint64(at + identitySize + 8, LITTLE_ENDIAN),
  };
}

const WORD64 = 64n;

/** Writes it in network byte order, 4 or 16 bytes. */
export function putAddress(view: DataView, at: number, address: Address): void {
  if (typeof address === 'number') {
    view.setUint32(at, address);
    return;
  }
  view.setBigUint64(at, address >> WORD64);
  view.setBigUint64(at + 8, BigInt.asUintN(64, address));
}

export function getAddress(view: DataView, at: number, family: Family): Address {
  if (family === 4) return view.getUint32(at);
  return (view.getBigUint64(at) << WORD64) | view.getBigUint64(at + 8);
}

/** A key, or an address, as what a `Map` can be asked for: a number where that will do. */
export type KeyName = number | string;

const NUMBER_SIZE = 4;

/** Names of runs of `size` bytes that start every `stride` bytes. */
export function namesOf(data: Uint8Array, stride: number, size: number): (position: number) => KeyName {
  if (size === NUMBER_SIZE) {
    const view = viewOf(data);
    return (position) => view.getUint32(position * stride);
  }
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1');
  return (position) => text.slice(position * stride, position * stride + size);
}

export const keyNames = (
  { keys }: Entries,
  { keySize }: Pick<TableFormat, 'keySize'>,
): ((position: number) => KeyName) => namesOf(keys, keySize, keySize);

/** Where entries stand, by the names of their keys. */
export function positionsOf(entries: Entries, format: Pick<TableFormat, 'keySize'>): Map<KeyName, number> {
  const name = keyNames(entries, format);
  const positions = new Map<KeyName, number>();
  for (let i = 0; i < entries.count; i++) positions.set(name(i), i);
  return positions;
}

/** Whether `size` bytes at two places are the same. */
export function sameBytes(a: Uint8Array, at: number, b: Uint8Array, bAt: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (a[at + i] !== b[bAt + i]) return false;
  return true;
}

/** Those at these positions. */
export function pick(
  { keys, values }: Entries,
  positions: readonly number[],
  { keySize, valueSize }: Pick<TableFormat, 'keySize' | 'valueSize'>,
): Entries {
  const picked = {
    count: positions.length,
    keys: new Uint8Array(positions.length * keySize),
    values: new Uint8Array(positions.length * valueSize),
  };
  for (const [i, position] of positions.entries()) {
    picked.keys.set(keys.subarray(position * keySize, (position + 1) * keySize), i * keySize);
    picked.values.set(values.subarray(position * valueSize, (position + 1) * valueSize), i * valueSize);
  }
  return picked;
}
