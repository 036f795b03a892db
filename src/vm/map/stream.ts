// Maps that only pass data to user space: the ring buffer (kernel/bpf/ringbuf.c) and the perf event array.

import { Region } from '../core/region.ts';
import { EAGAIN } from '../errno.ts';
import { VmMap } from './map.ts';

/** Kernel's BPF_RINGBUF_HDR_SZ, in front of each record. */
const HEADER = 8;
const ALIGNMENT = 8;

const spaceOf = (size: number): number => Math.ceil((HEADER + size) / ALIGNMENT) * ALIGNMENT;

/** A ring buffer. Records keep the order they were reserved in; a record in progress holds up those behind it. */
export class RingBuffer extends VmMap {
  readonly #records: { readonly region: Region; state: 'reserved' | 'submitted' | 'discarded' }[] = [];
  #used = 0;

  /** @returns memory for a record of `size` bytes; undefined where the buffer has no room */
  reserve(size: number): Region | undefined {
    const space = spaceOf(size);
    if (this.#used + space > this.spec.maxEntries) return undefined;
    this.#used += space;
    const region = new Region('record', `a record of map '${this.spec.name}'`, new Uint8Array(size), this);
    this.#records.push({ region, state: 'reserved' });
    return region;
  }

  /** @returns whether `region` was a record in progress */
  finish(region: Region, state: 'submitted' | 'discarded'): boolean {
    const record = this.#records.find((one) => one.region === region && one.state === 'reserved');
    if (record === undefined) return false;
    record.state = state;
    region.end = 0;
    region.writeEnd = 0;
    return true;
  }

  /** @returns 0, or an error number, negative */
  output(data: Uint8Array): number {
    const region = this.reserve(data.length);
    if (region === undefined) return -EAGAIN;
    region.bytes.set(data);
    this.finish(region, 'submitted');
    return 0;
  }

  /** Bytes that are taken. */
  get used(): number {
    return this.#used;
  }

  /** Records in progress. */
  get pending(): number {
    return this.#records.filter(({ state }) => state === 'reserved').length;
  }

  /** Takes what user space would read now. */
  take(): Uint8Array[] {
    const taken: Uint8Array[] = [];
    while (this.#records[0] !== undefined && this.#records[0].state !== 'reserved') {
      const { region, state } = this.#records.shift()!;
      this.#used -= spaceOf(region.bytes.length);
      if (state === 'submitted') taken.push(region.bytes);
    }
    return taken;
  }
}

export interface PerfEvent {
  readonly cpu: number;
  /** What the program gave, then as much of the packet as it asked for. */
  readonly data: Uint8Array;
}

/** Events for user space, one queue for each CPU (`BPF_MAP_TYPE_PERF_EVENT_ARRAY`). */
export class PerfEventArray extends VmMap {
  readonly #events: PerfEvent[] = [];

  push(event: PerfEvent): void {
    this.#events.push(event);
  }

  /** Takes all events there are. */
  take(): PerfEvent[] {
    return this.#events.splice(0);
  }
}
