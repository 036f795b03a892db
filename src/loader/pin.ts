// Pins that may be there already: the same object again is no error, another one is refused with the difference named,
// or takes over by one rename. Left out: whose folder it is, and what a whole set of pins means.

import { closeSync, readdirSync } from 'node:fs';
import type { FieldType, MapDefinition, MapSpec, MapType } from '../asm/data.ts';
import { MAP_TYPES, PROGRAM_TYPES } from './bpf/abi.ts';
import { linkInfoOf, mapInfoOf, programInfoOf } from './bpf/info-commands.ts';
import { type ObjectKind, openPin, pinObject } from './bpf/object.ts';
import { removePin, renamePin } from './bpffs.ts';
import { Descriptor } from './descriptor.ts';
import { LoaderError } from './errors.ts';
import { BpfLink } from './link.ts';
import { BpfMap } from './map.ts';
import { BpfProgram } from './program.ts';
import { RawMap } from './raw-map.ts';

/** A map, program or link of ours. */
export type Pinnable = RawMap | BpfMap | BpfProgram | BpfLink;

/** Something in which a pinned object is not what it should be. */
export interface Difference {
  readonly field: string;
  readonly pinned: string | number;
  readonly wanted: string | number;
}

/** What is pinned at a path is not what was wanted there; `differences` says in what. */
export class PinError extends LoaderError {
  override readonly name: string = 'PinError';
  readonly path: string;
  readonly differences: readonly Difference[];

  constructor(path: string, wanted: string, differences: readonly Difference[]) {
    const list = differences.map((each) => `${each.field} is ${each.pinned}, not ${each.wanted}`).join('; ');
    super(`what is pinned at '${path}' is not ${wanted}: ${list} (EPINNED)`, {
      code: 'EPINNED',
      object: path,
      hint: 'it was made by something else or by another version: remove it if nobody needs it, or pin elsewhere',
    });
    this.path = path;
    this.differences = differences;
  }
}

/** Tries when others pin and remove at the same path at the same time. */
const ATTEMPTS = 5;

/**
 * Opens the map that is pinned at `path`, or makes and pins it. The caller closes it.
 *
 * @returns the map, and whether it is new.
 * @throws PinError when what is there has another type, sizes, capacity or flags, or is no map.
 */
export function openOrCreateMap<K extends FieldType, V extends FieldType>(
  path: string,
  definition: MapDefinition<K, V>,
): { readonly map: BpfMap<K, V>; readonly created: boolean } {
  const there = openCompatibleMap(path, definition);
  if (there !== undefined) return { map: new BpfMap(there, definition), created: false };
  const map = BpfMap.create(definition);
  try {
    for (let attempt = 1; ; attempt++) {
      if (tryPin(map.fd, path)) return { map, created: true };
      // Somebody was faster: theirs it is, if it will do.
      const theirs = openCompatibleMap(path, definition);
      if (theirs !== undefined) {
        map.close();
        return { map: new BpfMap(theirs, definition), created: false };
      }
      if (attempt === ATTEMPTS) throw restless(path);
    }
  } catch (error) {
    map.close();
    throw error;
  }
}

/** The map pinned at `path` if it was made as `spec` says; undefined where nothing is. @throws PinError */
export function openCompatibleMap(path: string, spec: MapSpec): RawMap | undefined {
  const wanted = `map '${spec.name}'`;
  const map = opened(path, 'map', wanted, () => RawMap.openPin(path));
  if (map === undefined) return undefined;
  const differences = mapDifferences(map.spec, spec);
  if (differences.length === 0) return map;
  map.close();
  throw new PinError(path, wanted, differences);
}

/** In what two maps differ, as far as that keeps one from serving as the other. */
export function mapDifferences(pinned: MapSpec, wanted: MapSpec): Difference[] {
  const hex = (flags: number) => `0x${flags.toString(16)}`;
  const fields = (map: MapSpec) => ({
    type: map.type,
    'key size': map.keySize,
    'value size': map.valueSize,
    'max entries': map.maxEntries,
    flags: hex(map.flags),
  });
  return differencesOf(fields(pinned), fields(wanted));
}

/**
 * Pins; no error when the same object is pinned there already.
 *
 * @returns whether it was pinned now.
 * @throws PinError when another object is there, with the difference.
 */
