// Hash maps, plain, LRU and per-CPU (kernel/bpf/hashtab.c). A new value for a key is a new element: a program that
// holds the old one goes on with the old one. The LRU here is exact; the kernel's is approximate and per CPU.

import type { MapSpec } from '../../asm/index.ts';
import type { Region } from '../core/region.ts';
import { E2BIG, EINVAL, ENOENT } from '../errno.ts';
import { type Key, keyOf } from './key.ts';
import { joinCpus, objection, perCpuStride, splitCpus, VmMap } from './map.ts';

interface Element {
  readonly key: Uint8Array;
  /** One, or one for each CPU. */
  readonly values: readonly Region[];
}

export class HashMap extends VmMap {
  readonly #elements = new Map<Key, Element>();
  readonly #lru: boolean;
  /** 0 where all CPUs share a value. */
  readonly #cpus: number;

  constructor(spec: MapSpec, cpus: number) {
    super(spec);
    this.#lru = spec.type === 'lru_hash' || spec.type === 'lru_percpu_hash';
    this.#cpus = spec.type === 'percpu_hash' || spec.type === 'lru_percpu_hash' ? cpus : 0;
  }

  override lookup(key: Uint8Array, cpu: number): Region | undefined {
    const name = keyOf(key);
    const element = this.#elements.get(name);
    if (element === undefined) return undefined;
    if (this.#lru) this.#touch(name, element);
    return element.values[this.#cpus === 0 ? 0 : cpu];
  }

  override update(key: Uint8Array, value: Uint8Array, flags: number, cpu: number): number {
    const name = keyOf(key);
    const old = this.#elements.get(name);
    const result = this.#admit(old, flags);
    if (result !== 0) return result;
    // Of a per-CPU element only this CPU's value changes, in place; in a new one the others are zero.
    if (this.#cpus !== 0 && old !== undefined) old.values[cpu]!.bytes.set(value);
    else this.#put(name, key, this.#cpus === 0 ? [this.newValue(value)] : this.#perCpu(value, cpu));
    return 0;
  }

  override remove(key: Uint8Array): number {
    return this.#elements.delete(keyOf(key)) ? 0 : -ENOENT;
  }

  override *each(cpu: number): Generator<readonly [Uint8Array, Region], void> {
    for (const [name, element] of [...this.#elements]) {
      const now = this.#elements.get(name);
      if (now !== undefined) yield [element.key, now.values[this.#cpus === 0 ? 0 : cpu]!];
    }
  }

  override get(key: Uint8Array): Uint8Array | undefined {
    this.requireSize('key', key, this.spec.keySize);
    const element = this.#elements.get(keyOf(key));
    return element && this.#bytesOf(element);
  }

  override entries(): [Uint8Array, Uint8Array][] {
    return [...this.#elements.values()].map((element) => [element.key.slice(), this.#bytesOf(element)]);
  }

  protected override write(key: Uint8Array, value: Uint8Array, flags: number): number {
    const { valueSize } = this.spec;
    this.requireSize('value', value, this.#cpus === 0 ? valueSize : perCpuStride(valueSize) * this.#cpus);
    const name = keyOf(key);
    const result = this.#admit(this.#elements.get(name), flags);
    if (result !== 0) return result;
    if (this.#cpus === 0) this.#put(name, key, [this.newValue(value)]);
    else {
      const values = this.#perCpu();
      splitCpus(value, values, valueSize);
      this.#put(name, key, values);
    }
    return 0;
  }

  #admit(old: Element | undefined, flags: number): number {
    const result = objection(old !== undefined, flags);
    if (result !== 0) return result;
    if (old !== undefined || this.#elements.size < this.spec.maxEntries) return 0;
    if (!this.#lru) return -E2BIG;
    // The first is the one that was used least recently.
    const [oldest] = this.#elements.keys();
    if (oldest === undefined) return -EINVAL;
    this.#elements.delete(oldest);
    return 0;
  }

  #put(name: Key, key: Uint8Array, values: readonly Region[]): void {
    if (this.#lru) this.#elements.delete(name);
    this.#elements.set(name, { key: key.slice(), values });
  }

  #touch(name: Key, element: Element): void {
    this.#elements.delete(name);
    this.#elements.set(name, element);
  }

  #perCpu(value?: Uint8Array, cpu?: number): Region[] {
    return Array.from({ length: this.#cpus }, (_, index) => this.newValue(index === cpu ? value : undefined));
  }

  #bytesOf({ values }: Element): Uint8Array {
    return this.#cpus === 0 ? values[0]!.bytes.slice() : joinCpus(values, this.spec.valueSize);
  }
}
