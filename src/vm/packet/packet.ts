// The bytes of a packet with room before and behind. Programs reach metadata, and data as far as it is linear; helpers
// reach all of it. Whatever moves or resizes it makes earlier packet pointers stale.

import type { Machine } from '../core/machine.ts';
import { Region } from '../core/region.ts';

export class Packet {
  readonly region: Region;
  /** Offsets in the region: where metadata starts, data starts, the linear part ends, the packet ends. */
  meta: number;
  data: number;
  linearEnd: number;
  end: number;

  /**
   * @param bytes from the link layer on; copied
   * @param room bytes free before and behind
   * @param linear how many bytes programs can reach directly; all where left out
   */
  constructor(bytes: Uint8Array, room: { head: number; tail: number }, linear: number = bytes.length) {
    const buffer = new Uint8Array(room.head + bytes.length + room.tail);
    buffer.set(bytes, room.head);
    this.region = new Region('packet', 'the packet', buffer);
    this.data = room.head;
    this.meta = room.head;
    this.linearEnd = room.head + Math.min(linear, bytes.length);
    this.end = room.head + bytes.length;
    this.#show();
  }

  get length(): number {
    return this.end - this.data;
  }

  /** All of its bytes, not copied. */
  bytes(): Uint8Array {
    return this.region.bytes.subarray(this.data, this.end);
  }

  /** `size` bytes at `offset`, not copied; undefined where it does not have that many. */
  range(offset: number, size: number): Uint8Array | undefined {
    if (offset < 0 || offset + size > this.length) return undefined;
    return this.region.bytes.subarray(this.data + offset, this.data + offset + size);
  }

  /** Makes the first `size` bytes linear. @returns false where it does not have that many */
  pull(size: number): boolean {
    if (size > this.length) return false;
    this.linearEnd = Math.max(this.linearEnd, this.data + size);
    return true;
  }

  /** Inserts `size` zero bytes at `offset`, which is in the linear part; what is before moves to the front. */
  insert(offset: number, size: number): void {
    this.#reserve(size, 0);
    const { bytes } = this.region;
    bytes.copyWithin(this.data - size, this.data, this.data + offset);
    this.data -= size;
    this.meta = this.data;
    bytes.fill(0, this.data + offset, this.data + offset + size);
  }

  /** Takes out `size` bytes at `offset`. */
  remove(offset: number, size: number): void {
    this.region.bytes.copyWithin(this.data + size, this.data, this.data + offset);
    this.data += size;
    this.meta = this.data;
    this.linearEnd = Math.max(this.linearEnd, this.data);
  }

  /** Cuts it, or fills it up with zeros. All of it is linear then. */
  resize(length: number): void {
    const end = this.data + length;
    this.#reserve(0, Math.max(0, end - this.region.bytes.length));
    const target = this.data + length;
    this.region.bytes.fill(0, Math.min(this.end, target), target);
    this.end = target;
    this.linearEnd = target;
  }

  /** Every pointer into the packet is stale from now on; no machine where there are none yet. */
  moved(machine: Machine | undefined): void {
    this.#show();
    machine?.invalidate(this.region);
  }

  #show(): void {
    this.region.start = this.meta;
    this.region.end = this.linearEnd;
    this.region.writeEnd = this.linearEnd;
  }

  #reserve(head: number, tail: number): void {
    const front = Math.max(0, head - this.data);
    if (front === 0 && tail === 0) return;
    const larger = new Uint8Array(front + this.region.bytes.length + tail);
    larger.set(this.region.bytes, front);
    this.region.replace(larger);
    this.data += front;
    this.meta += front;
    this.linearEnd += front;
    this.end += front;
  }
}