export function ensurePinned(object: Pinnable, path: string): boolean {
  const kind = kindOf(object);
  for (let attempt = 1; ; attempt++) {
    if (tryPin(object.fd, path)) return true;
    const wanted = `this ${kind}`;
    const fd = opened(path, kind, wanted, () => openPin(path, kind));
    if (fd !== undefined) {
      using pinned = new Descriptor(fd, `pin '${path}'`);
      const differences = differencesOf(identityOf(kind, pinned.fd), identityOf(kind, object.fd));
      if (differences.length === 0) return false;
      throw new PinError(path, wanted, differences);
    }
    if (attempt === ATTEMPTS) throw restless(path);
  }
}

/** Pins in the place of what is pinned there, by one rename: whoever opens the path finds the one or the other. */
export function replacePin(object: Pinnable, path: string): void {
  const next = `${path}~${process.pid}`;
  removePin(next);
  pinObject(object.fd, next);
  try {
    renamePin(next, path);
  } catch (error) {
    removePin(next);
    throw error;
  }
}

/** What is in a folder of pins, and what is nobody's pin. */
export interface FoundPin {
  readonly name: string;
  /** `other`: a folder, or a pin of a kind that is not known here. */
  readonly kind: ObjectKind | 'other';
  /** The kernel's identifier of the object. */
  readonly id: number | undefined;
}

/** Lists a folder of a bpffs, so that what is foreign there is seen before anything is touched. */
export function listPins(folder: string): FoundPin[] {
  return readdirSync(folder, { withFileTypes: true })
    .map((entry): FoundPin => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return { name: entry.name, kind: 'other', id: undefined };
      for (const kind of ['map', 'program', 'link'] as const) {
        const fd = openIfKind(path, kind);
        if (fd === undefined) continue;
        using pinned = new Descriptor(fd, `pin '${path}'`);
        return { name: entry.name, kind, id: INFO[kind](pinned.fd).id };
      }
      return { name: entry.name, kind: 'other', id: undefined };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

const INFO = { map: mapInfoOf, program: programInfoOf, link: linkInfoOf } as const;

/** @throws LoaderError when it may not be opened at all. */
function openIfKind(path: string, kind: ObjectKind): number | undefined {
  try {
    return openPin(path, kind);
  } catch (error) {
    // EACCES: in a bpffs, but no object, as the kernel's own iterators there.
    if (error instanceof LoaderError && (error.code === 'EKIND' || error.code === 'EACCES')) return undefined;
    throw error;
  }
}

/** An error about the kind becomes one about the pin. */
function opened<T>(path: string, kind: ObjectKind, wanted: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof LoaderError && error.code === 'EKIND')) throw error;
    const is = (['map', 'program', 'link'] as const).find((other) => {
      const fd = openIfKind(path, other);
      if (fd !== undefined) closeSync(fd);
      return fd !== undefined;
    });
    throw new PinError(path, wanted, [{ field: 'kind', pinned: is ?? 'something else', wanted: kind }]);
  }
}

const kindOf = (object: Pinnable): ObjectKind =>
  object instanceof BpfProgram ? 'program' : object instanceof BpfLink ? 'link' : 'map';

/** What tells one object from another: what it is, and last which one. */
function identityOf(kind: ObjectKind, fd: number): { readonly [field: string]: string | number } {
  if (kind === 'program') {
    const { type, name, tag, id } = programInfoOf(fd);
    return { type: nameOf(PROGRAM_TYPES, type), name, tag, id };
  }
  if (kind === 'link') {
    const { type, ifindex, attachType, programId, id } = linkInfoOf(fd);
    return { type, interface: ifindex, 'attach type': attachType, program: programId, id };
  }
  const { type, keySize, valueSize, maxEntries, flags, id } = mapInfoOf(fd);
  return {
    type: nameOf(MAP_TYPES, type),
    'key size': keySize,
    'value size': valueSize,
    'max entries': maxEntries,
    flags: `0x${flags.toString(16)}`,
    id,
  };
}

const nameOf = (types: { readonly [name in MapType | string]: number }, type: number): string | number =>
  Object.entries(types).find(([, value]) => value === type)?.[0] ?? type;

type Values = { readonly [field: string]: string | number };

const differencesOf = (pinned: Values, wanted: Values): Difference[] =>
  Object.entries(wanted)
    .map(([field, value]) => ({ field, pinned: pinned[field] ?? '', wanted: value }))
    .filter((each) => each.pinned !== each.wanted);

/** @returns false where something is pinned already. */
function tryPin(fd: number, path: string): boolean {
  try {
    pinObject(fd, path);
    return true;
  } catch (error) {
    if (error instanceof LoaderError && error.code === 'EEXIST') return false;
    throw error;
  }
}

const restless = (path: string): LoaderError =>
  new LoaderError(`the pin '${path}' comes and goes (EBUSY)`, { code: 'EBUSY', object: path });
