// A map in bytes: keys and values as the kernel takes them. `BpfMap` puts typed layouts on top.

import type { MapSpec, MapType } from '../asm/data.ts';
import { MAP_TYPES } from './bpf/abi.ts';
import { chunkLength, type DeleteOptions, deleteBatch, type Elements, updateBatch } from './bpf/batch.ts';
import type { MapInfo } from './bpf/info.ts';
import { mapInfoOf } from './bpf/info-commands.ts';
import { ElementCalls, type MapHandle, type UpdateMode } from './bpf/map-commands.ts';
import { createMap, freezeMap, isFrozen } from './bpf/map-create.ts';
import { openById, openPin, pinObject } from './bpf/object.ts';
import { type ListedMap, type Listing, walk } from './bpf/walk.ts';
import { possibleCpus } from './cpu.ts';
import { Descriptor } from './descriptor.ts';
import { LoaderError } from './errors.ts';

const PER_CPU: ReadonlySet<MapType> = new Set<MapType>(['percpu_hash', 'percpu_array', 'lru_percpu_hash']);
/** A CPU's value in a per-CPU map starts at a multiple of this. */
const PER_CPU_ALIGNMENT = 8;
/** How maps are listed; `keys` those that are not here. */
const LISTINGS: { readonly [T in MapType]?: Listing } = {
  hash: 'buckets',
  percpu_hash: 'buckets',
  lru_hash: 'buckets',
  lru_percpu_hash: 'buckets',
  array: 'indexes',
  percpu_array: 'indexes',
};

/**
 * Owns the descriptor of a map. The map itself lives as long as any descriptor, pin or program holds it.
 */
export class RawMap implements Disposable, MapHandle, ListedMap {
  readonly spec: MapSpec;
  /** Whether a value is one value for each possible CPU. */
  readonly perCpu: boolean;
  /** Bytes from one CPU's value to the next; the value size where there is one value only. */
  readonly stride: number;
  /** Bytes of a whole value, all CPUs together. */
  readonly transferSize: number;
  readonly listing: Listing;
  readonly #descriptor: Descriptor;
  #calls: ElementCalls | undefined;

  /** Takes over `fd`, which must be a map made as `spec` says. */
  constructor(fd: number, spec: MapSpec) {
    this.#descriptor = new Descriptor(fd, `map '${spec.name}'`);
    this.spec = spec;
    this.perCpu = PER_CPU.has(spec.type);
    this.stride = this.perCpu
      ? Math.ceil(spec.valueSize / PER_CPU_ALIGNMENT) * PER_CPU_ALIGNMENT
      : spec.valueSize;
    this.listing = LISTINGS[spec.type] ?? 'keys';
    this.transferSize = this.perCpu ? this.stride * possibleCpus() : spec.valueSize;
  }

  /**
   * Makes a map in the kernel, with its initial value where it has one.
   *
   * @param options `innerMapFd`: for maps of maps, what the others look like; made from `spec.inner` where left out
   * @throws LoaderError
   */
  static create(spec: MapSpec, options: { innerMapFd?: number } = {}): RawMap {
    if (spec.inner !== undefined && options.innerMapFd === undefined) {
      // The kernel only looks at it.
      using inner = RawMap.create(spec.inner);
      return RawMap.create(spec, { innerMapFd: inner.fd });
    }
    const map = new RawMap(createMap(spec, options), spec);
    try {
      map.#initialise();
      return map;
    } catch (error) {
      map.close();
      throw error;
    }
  }

