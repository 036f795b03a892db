// The pin folder of an instance: <bpffs>/tsnat/NAME/{maps,progs,links}/..., and its shadow NAME%new, in which the
// whole is built before one rename makes it true. '%' is escaped in names, so the shadow's cannot be a name.

import { readdirSync } from 'node:fs';
import type { FieldType, MapDefinition } from '../../asm/data.ts';
import {
  BpfMap,
  ensureFolder,
  escapePinName,
  findBpffs,
  folderHint,
  isPinned,
  LoaderError,
  makeFolder,
  removeFolder,
  removePin,
  unescapePinName,
  withLock,
} from '../../loader/index.ts';
import type { InstanceMaps } from '../maps.ts';
import { detachHint, InstanceError } from './error.ts';
import {
  CHANGEOVER,
  isKnown,
  moreParts,
  PARTS,
  PASSING,
  REDIRECT_LINK,
  SUBFOLDERS,
  XDP_LINK,
} from './pin-parts.ts';
import { decodeRecord, encodeRecord, type InstanceRecord, RECORD_KEY, recordMap } from './record.ts';

const FOLDER = 'tsnat';
const SHADOW = '%new';

export type MapName = keyof InstanceMaps | 'instance' | 'slot_program';

/** The folder of all instances; `root` stands in for it in tests. */
export function instancesFolder(root?: string): string {
  return root ?? `${findBpffs()}/${FOLDER}`;
}

/** Makes the folder of all instances where it is missing, and holds its lock while `run` runs. */
export function withFolder<T>(folder: string, run: () => T): T {
  return explained(`cannot use '${folder}'`, () => {
    ensureFolder(folder);
    return withLock(folder, run);
  });
}

/** Runs `run` while nobody is at work on this instance alone. To be called with the lock on all held. */
export function withInstance<T>(pins: Pins, run: () => T): T {
  return pins.exist ? withLock(pins.folder, run) : run();
}

