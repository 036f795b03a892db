// Maps whose values programs cannot read: other programs, other maps, devices. User space puts them in; programs jump
// to them, look further in them, or send packets to them.

import type { MapSpec, Program } from '../../asm/index.ts';
import type { Code } from '../core/code.ts';
import { decode } from '../core/decode.ts';
import type { Region } from '../core/region.ts';
import { E2BIG, ENOENT } from '../errno.ts';
import { indexOf } from './array.ts';
import { type Key, keyOf } from './key.ts';
import { objection, VmMap } from './map.ts';

/** Programs by index, for tail calls (`BPF_MAP_TYPE_PROG_ARRAY`). */
export class ProgramArray extends VmMap {
  readonly #programs = new Map<number, Code>();

  /** The program at `index`, if there is one. */
  at(index: number): Code | undefined {
    return this.#programs.get(index);
  }

  /** @throws RangeError beyond the end */
  setProgram(index: number, program: Program): void {
    if (!Number.isInteger(index) || index < 0 || index >= this.spec.maxEntries) {
      throw new RangeError(`map '${this.spec.name}': index ${index} of ${this.spec.maxEntries}`);
    }
    this.#programs.set(index, decode(program));
  }

  override remove(key: Uint8Array): number {
    return this.#programs.delete(indexOf(key)) ? 0 : -ENOENT;
  }
}

/** Maps in an array or a hash (`BPF_MAP_TYPE_ARRAY_OF_MAPS`, `_HASH_OF_MAPS`). */
export class MapOfMaps extends VmMap {
  readonly #maps = new Map<Key, VmMap>();

  override lookup(key: Uint8Array): Region | undefined {
    return this.inner(key)?.region;
  }

  inner(key: Uint8Array): VmMap | undefined {
    return this.#maps.get(keyOf(key));
  }

  /** @throws RangeError when there is no room, or no such index */
  setMap(key: Uint8Array, map: VmMap): void {
    const { name, type, keySize, maxEntries } = this.spec;
    this.requireSize('key', key, keySize);
    const full = type === 'array_of_maps' ? indexOf(key) >= maxEntries : this.#isFull(key);
    if (full) throw new RangeError(`map '${name}': no room for this key, it takes ${maxEntries}`);
    this.#maps.set(keyOf(key), map);
  }

  override remove(key: Uint8Array): number {
    return this.#maps.delete(keyOf(key)) ? 0 : -ENOENT;
  }

  #isFull(key: Uint8Array): boolean {
    return this.#maps.size >= this.spec.maxEntries && !this.#maps.has(keyOf(key));
  }
}

/** Where `bpf_redirect_map` sends packets: devices, CPUs, sockets. Programs may look at the values. */
export class TargetMap extends VmMap {
  readonly #targets = new Map<Key, { readonly key: Uint8Array; readonly value: Region }>();
  readonly #indexed: boolean;

  constructor(spec: MapSpec) {
    super(spec);
    this.#indexed = spec.type !== 'devmap_hash';
  }

  override lookup(key: Uint8Array): Region | undefined {
    const value = this.#targets.get(keyOf(key))?.value;
    if (value) value.writeEnd = 0;
    return value;
  }

  override remove(key: Uint8Array): number {
    return this.#targets.delete(keyOf(key)) ? 0 : -ENOENT;
  }

  override get(key: Uint8Array): Uint8Array | undefined {
    this.requireSize('key', key, this.spec.keySize);
    return this.#targets.get(keyOf(key))?.value.bytes.slice();
  }

  override entries(): [Uint8Array, Uint8Array][] {
    return [...this.#targets.values()].map(({ key, value }) => [key.slice(), value.bytes.slice()]);
  }

  protected override write(key: Uint8Array, value: Uint8Array, flags: number): number {
    this.requireSize('value', value, this.spec.valueSize);
    const exists = this.#targets.has(keyOf(key));
    const result = objection(exists, flags);
    if (result !== 0) return result;
    const { maxEntries } = this.spec;
    if (this.#indexed ? indexOf(key) >= maxEntries : !exists && this.#targets.size >= maxEntries)
      return -E2BIG;
    this.#targets.set(keyOf(key), { key: key.slice(), value: this.newValue(value) });
    return 0;
  }
}
