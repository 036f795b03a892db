// Arrays, shared and per-CPU (kernel/bpf/arraymap.c): every index below the size is there from the start, zero.
// Values are made when they are first asked for, so a large array costs what is used of it.

import { LITTLE_ENDIAN, type MapSpec } from '../../asm/index.ts';
import type { Region } from '../core/region.ts';
import { E2BIG, EEXIST, EINVAL } from '../errno.ts';
import { BPF_EXIST, BPF_NOEXIST, joinCpus, perCpuStride, splitCpus, VmMap } from './map.ts';

/** A key of an array: 32 bits in the machine's byte order. */
export function indexOf(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0, LITTLE_ENDIAN);
}

export function indexKey(index: number): Uint8Array {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, index, LITTLE_ENDIAN);
  return key;
}

export class ArrayMap extends VmMap {
  readonly #elements = new Map<number, readonly Region[]>();
  /** 0 where all CPUs share a value. */
  readonly #cpus: number;

  constructor(spec: MapSpec, cpus: number) {
    super(spec);
    this.#cpus = spec.type === 'percpu_array' ? cpus : 0;
    if (spec.initial) this.#at(0)[0]!.bytes.set(spec.initial);
  }

  override lookup(key: Uint8Array, cpu: number): Region | undefined {
    const index = indexOf(key);
    if (index >= this.spec.maxEntries) return undefined;
    return this.#at(index)[this.#cpus === 0 ? 0 : cpu];
  }

  override update(key: Uint8Array, value: Uint8Array, flags: number, cpu: number): number {
    const index = indexOf(key);
    const result = this.#objection(index, flags);
    if (result === 0) this.#at(index)[this.#cpus === 0 ? 0 : cpu]!.bytes.set(value);
    return result;
  }

  override remove(): number {
    return -EINVAL;
  }

  override direct(): Region {
    return this.#at(0)[0]!;
  }

  override *each(cpu: number): Generator<readonly [Uint8Array, Region], void> {
    for (let index = 0; index < this.spec.maxEntries; index++) {
      yield [indexKey(index), this.#at(index)[this.#cpus === 0 ? 0 : cpu]!];
    }
  }

  override get(key: Uint8Array): Uint8Array | undefined {
    this.requireSize('key', key, this.spec.keySize);
    const index = indexOf(key);
    return index < this.spec.maxEntries ? this.#bytesOf(index) : undefined;
  }

  override entries(): [Uint8Array, Uint8Array][] {
    return Array.from({ length: this.spec.maxEntries }, (_, index) => [
      indexKey(index),
      this.#bytesOf(index),
    ]);
  }

  protected override write(key: Uint8Array, value: Uint8Array, flags: number): number {
    const { valueSize } = this.spec;
    this.requireSize('value', value, this.#cpus === 0 ? valueSize : perCpuStride(valueSize) * this.#cpus);
    const index = indexOf(key);
    const result = this.#objection(index, flags);
    if (result !== 0) return result;
    if (this.#cpus === 0) this.#at(index)[0]!.bytes.set(value);
    else splitCpus(value, this.#at(index), valueSize);
    return 0;
  }

  #objection(index: number, flags: number): number {
    if (flags > BPF_EXIST) return -EINVAL;
    if (index >= this.spec.maxEntries) return -E2BIG;
    return flags === BPF_NOEXIST ? -EEXIST : 0;
  }

  #at(index: number): readonly Region[] {
    const known = this.#elements.get(index);
    if (known) return known;
    const made = Array.from({ length: Math.max(1, this.#cpus) }, () => this.newValue());
    this.#elements.set(index, made);
    return made;
  }

  #bytesOf(index: number): Uint8Array {
    const { valueSize } = this.spec;
    if (this.#cpus !== 0) return joinCpus(this.#at(index), valueSize);
    return this.#elements.get(index)?.[0]?.bytes.slice() ?? new Uint8Array(valueSize);
  }
}