/** Names of the instances that have a folder, and of those that only left a shadow. */
export function listNames(folder: string): string[] {
  const names = entries(folder).map((file) =>
    unescapePinName(file.endsWith(SHADOW) ? file.slice(0, -SHADOW.length) : file),
  );
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

/** The pins of one instance, or of its shadow. Opens nothing by itself. */
export class Pins {
  readonly name: string;
  /** The folder of all instances. */
  readonly instances: string;
  readonly folder: string;

  constructor(instances: string, name: string, shadow = false) {
    this.name = name;
    this.instances = instances;
    this.folder = `${instances}/${escapePinName(name)}${shadow ? SHADOW : ''}`;
  }

  get exist(): boolean {
    return isPinned(this.folder);
  }

  /** Makes the folders. */
  make(): void {
    for (const part of ['', ...SUBFOLDERS]) makeFolder(`${this.folder}/${part}`);
  }

  has(part: string): boolean {
    return isPinned(this.path(part));
  }

  path(part: string): string {
    return `${this.folder}/${part}`;
  }

  /** The caller closes what it gets. @throws InstanceError with code `EHALF` when it is missing or no such map. */
  map<K extends FieldType, V extends FieldType>(
    name: MapName,
    definition: MapDefinition<K, V>,
  ): BpfMap<K, V> {
    return this.whole(`maps/${name}`, (path) => BpfMap.openPin(path, definition));
  }

  /** Interfaces that XDP has a link pinned for, here. */
  xdpLinks(): number[] {
    return this.#indexes(XDP_LINK);
  }

  /** Interfaces that redirect has a link pinned for, here. */
  redirectLinks(): number[] {
    return this.#indexes(REDIRECT_LINK);
  }

  #indexes(link: RegExp): number[] {
    return this.present().flatMap((part) => link.exec(part)?.slice(1, 2).map(Number) ?? []);
  }

  /** @throws InstanceError with code `EHALF` when it is missing or of another version. */
  record(): InstanceRecord {
    using map = this.map('instance', recordMap);
    const data = map.get(RECORD_KEY);
    const record = data === undefined ? undefined : decodeRecord(data);
    if (record === undefined) {
      throw new InstanceError(
        'EHALF',
        `instance '${this.name}' was made by another version of tsnat; ${detachHint(this.name)}`,
      );
    }
    return record;
  }

  /** Makes the map that holds the record. */
  pinRecord(record: InstanceRecord): void {
    using map = BpfMap.create(recordMap);
    map.set(RECORD_KEY, encodeRecord(record));
    map.pin(this.path('maps/instance'));
  }

  writeRecord(record: InstanceRecord): void {
    using map = this.map('instance', recordMap);
    map.set(RECORD_KEY, encodeRecord(record));
  }

  /** What should be pinned and is not. */
  missing(record: InstanceRecord): string[] {
    const there = this.present();
    const parts = PARTS.filter((part) => record.hook === 'tcx' || !part.startsWith('links/'));
    return [...parts, ...moreParts(record)].filter((part) => !there.includes(part));
  }

  /** Every pin in the folder, ours and others'. */
  present(): string[] {
    return entries(this.folder).flatMap((part) => {
      const inner = entries(this.path(part));
      const isFolder = (SUBFOLDERS as readonly string[]).includes(part);
      return isFolder ? inner.map((file) => `${part}/${file}`) : [part];
    });
  }

  /** What is in the folder and not ours. */
  foreign(): string[] {
    return this.present().filter((part) => !isKnown(part));
  }

  /** @throws InstanceError with code `EHALF` when pins are missing or foreign. */
  requireWhole(): InstanceRecord {
    const record = this.record();
    const missing = this.missing(record);
    const foreign = this.foreign();
    if (missing.length === 0 && foreign.length === 0) return record;
    const what = [
      ...(missing.length === 0 ? [] : [`lacks ${missing.join(', ')}`]),
      ...(foreign.length === 0 ? [] : [`has foreign pins: ${foreign.join(', ')}`]),
    ];
    throw new InstanceError(
      'EHALF',
      `instance '${this.name}' ${what.join(' and ')}; ${detachHint(this.name)}`,
    );
  }

  /** Tells everybody who has the instance open that it is no more. */
  revoke(): void {
    using map = this.map('instance', recordMap);
    map.set(RECORD_KEY, new Uint8Array(recordMap.valueSize));
  }

  /** Whether a change was begun here and not tidied up after. */
  get changing(): boolean {
    return PASSING.some((part) => this.has(part));
  }

  /** Removes what is there only while something changes. */
  tidy(): void {
    for (const part of PASSING) removePin(this.path(part));
  }

  /** Unpins what is ours and removes the folders. @throws InstanceError when foreign pins stay. */
  remove(): void {
    removePin(this.path(CHANGEOVER));
    for (const part of this.present().filter(isKnown)) removePin(this.path(part));
    const foreign = this.foreign();
    if (foreign.length > 0) {
      const paths = foreign.map((part) => this.path(part)).join(', ');
      throw new InstanceError(
        'EHALF',
        `instance '${this.name}' is detached, but its folder has foreign pins: remove ${paths}`,
      );
    }
    for (const part of [...SUBFOLDERS, '']) removeFolder(this.path(part));
  }

  /** What is pinned as `part`. The caller closes it. @throws InstanceError with code `EHALF` when it is missing or no such thing. */
  whole<T>(part: string, open: (path: string) => T | undefined): T {
    let found: T | undefined;
    try {
      found = open(this.path(part));
    } catch (error) {
      if (!(error instanceof LoaderError && (error.code === 'EKIND' || error.code === 'EMAPSHAPE')))
        throw error;
      const message = `instance '${this.name}': pin ${part} is not ours (${error.message}); ${detachHint(this.name)}`;
      throw new InstanceError('EHALF', message, error);
    }
    if (found !== undefined) return found;
    throw new InstanceError('EHALF', `instance '${this.name}' lacks ${part}; ${detachHint(this.name)}`);
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw permission(error, `cannot read '${folder}'`) ?? error;
  }
}

function explained<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw permission(error, what) ?? error;
  }
}

/** A refusal by the file system, in words. */
function permission(error: unknown, what: string): InstanceError | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof LoaderError || error instanceof InstanceError) return undefined;
  if (code !== 'EACCES' && code !== 'EPERM') return undefined;
  return new InstanceError('EPERM', `${what}: ${code}; ${folderHint()}`, error);
}
