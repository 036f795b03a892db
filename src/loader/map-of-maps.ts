// A map whose values are maps: a whole table is swapped for another in one step, and no packet sees half of either.

import type { FieldType, MapDefinition, MapOfMaps, ValueOf } from '../asm/data.ts';
import type { UpdateMode } from './bpf/map-commands.ts';
import { BpfMap } from './map.ts';
import { adopt, adoptIfThere } from './map-shape.ts';
import { RawMap } from './raw-map.ts';

/**
 * Owns a map of maps. The maps in it live as long as they are in it, whoever made them.
 *
 * @example
 * using tables = BpfMapOfMaps.create(defineMapOfMaps({ name: 'tables', type: 'array_of_maps', key: u32, inner, maxEntries: 1 }));
 * tables.replace(0, [[0x0a000005, 1n], [0x0a000006, 2n]]);
 */
export class BpfMapOfMaps<
  K extends FieldType = FieldType,
  IK extends FieldType = FieldType,
  IV extends FieldType = FieldType,
> implements Disposable
{
  readonly definition: MapOfMaps<K, IK, IV>;
  /** Its values are descriptors when they are written, and identifiers when they are read. */
  readonly #map: BpfMap<K, MapOfMaps<K, IK, IV>['value']>;

  /** Takes over `raw`. @throws LoaderError with code `EMAPSHAPE` when it was not made as `definition` says. */
  constructor(raw: RawMap, definition: MapOfMaps<K, IK, IV>) {
    this.#map = new BpfMap(raw, definition);
    this.definition = definition;
  }

  static create<K extends FieldType, IK extends FieldType, IV extends FieldType>(
    definition: MapOfMaps<K, IK, IV>,
  ): BpfMapOfMaps<K, IK, IV> {
    return adopt(RawMap.create(definition), (raw) => new BpfMapOfMaps(raw, definition));
  }

  /** Opens a pinned map; undefined where nothing is pinned. */
  static openPin<K extends FieldType, IK extends FieldType, IV extends FieldType>(
    path: string,
    definition: MapOfMaps<K, IK, IV>,
  ): BpfMapOfMaps<K, IK, IV> | undefined {
    return adoptIfThere(RawMap.openPin(path), (raw) => new BpfMapOfMaps(raw, definition));
  }

  get raw(): RawMap {
    return this.#map.raw;
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

  /**
   * A new, empty map that fits in here, with room for `maxEntries` where it is to have another size than the definition's:
   * hashes may, since Linux 5.10; arrays only with `BPF_F_INNER_MAP`.
   */
  createInner(maxEntries: number = this.definition.inner.maxEntries): BpfMap<IK, IV> {
    const definition: MapDefinition<IK, IV> = { ...this.definition.inner, maxEntries };
    return BpfMap.create(definition);
  }

  /** The map at `key`, which the caller closes. By its identifier, so it needs CAP_SYS_ADMIN. */
  get(key: ValueOf<K>): BpfMap<IK, IV> | undefined {
    const id = this.getId(key);
    return id === undefined ? undefined : BpfMap.openById(id, this.definition.inner);
  }

  /** The identifier of the map at `key`. */
  getId(key: ValueOf<K>): number | undefined {
    return this.#map.get(key) as number | undefined;
  }

  has(key: ValueOf<K>): boolean {
    return this.#map.has(key);
  }

  /**
   * Puts `inner` at `key`, in one step: a look-up finds the former map or this one. When it returns no program works with
   * the former one any more, so that what that has counted is final.
   *
   * @returns 'exists' or 'missing', with nothing changed, when `mode` says no.
   * @throws LoaderError with code `EINVAL` for a map of another shape than the definition's
   */
  set(
    key: ValueOf<K>,
    inner: { readonly fd: number },
    mode: UpdateMode = 'any',
  ): 'done' | 'exists' | 'missing' {
    return this.#map.set(key, inner.fd as ValueOf<MapOfMaps<K, IK, IV>['value']>, mode);
  }

  /**
   * Swaps the map at `key` for a new one that holds `entries`, in one step. Nothing is changed when it fails.
   *
   * @throws BatchError when they do not fit
   */
  replace(
    key: ValueOf<K>,
    entries: Iterable<readonly [ValueOf<IK>, ValueOf<IV>]>,
    maxEntries?: number,
  ): void {
    using inner = this.createInner(maxEntries);
    inner.setBatch(entries);
    this.set(key, inner);
  }

  /** @returns whether there was one. */
  delete(key: ValueOf<K>): boolean {
    return this.#map.delete(key);
  }

  keys(): Generator<ValueOf<K>, void, undefined> {
    return this.#map.keys();
  }

  /** Every key and the identifier of the map there. */
  ids(): Generator<[ValueOf<K>, number], void, undefined> {
    return this.#map.entries() as Generator<[ValueOf<K>, number], void, undefined>;
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
}
