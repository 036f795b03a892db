// A map with typed keys and values: the layouts of its definition over the bytes that a `VmMap` keeps. It has the same
// methods as the loader's `BpfMap`, so that a test can be written once for the interpreter and for the kernel.

import { decode, encode, type FieldType, type MapDefinition, type ValueOf } from '../../asm/index.ts';
import { perCpuStride, type UpdateMode, type VmMap } from './map.ts';

/**
 * @example
 * const vm = new Vm(packetCounter);
 * vm.run({ packet });
 * new TypedMap(vm.maps.counts, counts).get(0x0800); // { packets: 1n, bytes: 60n }
 */
export class TypedMap<K extends FieldType = FieldType, V extends FieldType = FieldType> {
  readonly raw: VmMap;
  readonly definition: MapDefinition<K, V>;

  /** @throws TypeError when there is no such map; RangeError when it was not made as `definition` says */
  constructor(raw: VmMap | undefined, definition: MapDefinition<K, V>) {
    if (raw === undefined) throw new TypeError(`map '${definition.name}': the program does not refer to it`);
    for (const field of ['type', 'keySize', 'valueSize'] as const) {
      if (raw.spec[field] === definition[field]) continue;
      throw new RangeError(
        `map '${definition.name}': ${field} is ${raw.spec[field]}, not ${definition[field]}`,
      );
    }
    this.raw = raw;
    this.definition = definition;
  }

  /** The value at `key`; of a per-CPU map see `getPerCpu`. */
  get(key: ValueOf<K>): ValueOf<V> | undefined {
    return this.getPerCpu(key)?.[0];
  }

  /** The values at `key`, one for each CPU; a single one where all CPUs share it. */
  getPerCpu(key: ValueOf<K>): ValueOf<V>[] | undefined {
    const value = this.raw.get(encode(this.definition.key, key));
    return value && this.#each(value);
  }

  /** @returns 'exists' or 'missing', with nothing changed, when `mode` says no */
  set(key: ValueOf<K>, value: ValueOf<V>, mode: UpdateMode = 'any'): 'done' | 'exists' | 'missing' {
    return this.raw.set(encode(this.definition.key, key), encode(this.definition.value, value), mode);
  }

  /** @returns whether it was there */
  delete(key: ValueOf<K>): boolean {
    return this.raw.delete(encode(this.definition.key, key));
  }

  /** Every key and its value, in no order. */
  entries(): [ValueOf<K>, ValueOf<V>][] {
    return this.entriesPerCpu().map(([key, [value]]) => [key, value!]);
  }

  /** Every key and its values, one for each CPU. */
  entriesPerCpu(): [ValueOf<K>, ValueOf<V>[]][] {
    return this.raw.entries().map(([key, value]) => [decode(this.definition.key, key), this.#each(value)]);
  }

  #each(value: Uint8Array): ValueOf<V>[] {
    const { valueSize } = this.definition;
    const stride = value.length === valueSize ? valueSize : perCpuStride(valueSize);
    return Array.from({ length: value.length / stride }, (_, cpu) =>
      decode(this.definition.value, value.subarray(cpu * stride, cpu * stride + valueSize)),
    );
  }
}
