// Entries written by one call, and what it says when they do not fit.

import { BatchError, type RawMap } from '../../../loader/index.ts';
import { MOST_TUNNEL_ENTRIES } from '../../maps.ts';
import { InstanceError } from '../error.ts';

export interface Element {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** CLOCK_MONOTONIC. */
export const now = (): bigint => process.hrtime.bigint();

/** In this order, by one call. */
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

/** Says that the map is full, where that is what is wrong. */
export function fullError(name: string, error: unknown): unknown {
  const code =
    error instanceof BatchError || error instanceof Error ? (error as { code?: unknown }).code : undefined;
  if (code !== 'E2BIG' && code !== 'ENOSPC') return error;
  return new InstanceError(
    'EFULL',
    `instance '${name}' is full: its table of tunnels holds no more than ${MOST_TUNNEL_ENTRIES} entries, two or three for each slot; nothing was changed`,
    error,
  );
}
