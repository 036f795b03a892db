// A map with typed keys and values, used like a JavaScript `Map`: the layouts of its definition over the bytes of a
// `RawMap`. What differs: `set` says whether it did, `size` counts, and others change the map while it is listed.

import type { FieldType, MapDefinition, ValueOf } from '../asm/data.ts';
import type { DeleteOptions, Elements } from './bpf/batch.ts';
import type { UpdateMode } from './bpf/map-commands.ts';
import { type Codec, codecOf } from './map-codec.ts';
import { adopt, adoptIfThere, requireShape } from './map-shape.ts';
import { RawMap } from './raw-map.ts';

/**
 * Owns a map whose keys and values have layouts.
 *
 * @example
 * using table = BpfMap.create(defineMap({ name: 'table', type: 'hash', key: be32, value: u64, maxEntries: 16 }));
 * table.set(0x0a000005, 1n);
 * for (const [key, value] of table) console.log(key, value);
 */
export class BpfMap<K extends FieldType = FieldType, V extends FieldType = FieldType>
  implements Disposable, Iterable<[ValueOf<K>, ValueOf<V>]>
{
  readonly definition: MapDefinition<K, V>;
  readonly raw: RawMap;
  #keyCodec: Codec<ValueOf<K>> | undefined;
  #valueCodec: Codec<ValueOf<V>> | undefined;

  /** Takes over `raw`. @throws LoaderError with code `EMAPSHAPE` when it was not made as `definition` says. */
  constructor(raw: RawMap, definition: MapDefinition<K, V>) {
    requireShape(raw, definition);
    this.raw = raw;
    this.definition = definition;
  }

  /** Made when it is needed: whoever changes one map of an instance has all of them open. */
  get #key(): Codec<ValueOf<K>> {
    this.#keyCodec ??= codecOf(this.definition.key);
    return this.#keyCodec;
  }

  get #value(): Codec<ValueOf<V>> {
    this.#valueCodec ??= codecOf(this.definition.value);
    return this.#valueCodec;
  }

  static create<K extends FieldType, V extends FieldType>(definition: MapDefinition<K, V>): BpfMap<K, V> {
    return adopt(RawMap.create(definition), (raw) => new BpfMap(raw, definition));
  }

  /** Opens a pinned map; undefined where nothing is pinned. Its size may differ from the definition's. */
  static openPin<K extends FieldType, V extends FieldType>(
    path: string,
    definition: MapDefinition<K, V>,
  ): BpfMap<K, V> | undefined {
    return adoptIfThere(RawMap.openPin(path), (raw) => new BpfMap(raw, definition));
  }

  /** Opens a map by its identifier; undefined where there is none. */
  static openById<K extends FieldType, V extends FieldType>(
    id: number,
    definition: MapDefinition<K, V>,
  ): BpfMap<K, V> | undefined {
    return adoptIfThere(RawMap.openById(id), (raw) => new BpfMap(raw, definition));
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

  /** How many elements there are: counted, by listing them. */
  get size(): number {
    let size = 0;
    for (const { count } of this.raw.chunks()) size += count;
    return size;
  }

  /** The value at `key`. @throws TypeError for a per-CPU map, which has several; see `getPerCpu`. */
  get(key: ValueOf<K>): ValueOf<V> | undefined {
    this.#requirePerCpu(false);
    const { calls } = this.raw;
    this.#key.write(calls.view, calls.keyAt, key);
    return calls.lookup() ? this.#value.read(calls.view, calls.valueAt) : undefined;
  }

  /** The values at `key`, one for each possible CPU. */
  getPerCpu(key: ValueOf<K>): ValueOf<V>[] | undefined {
    this.#requirePerCpu(true);
    const { calls } = this.raw;
    this.#key.write(calls.view, calls.keyAt, key);
    return calls.lookup() ? this.#eachCpu(calls.view, calls.valueAt) : undefined;
  }

  has(key: ValueOf<K>): boolean {
    const { calls } = this.raw;
    this.#key.write(calls.view, calls.keyAt, key);
    return calls.lookup();
  }

  /**
   * @returns 'exists' or 'missing', with nothing changed, when `mode` says no.
   * @throws LoaderError with code `E2BIG` when the map is full, `EPERM` when it is frozen
   */
  set(key: ValueOf<K>, value: ValueOf<V>, mode: UpdateMode = 'any'): 'done' | 'exists' | 'missing' {
    this.#requirePerCpu(false);
    const { calls } = this.raw;
    this.#key.write(calls.view, calls.keyAt, key);
    this.#value.write(calls.view, calls.valueAt, value);
    return calls.update(mode);
  }

  /** Sets the values of all CPUs. @param values one for each possible CPU */
  setPerCpu(
    key: ValueOf<K>,
    values: readonly ValueOf<V>[],
    mode: UpdateMode = 'any',
  ): 'done' | 'exists' | 'missing' {
    this.#requirePerCpu(true);
    const { calls, stride, transferSize } = this.raw;
    if (values.length * stride !== transferSize) {
      throw new RangeError(
        `map '${this.name}': ${values.length} values for ${transferSize / stride} possible CPUs`,
      );
    }
    this.#key.write(calls.view, calls.keyAt, key);
    values.forEach((value, cpu) => {
      this.#value.write(calls.view, calls.valueAt + cpu * stride, value);
    });
    return calls.update(mode);
  }

  /** @returns whether it was there. */
  delete(key: ValueOf<K>): boolean {
    const { calls } = this.raw;
    this.#key.write(calls.view, calls.keyAt, key);
    return calls.delete();
  }

  /** The value at `key`, which is deleted. One step for hashes since Linux 5.14; see `RawMap.take`. */
  take(key: ValueOf<K>): ValueOf<V> | undefined {
    this.#requirePerCpu(false);
    const { calls } = this.raw;
    this.#key.write(calls.view, calls.keyAt, key);
    return calls.take() ? this.#value.read(calls.view, calls.valueAt) : undefined;
  }

  /** Deletes what is there. @throws LoaderError with code `EINVAL` for arrays, whose elements are always there. */
  clear(): void {
    this.raw.clear();
  }

  /** What is there, which is deleted; see `RawMap.drain` for what that means to programs that write meanwhile. */
  drain(): [ValueOf<K>, ValueOf<V>][] {
    this.#requirePerCpu(false);
    return [...this.#pairs([this.raw.drain()], (view, at) => this.#value.read(view, at))];
  }

  /** The same of a per-CPU map. */
  drainPerCpu(): [ValueOf<K>, ValueOf<V>[]][] {
    this.#requirePerCpu(true);
    return [...this.#pairs([this.raw.drain()], (view, at) => this.#eachCpu(view, at))];
  }

  /** Every key and its value, in no order; see `RawMap.chunks` for what others may do meanwhile. */
  entries(): Generator<[ValueOf<K>, ValueOf<V>], void, undefined> {
    this.#requirePerCpu(false);
    return this.#pairs(this.raw.chunks(), (view, at) => this.#value.read(view, at));
  }

  /** Every key and its values, one for each possible CPU. */
  entriesPerCpu(): Generator<[ValueOf<K>, ValueOf<V>[]], void, undefined> {
    this.#requirePerCpu(true);
    return this.#pairs(this.raw.chunks(), (view, at) => this.#eachCpu(view, at));
  }

  *keys(): Generator<ValueOf<K>, void, undefined> {
    for (const [key] of this.#pairs(this.raw.chunks(), () => undefined)) yield key;
  }

  *values(): Generator<ValueOf<V>, void, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[ValueOf<K>, ValueOf<V>], void, undefined> {
    return this.entries();
  }

  /**
   * Writes all, in order and in few system calls. Nothing is written when one is not of this map's layouts.
   *
   * @throws BatchError, which says how many were written: the first `processed`, and no others.
   */
  setBatch(entries: Iterable<readonly [ValueOf<K>, ValueOf<V>]>, mode: UpdateMode = 'any'): void {
    this.#requirePerCpu(false);
    const all = Array.isArray(entries) ? (entries as readonly [ValueOf<K>, ValueOf<V>][]) : [...entries];
    const [key, value] = [this.#key, this.#value];
    const keys = new DataView(new ArrayBuffer(all.length * key.size));
    const values = new DataView(new ArrayBuffer(all.length * value.size));
    for (let i = 0; i < all.length; i++) {
      const entry = all[i]!;
      key.write(keys, i * key.size, entry[0]);
      value.write(values, i * value.size, entry[1]);
    }
    this.raw.setBatch({ count: all.length, keys: bytesOf(keys), values: bytesOf(values) }, mode);
  }

  /**
   * Deletes all, in order and in few system calls.
   *
   * @throws BatchError, which says how many were deleted, at a key that is not there, unless `options` says to skip it.
   */
  deleteBatch(keys: Iterable<ValueOf<K>>, options: DeleteOptions = {}): void {
    const all = [...keys];
    const key = this.#key;
    const bytes = new DataView(new ArrayBuffer(all.length * key.size));
    all.forEach((one, i) => {
      key.write(bytes, i * key.size, one);
    });
    this.raw.deleteBatch(bytesOf(bytes), all.length, options);
  }

  /** From now on only programs write to it, and no program either where its flags say so. Since Linux 5.2. */
  freeze(): void {
    this.raw.freeze();
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

  *#pairs<T>(
    chunks: Iterable<Elements>,
    read: (view: DataView, at: number) => T,
  ): Generator<[ValueOf<K>, T], void, undefined> {
    const { keySize, transferSize } = this.raw;
    for (const { count, keys, values } of chunks) {
      const keyView = viewOf(keys);
      const valueView = viewOf(values);
      for (let i = 0; i < count; i++) {
        yield [this.#key.read(keyView, i * keySize), read(valueView, i * transferSize)];
      }
    }
  }

  #eachCpu(view: DataView, at: number): ValueOf<V>[] {
    const { stride, transferSize } = this.raw;
    const values: ValueOf<V>[] = [];
    for (let offset = 0; offset < transferSize; offset += stride) {
      values.push(this.#value.read(view, at + offset));
    }
    return values;
  }

  #requirePerCpu(wanted: boolean): void {
    if (this.raw.perCpu === wanted) return;
    const what = wanted ? 'has one value for each key' : 'has a value for each CPU';
    throw new TypeError(`map '${this.name}' of type ${this.raw.spec.type} ${what}`);
  }
}

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