  #initialise(): void {
    const { initial, frozen, name, valueSize } = this.spec;
    if (initial !== undefined) {
      if (initial.length > valueSize || this.perCpu) {
        throw new RangeError(`map '${name}': ${initial.length} initial bytes do not go into its value`);
      }
      const value = new Uint8Array(valueSize);
      value.set(initial);
      this.set(new Uint8Array(this.keySize), value);
    }
    if (frozen) this.freeze();
  }

  /** Opens a pinned map; undefined where nothing is pinned. @throws LoaderError when it is no map. */
  static openPin(path: string): RawMap | undefined {
    const fd = openPin(path, 'map');
    return fd === undefined ? undefined : RawMap.#adopt(fd, `pin '${path}'`);
  }

  /** Opens a map by its identifier; undefined where there is none. */
  static openById(id: number): RawMap | undefined {
    const fd = openById('map', id);
    return fd === undefined ? undefined : RawMap.#adopt(fd, `map ${id}`);
  }

  static #adopt(fd: number, what: string): RawMap {
    const descriptor = new Descriptor(fd, what);
    try {
      const info = mapInfoOf(fd);
      const type = (Object.keys(MAP_TYPES) as MapType[]).find((name) => MAP_TYPES[name] === info.type);
      if (type === undefined) {
        throw new LoaderError(`${what}: a map of type ${info.type} is not supported here`, {
          code: 'ENOTSUP',
          object: what,
        });
      }
      return new RawMap(fd, { ...info, type });
    } catch (error) {
      descriptor.close();
      throw error;
    }
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  /** How many elements one call of `setBatch` takes; more go in several. */
  get batchLimit(): number {
    return chunkLength(this, this.transferSize);
  }

  get name(): string {
    return this.spec.name;
  }

  get keySize(): number {
    return this.spec.keySize;
  }

  get maxEntries(): number {
    return this.spec.maxEntries;
  }

  /** The kernel's identifier. */
  get id(): number {
    return mapInfoOf(this.fd).id;
  }

  get info(): MapInfo {
    return mapInfoOf(this.fd);
  }

  /** The commands on one element, with memory of their own: for whoever reads and writes keys and values in place. */
  get calls(): ElementCalls {
    this.#calls ??= new ElementCalls(this);
    return this.#calls;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const { calls } = this;
    calls.putKey(key);
    return calls.lookup() ? calls.value() : undefined;
  }

  /**
   * @returns 'exists' or 'missing', with nothing changed, when `mode` says no.
   * @throws LoaderError with code `E2BIG` when the map is full, `EPERM` when it is frozen
   */
  set(key: Uint8Array, value: Uint8Array, mode: UpdateMode = 'any'): 'done' | 'exists' | 'missing' {
    const { calls } = this;
    calls.putKey(key);
    calls.putValue(value);
    return calls.update(mode);
  }

  /** @returns whether it was there. */
  delete(key: Uint8Array): boolean {
    const { calls } = this;
    calls.putKey(key);
    return calls.delete();
  }

  /** Deletes it. One step for hashes since Linux 5.14; else what a program writes in between is lost. */
  take(key: Uint8Array): Uint8Array | undefined {
    const { calls } = this;
    calls.putKey(key);
    return calls.take() ? calls.value() : undefined;
  }

  /** The key behind `key` in the kernel's order, the first one for undefined; undefined at the end. */
  nextKey(key?: Uint8Array): Uint8Array | undefined {
    const { calls } = this;
    if (key !== undefined) calls.putKey(key);
    return calls.next(key === undefined) ? calls.key() : undefined;
  }

  /**
   * Every element, some thousands at a time, in few system calls. An element that is there all the time is seen, once;
   * one that others add or delete meanwhile is seen once or not at all.
   *
   * @throws LoaderError with code `EAGAIN` when others change the map faster than it can be read.
   */
  chunks(): Generator<Elements, void, undefined> {
    return walk(this);
  }

  /** Every element, laid end to end. */
  elements(): Elements {
    return join([...walk(this)]);
  }

  /**
   * Every element, which is then deleted. What programs write to an element meanwhile is in what is returned, or in the
   * map: for hashes since Linux 5.6. In other maps a write between the two is lost.
   */
  drain(): Elements {
    return join([...walk(this, { take: true })]);
  }

  /** Deletes what is there. */
  clear(): void {
    for (const _ of walk(this, { take: true }));
  }

  /** Writes all, in order. @throws BatchError, which says how many were written: the first `processed`, no others. */
  setBatch(elements: Elements, mode: UpdateMode = 'any'): void {
    updateBatch(this, elements, mode);
  }

  /** Deletes all, in order. @throws BatchError, which says how many were deleted: the first `processed`, no others. */
  deleteBatch(keys: Uint8Array, count: number, options: DeleteOptions = {}): void {
    deleteBatch(this, keys, count, options);
  }

  /** From now on only programs write to it, and no program either where its flags say so. Since Linux 5.2. */
  freeze(): void {
    freezeMap(this.fd, this);
  }

  get frozen(): boolean {
    return isFrozen(this.fd);
  }

  pin(path: string): void {
    pinObject(this.fd, path);
  }

  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function join(parts: readonly Elements[]): Elements {
  const only = parts.length === 1 ? parts[0] : undefined;
  if (only !== undefined) return only;
  return {
    count: parts.reduce((sum, { count }) => sum + count, 0),
    keys: Buffer.concat(parts.map(({ keys }) => keys)),
    values: Buffer.concat(parts.map(({ values }) => values)),
  };
}
