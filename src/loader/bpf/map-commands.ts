// The map commands of bpf(2) on single elements. Each map has memory of its own for a key and a value at addresses that
// stay, so that a call is a key put in place, a system call, and a value read in place: nothing is made for it.

import { bytes, LITTLE_ENDIAN, struct, u32, u64 } from '../../asm/data.ts';
import { ERRNO } from '../errors.ts';
import { allocate, bpf, type Memory } from '../ffi.ts';
import {
  BPF_ANY,
  BPF_EXIST,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_AND_DELETE_ELEM,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_UPDATE_ELEM,
  BPF_NOEXIST,
} from './abi.ts';
import { spaceFor } from './frame.ts';
import { mapError } from './map-create.ts';

const { offsets: elem, size: elemSize } = struct('bpf_attr_elem', {
  map_fd: u32,
  pad: bytes(4),
  key: u64,
  /** Of BPF_MAP_GET_NEXT_KEY: where the next key goes. */
  value: u64,
  flags: u64,
});

/** An open map as these commands need it: the descriptor, and sizes that include every CPU's value. */
export interface MapHandle {
  readonly fd: number;
  readonly name: string;
  readonly keySize: number;
  /** Bytes that a look-up fills: for a per-CPU map all CPUs, each rounded up to 8. */
  readonly transferSize: number;
  readonly maxEntries: number;
}

/** What an update may find: anything, no element with this key, or one. */
export type UpdateMode = 'any' | 'noexist' | 'exist';
const MODES: { readonly [M in UpdateMode]: number } = {
  any: BPF_ANY,
  noexist: BPF_NOEXIST,
  exist: BPF_EXIST,
};

/**
 * How often a failed allocation of an element is tried again: a map without preallocation refills its
 * per-CPU reserve in the background and can answer ENOMEM when it is filled faster than that.
 */
const ENOMEM_RETRIES = 16;

/** What the third argument points to. The kernel refuses one that a command does not have. */
type Target = 'value' | 'next' | 'nothing';

/** The commands on one element of one map, with the memory they work in. */
export class ElementCalls {
  readonly #map: MapHandle;
  readonly #memory: Memory;
  readonly #next: number;
  /** Offset of the key in `view` and `bytes`. */
  readonly keyAt: number = spaceFor(elemSize);
  /** Offset of the value. */
  readonly valueAt: number;
  #target: Target = 'nothing';

  constructor(map: MapHandle) {
    this.#map = map;
    const keySpace = spaceFor(map.keySize);
    this.#next = this.keyAt + keySpace;
    this.valueAt = this.#next + keySpace;
    this.#memory = allocate(this.valueAt + spaceFor(map.transferSize));
    this.#pointer(elem.key, this.keyAt);
  }

  get view(): DataView {
    return this.#memory.view;
  }

  /** @throws RangeError when it has another size. */
  putKey(key: Uint8Array): void {
    this.#requireSize('key', key, this.#map.keySize);
    this.#memory.bytes.set(key, this.keyAt);
  }

  /** @throws RangeError when it has another size. */
  putValue(value: Uint8Array): void {
    this.#requireSize('value', value, this.#map.transferSize);
    this.#memory.bytes.set(value, this.valueAt);
  }

  /** The value in place itself, until the next call. */
  get found(): Uint8Array {
    return this.#memory.bytes.subarray(this.valueAt, this.valueAt + this.#map.transferSize);
  }

  /** A copy of the key in place. */
  key(): Uint8Array {
    return this.#memory.bytes.slice(this.keyAt, this.keyAt + this.#map.keySize);
  }

  /** A copy of the value in place. */
  value(): Uint8Array {
    return this.#memory.bytes.slice(this.valueAt, this.valueAt + this.#map.transferSize);
  }

  /** Puts the value of the key in place. @returns whether the key was there. */
  lookup(): boolean {
    const result = this.#call(BPF_MAP_LOOKUP_ELEM, 'value', 0);
    if (result === 0) return true;
    if (result === -ERRNO.ENOENT) return false;
    throw this.#error(result, 'BPF_MAP_LOOKUP_ELEM', 'read from');
  }

