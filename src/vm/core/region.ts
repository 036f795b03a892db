// Memory as programs see it: regions with bounds. A pointer is a 64-bit number whose upper half names the region and
// whose lower half is the offset in it, plus a tag beside the number that no arithmetic can forge.
// A region that moves gets a new upper half, so pointers from before are told from pointers of now.

import { STACK_SIZE } from '../../asm/index.ts';

export type RegionKind =
  | 'nothing'
  | 'stack'
  | 'context'
  | 'packet'
  | 'value'
  | 'map'
  | 'function'
  | 'memory'
  | 'record';

/** Tag of a number that is no pointer; the others are positions in a machine's table of regions. */
export const SCALAR = 0;
/** Tag of a register that holds nothing yet: the only negative one, so that one sign bit tells. */
export const UNINITIALISED = -1;

/** A spilled pointer keeps its tag in an aligned slot of this many bytes, as a power of two. */
const SLOT_SHIFT = 3;

/**
 * One piece of memory. Offsets from `start` up to `end` may be read, up to `writeEnd` also written.
 * A region of another kind than plain bytes (a context, a map) has nothing to read or write directly: its `end` is 0.
 */
export class Region {
  readonly kind: RegionKind;
  /** For messages. */
  readonly name: string;
  /** What it belongs to: a map, the record's ring buffer, the number of a function's first instruction. */
  readonly owner: unknown;
  bytes: Uint8Array;
  view: DataView;
  start: number;
  end: number;
  writeEnd: number;
  /** Upper half of every valid pointer into it. */
  hi = 0;
  /** Upper half of the first such pointers: those since then and before `hi` are stale. */
  firstHi = 0;
  tag = 0;
  /** The run that `tag` and `hi` belong to. */
  epoch = 0;
  /** Tags of the pointers stored in it, one for each 8 bytes; null where stored pointers become numbers. */
  shadow: Int32Array | null = null;

  constructor(kind: RegionKind, name: string, bytes: Uint8Array, owner: unknown = undefined) {
    this.kind = kind;
    this.name = name;
    this.owner = owner;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.start = 0;
    this.end = bytes.length;
    this.writeEnd = bytes.length;
  }

  /** Puts other bytes behind it. */
  replace(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

const EMPTY = new Uint8Array(0);

/** A region that can be pointed at but not read: a map, a function, a context. */
export const opaqueRegion = (kind: RegionKind, name: string, owner?: unknown): Region =>
  new Region(kind, name, EMPTY, owner);

export function stackRegion(name: string): Region {
  const region = new Region('stack', name, new Uint8Array(STACK_SIZE));
  region.shadow = new Int32Array(STACK_SIZE >> SLOT_SHIFT);
  return region;
}

/** Forgets the pointers stored in the slots that `size` bytes at `at` touch. */
export function forgetPointers(region: Region, at: number, size: number): void {
  const { shadow } = region;
  if (shadow === null || size === 0) return;
  shadow.fill(SCALAR, at >> SLOT_SHIFT, ((at + size - 1) >> SLOT_SHIFT) + 1);
}

/** The tag that 8 bytes at `at` were stored with. */
export function storedTag(region: Region, at: number): number {
  const { shadow } = region;
  if (shadow === null || (at & 7) !== 0) return SCALAR;
  return shadow[at >> SLOT_SHIFT]!;
}

/** Remembers the tag that 8 bytes at `at` were stored with. */
export function storeTag(region: Region, at: number, tag: number): void {
  const { shadow } = region;
  if (shadow === null) return;
  if ((at & 7) === 0) shadow[at >> SLOT_SHIFT] = tag;
  else forgetPointers(region, at, 8);
}
