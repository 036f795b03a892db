// A map in bytes: keys and values as the kernel takes them. `BpfMap` puts typed layouts on top.

import type { MapSpec, MapType } from '../asm/index.ts';
import { MAP_TYPES } from './bpf/abi.ts';
import { deleteBatch, type Elements, lookupBatch, updateBatch } from './bpf/batch.ts';
import {
  createMap,
  deleteElement,
  freezeMap,
  lookupElement,
  type MapHandle,
  nextKey,
  type UpdateMode,
  updateElement,
} from './bpf/map-commands.ts';
import { mapInfoOf, openById, openPin, pinObject } from './bpf/object.ts';
import { possibleCpus } from './cpu.ts';
import { Descriptor } from './descriptor.ts';
import { LoaderError } from './errors.ts';

const PER_CPU: ReadonlySet<MapType> = new Set<MapType>(['percpu_hash', 'percpu_array', 'lru_percpu_hash']);
/** A CPU's value in a per-CPU map starts at a multiple of this. */
const PER_CPU_ALIGNMENT = 8;

/**
 * Owns the descriptor of a map. The map itself lives as long as any descriptor, pin or program holds it.
 */
export class RawMap implements Disposable, MapHandle {
  readonly spec: MapSpec;
  /** Whether a value is one value for each possible CPU. */
  readonly perCpu: boolean;
  /** Bytes from one CPU's value to the next; the value size where there is one value only. */
  readonly stride: number;
  /** Bytes of a whole value, all CPUs together. */
  readonly transferSize: number;
  readonly #descriptor: Descriptor;

  /** Takes over `fd`, which must be a map made as `spec` says. */
  constructor(fd: number, spec: MapSpec) {
    this.#descriptor = new Descriptor(fd, `map '${spec.name}'`);
    this.spec = spec;
    this.perCpu = PER_CPU.has(spec.type);
    this.stride = this.perCpu
      ? Math.ceil(spec.valueSize / PER_CPU_ALIGNMENT) * PER_CPU_ALIGNMENT
      : spec.valueSize;
    this.transferSize = this.perCpu ? this.stride * possibleCpus() : spec.valueSize;
  }

  /** Makes a map in the kernel, with its initial value where it has one. @throws LoaderError */
  static create(spec: MapSpec, options: { innerMapFd?: number } = {}): RawMap {
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
    if (frozen) freezeMap(this.fd, this.spec);
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

  get(key: Uint8Array): Uint8Array | undefined {
    return lookupElement(this, key);
  }

  /** @returns 'exists' or 'missing', with nothing changed, when `mode` says no. */
  set(key: Uint8Array, value: Uint8Array, mode: UpdateMode = 'any'): 'done' | 'exists' | 'missing' {
    return updateElement(this, key, value, mode);
  }

  /** @returns whether it was there. */
  delete(key: Uint8Array): boolean {
    return deleteElement(this, key);
  }

  nextKey(key?: Uint8Array): Uint8Array | undefined {
    return nextKey(this, key);
  }

  /** Every element, laid end to end. */
  elements(): Elements {
    return lookupBatch(this);
  }

  /** @throws BatchError, which says how many were written. */
  setBatch(elements: Elements, mode: UpdateMode = 'any'): void {
    updateBatch(this, elements, mode);
  }

  /** @throws BatchError, which says how many were deleted. */
  deleteBatch(keys: Uint8Array, count: number): void {
    deleteBatch(this, keys, count);
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