  /**
   * @returns 'done', or 'exists' (mode noexist) or 'missing' (mode exist) with the map unchanged.
   * @throws LoaderError with code `E2BIG` when the map is full.
   */
  update(mode: UpdateMode): 'done' | 'exists' | 'missing' {
    for (let attempt = 0; ; attempt++) {
      const result = this.#call(BPF_MAP_UPDATE_ELEM, 'value', MODES[mode]);
      if (result === 0) return 'done';
      if (result === -ERRNO.EEXIST && mode === 'noexist') return 'exists';
      if (result === -ERRNO.ENOENT && mode === 'exist') return 'missing';
      if (result === -ERRNO.ENOMEM && attempt < ENOMEM_RETRIES) continue;
      throw this.#error(result, 'BPF_MAP_UPDATE_ELEM', 'write to');
    }
  }

  /** @returns whether the key was there. */
  delete(): boolean {
    const result = this.#call(BPF_MAP_DELETE_ELEM, 'nothing', 0);
    if (result === 0) return true;
    if (result === -ERRNO.ENOENT) return false;
    throw this.#error(result, 'BPF_MAP_DELETE_ELEM', 'delete from');
  }

  /**
   * Puts the value in place and deletes the key, in one step where the kernel has one for this type of map. Where it has
   * none, what a program writes in between is lost.
   *
   * @returns whether the key was there.
   */
  take(): boolean {
    const result = this.#call(BPF_MAP_LOOKUP_AND_DELETE_ELEM, 'value', 0);
    if (result === 0) return true;
    if (result === -ERRNO.ENOENT) return false;
    if (unsupported(result)) return this.lookup() && this.delete();
    throw this.#error(result, 'BPF_MAP_LOOKUP_AND_DELETE_ELEM', 'take from');
  }

  /**
   * Replaces the key in place by the one behind it in the kernel's order, or by the first one.
   * From a key that is not there any more the kernel goes on with the first one.
   *
   * @returns false at the end.
   */
  next(first: boolean): boolean {
    const { bytes } = this.#memory;
    if (first) this.#pointer(elem.key, undefined);
    const result = this.#call(BPF_MAP_GET_NEXT_KEY, 'next', 0);
    if (first) this.#pointer(elem.key, this.keyAt);
    if (result === 0) {
      bytes.copyWithin(this.keyAt, this.#next, this.#next + this.#map.keySize);
      return true;
    }
    if (result === -ERRNO.ENOENT) return false;
    throw this.#error(result, 'BPF_MAP_GET_NEXT_KEY', 'list');
  }

  #call(command: number, target: Target, flags: number): number {
    const { view, address } = this.#memory;
    if (this.#target !== target) {
      this.#target = target;
      this.#pointer(
        elem.value,
        target === 'value' ? this.valueAt : target === 'next' ? this.#next : undefined,
      );
    }
    view.setUint32(elem.map_fd, this.#map.fd, LITTLE_ENDIAN);
    view.setUint32(elem.flags + (LITTLE_ENDIAN ? 0 : 4), flags, LITTLE_ENDIAN);
    return bpf(command, address, elemSize);
  }

  #pointer(field: number, at: number | undefined): void {
    const { view, address } = this.#memory;
    view.setBigUint64(field, at === undefined ? 0n : BigInt(address + at), LITTLE_ENDIAN);
  }

  #requireSize(what: string, data: Uint8Array, size: number): void {
    if (data.length === size) return;
    throw new RangeError(`map '${this.#map.name}': a ${what} has ${size} bytes, not ${data.length}`);
  }

  #error(result: number, command: string, verb: string): Error {
    return mapError(result, command, `cannot ${verb} map '${this.#map.name}'`, this.#map);
  }
}

/** Errors by which kernels say that they do not have a command, or not for this map. */
export const unsupported = (result: number): boolean =>
  result === -ERRNO.EINVAL || result === -ERRNO.ENOTSUPP || result === -ERRNO.EOPNOTSUPP;
