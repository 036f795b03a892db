// The arguments of one bpf(2) call: the attribute at the start of a piece of memory, and what it points to behind.
// The memory is reused, so a frame is good until the next one begins; nothing here waits, so they cannot mix.

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import { allocate, bpf, bpfOnce, type Memory } from '../ffi.ts';

/** Large enough for every call but batches, logs and test packets. */
const SMALL = 64 * 1024;
/** Memory beyond this is given back after the call that needed it. */
const KEEP = 4 * 1024 * 1024;
const ALIGNMENT = 8;
const TWO_32 = 2 ** 32;

let small: Memory | undefined;
let large: Memory | undefined;

function memoryOf(size: number): Memory {
  if (large !== undefined && large.bytes.length > KEEP) large = undefined;
  if (size <= SMALL) {
    small ??= allocate(SMALL);
    return small;
  }
  if (large === undefined || large.bytes.length < size) large = allocate(2 ** Math.ceil(Math.log2(size)));
  return large;
}

const align = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;

/** What `size` bytes of data take in a frame. */
export const spaceFor = (size: number): number => align(size);

/** Offsets are in bytes from the start of the frame, which is where the attribute is. */
export class Frame {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly #address: number;
  readonly #attrSize: number;
  #next: number;

  /** A frame with an attribute of `attrSize` zero bytes and room for `dataSize` bytes of data. */
  constructor(attrSize: number, dataSize = 0) {
    const memory = memoryOf(align(attrSize) + dataSize);
    this.view = memory.view;
    this.bytes = memory.bytes;
    this.#address = memory.address;
    this.#attrSize = attrSize;
    this.#next = align(attrSize);
    memory.bytes.fill(0, 0, this.#next);
  }

  u32(offset: number, value: number): void {
    this.view.setUint32(offset, value, LITTLE_ENDIAN);
  }

  /** A 64-bit field; `value` is an integer up to 2^53. */
  u64(offset: number, value: number): void {
    const high = Math.floor(value / TWO_32);
    this.view.setUint32(offset, LITTLE_ENDIAN ? value >>> 0 : high, LITTLE_ENDIAN);
    this.view.setUint32(offset + 4, LITTLE_ENDIAN ? high : value >>> 0, LITTLE_ENDIAN);
  }

  /** Points the 64-bit field at `offset` to the data at `target`. */
  pointer(offset: number, target: number): void {
    this.u64(offset, this.#address + target);
  }

  /** Copies `data` into the frame; answers where it is. */
  put(data: Uint8Array): number {
    const at = this.#next;
    this.bytes.set(data, at);
    this.#next = at + align(data.length);
    return at;
  }

  /** Room for `size` bytes that the kernel may read or write, not cleared; answers where it is. */
  reserve(size: number): number {
    const at = this.#next;
    this.#next = at + align(size);
    return at;
  }

  getU32(offset: number): number {
    return this.view.getUint32(offset, LITTLE_ENDIAN);
  }

  /** A 64-bit field that stays below 2^53: a counter, a size. */
  getU64(offset: number): number {
    return Number(this.view.getBigUint64(offset, LITTLE_ENDIAN));
  }

  /** A copy of what the kernel wrote. */
  read(at: number, size: number): Uint8Array {
    return this.bytes.slice(at, at + size);
  }

  /** bpf(2) with this frame's attribute. @returns the result, or -errno. */
  call(command: number): number {
    return bpf(command, this.#address, this.#attrSize);
  }

  /** The same without a retry, for commands that change their own attribute. @returns the result, or -errno. */
  callOnce(command: number): number {
    return bpfOnce(command, this.#address, this.#attrSize);
  }
}
