// Queues and stacks (kernel/bpf/queue_stack_maps.c): values without keys.

import { E2BIG, EINVAL, ENOENT } from '../errno.ts';
import { BPF_ANY, BPF_EXIST, VmMap } from './map.ts';

export class QueueMap extends VmMap {
  readonly #values: Uint8Array[] = [];

  /** @returns 0, or an error number, negative; with BPF_EXIST a full one loses its oldest value */
  push(value: Uint8Array, flags: number): number {
    if (flags !== BPF_ANY && flags !== BPF_EXIST) return -EINVAL;
    if (this.#values.length >= this.spec.maxEntries) {
      if (flags !== BPF_EXIST) return -E2BIG;
      this.#values.shift();
    }
    this.#values.push(value.slice());
    return 0;
  }

  /** Copies the next value to `into`, and takes it out where `remove` says so. @returns 0 or -ENOENT */
  next(into: Uint8Array, remove: boolean): number {
    const fromEnd = this.spec.type === 'stack';
    const value = fromEnd ? this.#values.at(-1) : this.#values[0];
    if (value === undefined) {
      into.fill(0);
      return -ENOENT;
    }
    into.set(value);
    if (remove && fromEnd) this.#values.pop();
    else if (remove) this.#values.shift();
    return 0;
  }
}
