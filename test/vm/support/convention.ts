// What the steps of a random program agree on; see generator.ts.

import type { Item, Label } from '../../../src/asm/index.ts';
import { bytes, defineMap, type MapDefinition, u32 } from '../../../src/asm/index.ts';

/** Bytes known to be there of every packet and of the map's value, and used of the stack. */
export const WINDOW = 64;
export type Kind = 'sched_cls' | 'xdp';

/** Where steps find what they work with. */
export interface Place {
  readonly kind: Kind;
  /** Leaves the program; for checks that never fail. */
  readonly leave: Label;
  /** Fetches the packet anew into r7 after a check of its length; clobbers r5. */
  readonly packet: readonly Item[];
  /** Functions that steps add; they follow the program. */
  readonly functions: Item[];
}

export const RESULTS = 7;

export const scratch: MapDefinition = defineMap({
  name: 'scratch',
  type: 'array',
  key: u32,
  value: bytes(WINDOW),
  maxEntries: 2,
});
export const results: MapDefinition = defineMap({
  name: 'results',
  type: 'array',
  key: u32,
  value: bytes(8 * RESULTS),
  maxEntries: 1,
});
export const table: MapDefinition = defineMap({
  name: 'table',
  type: 'hash',
  key: u32,
  value: bytes(8),
  maxEntries: 4,
});
export const prefixes: MapDefinition = defineMap({
  name: 'prefixes',
  type: 'lpm_trie',
  key: bytes(8),
  value: bytes(8),
  maxEntries: 4,
  flags: 1,
});
