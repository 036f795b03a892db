// Programs and the maps they share, put into the kernel together: what the definitions say of keys, values and events is
// what the maps here take and give. Objects from files are loaded by object.ts.

import type {
  FieldType,
  MapDefinition,
  MapOfMaps,
  MapSpec,
  Program,
  RingBuffer,
  StructType,
} from '../asm/data.ts';
import { LoaderError } from './errors.ts';
import { BpfMap } from './map.ts';
import { BpfMapOfMaps } from './map-of-maps.ts';
import { requireShape } from './map-shape.ts';
import { type BpfProgram, type LoadProgramOptions, loadProgram, type MapDescriptor } from './program.ts';
import { RawMap } from './raw-map.ts';
import { BpfRingBuffer } from './ring-buffer.ts';

/** What owns the map that `D` defines. */
export type OwnerOf<D> =
  D extends RingBuffer<infer E>
    ? BpfRingBuffer<E>
    : D extends MapOfMaps<infer K, infer IK, infer IV>
      ? BpfMapOfMaps<K, IK, IV>
      : D extends MapDefinition<infer K, infer V>
        ? BpfMap<K, V>
        : RawMap;

type Owner = BpfRingBuffer | BpfMapOfMaps | BpfMap | RawMap;

export interface CollectionSource<M, P> {
  /** Definitions of maps, under any names; those that programs use besides are made too. */
  readonly maps?: M;
  readonly programs: P;
}

export interface CollectionOptions<M> extends LoadProgramOptions {
  /** Maps that are there already (pinned ones, say): taken as they are, and not closed. */
  readonly reuse?: { readonly [N in keyof M]?: OwnerOf<M[N]> };
}

type Definitions = { readonly [name: string]: MapSpec };
type Programs = { readonly [name: string]: Program };

/** Owns programs and their maps. `loadCollection` makes it. */
export class Collection<M extends Definitions, P extends Programs> implements Disposable {
  readonly maps: { readonly [N in keyof M]: OwnerOf<M[N]> };
  readonly programs: { readonly [N in keyof P]: BpfProgram };
  readonly #byName: ReadonlyMap<string, Owner>;
  readonly #own: readonly Disposable[];

  /** @internal */
  constructor(
    maps: { readonly [N in keyof M]: OwnerOf<M[N]> },
    programs: { readonly [N in keyof P]: BpfProgram },
    byName: ReadonlyMap<string, Owner>,
    own: readonly Disposable[],
  ) {
    this.maps = maps;
    this.programs = programs;
    this.#byName = byName;
    this.#own = own;
  }

  /**
   * The map that one of the programs uses by this definition.
   *
   * @throws LoaderError with code `ENOMAP` where none does; `EMAPSHAPE` for a definition of something else
   */
  map<D extends MapSpec>(definition: D): OwnerOf<D> {
    const owner = this.#byName.get(definition.name);
    if (owner === undefined) {
      throw new LoaderError(`no program here uses map '${definition.name}'`, {
        code: 'ENOMAP',
        object: `map '${definition.name}'`,
      });
    }
    requireShape(rawOf(owner), definition);
    return owner as OwnerOf<D>;
  }

  /** Closes what was made here: programs, then maps. */
  close(): void {
    closeAll(this.#own);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Makes the maps, then loads the programs. Nothing is left when one of them fails.
 *
 * @throws VerifierError, LoaderError as `loadProgram` does; LoaderError with code `EMAPSHAPE` for two definitions of one
 * name that differ
 * @example
 * using loaded = loadCollection({ maps: { counts }, programs: { counter } });
 * loaded.programs.counter.testRun({ data: packet });
 * loaded.maps.counts.get(0x0800); // { packets: 1n, bytes: 60n }
 */
export function loadCollection<const P extends Programs, const M extends Definitions = Record<never, never>>(
  source: CollectionSource<M, P>,
  options: CollectionOptions<M> = {},
): Collection<M, P> {
  const { maps: definitions, programs } = source;
  const { reuse = {} as NonNullable<typeof options.reuse>, ...rest } = options;
  const own: Disposable[] = [];
  const byName = new Map<string, Owner>();
  try {
    const named: { [name: string]: Owner } = {};
    for (const [name, definition] of Object.entries(definitions ?? {})) {
      const given = Object.hasOwn(reuse, name) ? (reuse as { [name: string]: Owner })[name] : undefined;
      if (given !== undefined) requireShape(rawOf(given), definition);
      named[name] = given ?? made(definition, byName, own);
      byName.set(definition.name, named[name]);
    }
    for (const { relocations } of Object.values(programs)) {
      for (const { map } of relocations) byName.set(map.name, made(map, byName, own));
    }
    const descriptors: { readonly [name: string]: MapDescriptor } = Object.fromEntries(byName);
    const loaded: { [name: string]: BpfProgram } = {};
    for (const [name, program] of Object.entries(programs)) {
      loaded[name] = loadProgram(program, descriptors, rest);
      own.unshift(loaded[name]);
    }
    return new Collection(
      named as { [N in keyof M]: OwnerOf<M[N]> },
      loaded as { [N in keyof P]: BpfProgram },
      byName,
      own,
    );
  } catch (error) {
    closeAll(own);
    throw error;
  }
}

/** What is there under the name of `spec`, or a new one. */
function made(spec: MapSpec, byName: ReadonlyMap<string, Owner>, own: Disposable[]): Owner {
  const there = byName.get(spec.name);
  if (there !== undefined) {
    requireShape(rawOf(there), spec);
    return there;
  }
  const owner = ownerFor(spec);
  own.push(owner);
  return owner;
}

function ownerFor(spec: MapSpec): Owner {
  if (isRingBuffer(spec)) return BpfRingBuffer.create(spec);
  if (isMapOfMaps(spec)) return BpfMapOfMaps.create(spec);
  return isDefinition(spec) ? BpfMap.create(spec) : RawMap.create(spec);
}

const isDefinition = (spec: MapSpec): spec is MapDefinition<FieldType, FieldType> =>
  'key' in spec && 'value' in spec;
const isRingBuffer = (spec: MapSpec): spec is RingBuffer<StructType> =>
  spec.type === 'ringbuf' && 'event' in spec;
const isMapOfMaps = (spec: MapSpec): spec is MapOfMaps<FieldType, FieldType, FieldType> =>
  isDefinition(spec) && spec.inner !== undefined && isDefinition(spec.inner);

const rawOf = (owner: Owner): RawMap => (owner instanceof RawMap ? owner : owner.raw);

/** All of them, whatever one says; the first complaint is passed on. */
function closeAll(owners: readonly Disposable[]): void {
  const complaints: unknown[] = [];
  for (const owner of owners) {
    try {
      owner[Symbol.dispose]();
    } catch (error) {
      complaints.push(error);
    }
  }
  if (complaints.length > 0) throw complaints[0];
}
