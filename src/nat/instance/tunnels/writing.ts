// Changes of tunnel slots, each all or nothing, for packets as for whoever kills the command: what one call does needs
// no journal.

import { type BatchError, LoaderError, type RawMap } from '../../../loader/index.ts';
import { MOST_TUNNEL_ENTRIES } from '../../maps.ts';
import { InstanceError } from '../error.ts';
import type { Pins } from '../pins.ts';
import { beginSlotJournal, endSlotJournal, makeAmends, type SlotAmends } from '../slots/journal.ts';
import type { Element, TunnelBook, TunnelMaps } from './book.ts';
import { type TunnelPort, writePorts } from './ports.ts';

/** What is written, in this order. */
export interface TunnelChange {
  readonly elements: readonly Element[];
  /** After the elements; left out where they stay as they are. */
  readonly ports?: readonly TunnelPort[];
  /** What takes it back. */
  readonly amends: SlotAmends;
}

/** CLOCK_MONOTONIC. */
export const now = (): bigint => process.hrtime.bigint();

/** @throws InstanceError with code `EFULL` */
export function commit(pins: Pins, book: TunnelBook, change: TunnelChange): void {
  try {
    attemptCommit(pins, book.maps, change);
  } catch (error) {
    if (!isFull(error)) throw error;
    // Index entries that lead nowhere any more, as killed commands may leave them, stay until their places are needed.
    const strays = book.strays(book.slots());
    if (strays.length === 0) throw fullError(book.name, error);
    deleteAll(book.maps.tunnels.raw, strays);
    attemptCommit(pins, book.maps, change);
  }
}

function attemptCommit(pins: Pins, maps: TunnelMaps, { elements, ports, amends }: TunnelChange): void {
  const { raw } = maps.tunnels;
  const isOneCall = ports === undefined && elements.length <= raw.batchLimit;
  if (!isOneCall) beginSlotJournal(pins, amends);
  try {
    writeAll(raw, elements);
    if (ports !== undefined) writePorts(maps.tunnel_ports, ports);
    if (!isOneCall) endSlotJournal(pins);
  } catch (error) {
    if (error instanceof LoaderError) makeAmends(maps, amends);
    if (!isOneCall) endSlotJournal(pins);
    throw error;
  }
}

/** By one call. */
export function writeAll(map: RawMap, elements: readonly Element[]): void {
  const [first] = elements;
  if (first !== undefined && elements.length === 1) {
    map.set(first.key, first.value);
    return;
  }
  map.setBatch({
    count: elements.length,
    keys: Buffer.concat(elements.map(({ key }) => key)),
    values: Buffer.concat(elements.map(({ value }) => value)),
  });
}

const deleteAll = (map: RawMap, keys: readonly Uint8Array[]): void =>
  map.deleteBatch(Buffer.concat(keys), keys.length, { missing: 'skip' });

/** Takes away index entries that lead nowhere any more. What cannot be taken away lets nothing through, and is left. */
export function forget(map: RawMap, keys: readonly Uint8Array[]): void {
  if (keys.length === 0) return;
  try {
    deleteAll(map, keys);
  } catch (error) {
    if (!(error instanceof LoaderError)) throw error;
  }
}

const isFull = (error: unknown): error is BatchError | LoaderError =>
  error instanceof LoaderError && (error.code === 'E2BIG' || error.code === 'ENOSPC');

const fullError = (name: string, error: unknown): InstanceError =>
  new InstanceError(
    'EFULL',
    `instance '${name}' is full: its table of tunnels holds no more than ${MOST_TUNNEL_ENTRIES} entries, two or three for each slot; nothing was changed`,
    error,
  );
