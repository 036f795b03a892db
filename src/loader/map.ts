// A map with typed keys and values: the layouts of its definition over the bytes of a `RawMap`.

import { decode, encode, type FieldType, type MapDefinition, type ValueOf } from '../asm/index.ts';
import type { UpdateMode } from './bpf/map-commands.ts';
import { LoaderError } from './errors.ts';
import { RawMap } from './raw-map.ts';

/**
 * Owns a map whose keys and values have layouts.
 *
 * @example
 * using table = BpfMap.create(defineMap({ name: 'table', type: 'hash', key: be32, value: u64, maxEntries: 16 }));
 * table.set(0x0a000005, 1n);
 */
export class BpfMap<K extends FieldType = FieldType, V extends FieldType = FieldType> implements Disposable {
  readonly definition: MapDefinition<K, V>;
  readonly raw: RawMap;

  /** Takes over `raw`. @throws LoaderError with code `EMAPSHAPE` when it was not made as `definition` says. */
  constructor(raw: RawMap, definition: MapDefinition<K, V>) {
    const { spec } = raw;
    for (const field of ['type', 'keySize', 'valueSize'] as const) {
      if (spec[field] === definition[field]) continue;
      throw new LoaderError(
        `map '${definition.name}': ${field} is ${spec[field]}, not ${definition[field]}`,
        {
          code: 'EMAPSHAPE',
          object: `map '${definition.name}'`,
          hint: 'it was made by something else, or by another version',
        },
      );
    }
    this.raw = raw;
    this.definition = definition;
  }

  static create<K extends FieldType, V extends FieldType>(definition: MapDefinition<K, V>): BpfMap<K, V> {
    return new BpfMap(RawMap.create(definition), definition);
  }

  /** Opens a pinned map; undefined where nothing is pinned. Its size may differ from the definition's. */
  static openPin<K extends FieldType, V extends FieldType>(
    path: string,
    definition: MapDefinition<K, V>,
  ): BpfMap<K, V> | undefined {
    const raw = RawMap.openPin(path);
    if (raw === undefined) return undefined;
    try {
      return new BpfMap(raw, definition);
    } catch (error) {
      raw.close();
      throw error;
    }
  }

  get fd(): number {
    return this.raw.fd;
  }

  get name(): string {
    return this.raw.name;
  }

  get maxEntries(): number {
    return this.raw.maxEntries;
  }

  /** The value at `key`. @throws TypeError for a per-CPU map, which has several; see `getPerCpu`. */
  get(key: ValueOf<K>): ValueOf<V> | undefined {
    this.#requirePerCpu(false);
    const value = this.raw.get(encode(this.definition.key, key));
    return value === undefined ? undefined : decode(this.definition.value, value);
  }

  /** The values at `key`, one for each possible CPU. */
  getPerCpu(key: ValueOf<K>): ValueOf<V>[] | undefined {
    this.#requirePerCpu(true);
    const value = this.raw.get(encode(this.definition.key, key));
    return value === undefined ? undefined : this.#eachCpu(value);
  }

  /** @returns 'exists' or 'missing', with nothing changed, when `mode` says no. */
  set(key: ValueOf<K>, value: ValueOf<V>, mode: UpdateMode = 'any'): 'done' | 'exists' | 'missing' {
    this.#requirePerCpu(false);
    return this.raw.set(encode(this.definition.key, key), encode(this.definition.value, value), mode);
  }

  /** @returns whether it was there. */
  delete(key: ValueOf<K>): boolean {
    return this.raw.delete(encode(this.definition.key, key));
  }

  /** Every key and its value, in no order. */
  entries(): [ValueOf<K>, ValueOf<V>][] {
    this.#requirePerCpu(false);
    return this.#all((value) => decode(this.definition.value, value));
  }

  /** Every key and its values, one for each possible CPU. */
  entriesPerCpu(): [ValueOf<K>, ValueOf<V>[]][] {
    this.#requirePerCpu(true);
    return this.#all((value) => this.#eachCpu(value));
  }

  /** Writes all, in few system calls. @throws BatchError, which says how many were written. */
  setBatch(entries: readonly (readonly [ValueOf<K>, ValueOf<V>])[], mode: UpdateMode = 'any'): void {
    this.#requirePerCpu(false);
    const { key, value } = this.definition;
    const keys = new Uint8Array(entries.length * key.size);
    const values = new Uint8Array(entries.length * value.size);
    entries.forEach(([k, v], i) => {
      keys.set(encode(key, k), i * key.size);
      values.set(encode(value, v), i * value.size);
    });
    this.raw.setBatch({ count: entries.length, keys, values }, mode);
  }

  /** Deletes all. @throws BatchError, which says how many were deleted, at a key that is not there. */
  deleteBatch(keys: readonly ValueOf<K>[]): void {
    const { key } = this.definition;
    const bytes = new Uint8Array(keys.length * key.size);
    keys.forEach((k, i) => {
      bytes.set(encode(key, k), i * key.size);
    });
    this.raw.deleteBatch(bytes, keys.length);
  }

  pin(path: string): void {
    this.raw.pin(path);
  }

  close(): void {
    this.raw.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #all<T>(read: (value: Uint8Array) => T): [ValueOf<K>, T][] {
    const { count, keys, values } = this.raw.elements();
    const { keySize, transferSize } = this.raw;
    return Array.from({ length: count }, (_, i) => [
      decode(this.definition.key, keys.subarray(i * keySize, (i + 1) * keySize)),
      read(values.subarray(i * transferSize, (i + 1) * transferSize)),
    ]);
  }

  #eachCpu(value: Uint8Array): ValueOf<V>[] {
    const { stride, transferSize } = this.raw;
    return Array.from({ length: transferSize / stride }, (_, cpu) =>
      decode(this.definition.value, value.subarray(cpu * stride, (cpu + 1) * stride)),
    );
  }

  #requirePerCpu(wanted: boolean): void {
    if (this.raw.perCpu === wanted) return;
    const what = wanted ? 'has one value for each key' : 'has a value for each CPU';
    throw new TypeError(`map '${this.name}' of type ${this.raw.spec.type} ${what}`);
  }
}
