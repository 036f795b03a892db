// Puts an object file into the kernel, as libbpf's bpf_object__load does: its maps, what they hold from the start, its
// programs, made to fit the kernel's types. Left out: variables without a type, such as the kernel's configuration
// (loadProgram refuses programs that need one, by name), pins.

import { existsSync, readFileSync } from 'node:fs';
import {
  btf,
  type ElfMap,
  type ElfObject,
  type ElfProgram,
  LITTLE_ENDIAN,
  resolveCore,
  resolveExterns,
} from '../asm/index.ts';
import { possibleCpus } from './cpu.ts';
import { LoaderError } from './errors.ts';
import { type BpfProgram, type LoadProgramOptions, loadProgram, type MapDescriptor } from './program.ts';
import { RawMap } from './raw-map.ts';

export interface LoadObjectOptions extends LoadProgramOptions {
  /** Maps that exist already, by name: taken in the place of the object's own, and not closed. */
  readonly maps?: { readonly [name: string]: MapDescriptor };
  /** Symbols of the programs to load; all of them where left out. */
  readonly programs?: readonly string[];
}

/** Owns the maps and programs of an object. */
export class LoadedObject implements Disposable {
  /** Those made here, by name. */
  readonly maps: { readonly [name: string]: RawMap };
  /** By symbol. */
  readonly programs: ReadonlyMap<string, BpfProgram>;

  /** Takes over what it is given. */
  constructor(maps: { readonly [name: string]: RawMap }, programs: ReadonlyMap<string, BpfProgram>) {
    this.maps = maps;
    this.programs = programs;
  }

  close(): void {
    for (const program of this.programs.values()) program.close();
    for (const map of Object.values(this.maps)) map.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Makes the maps of an object, loads its programs, and puts into maps what they hold from the start.
 *
 * @throws VerifierError or LoaderError as `loadProgram` and the kernel say; nothing stays loaded then. LoaderError with
 * code `ENOPROGRAM` for a symbol that is no program of the object.
 * @example
 * using object = loadObject(parseElf(readFileSync('filter.bpf.o')));
 * const { returnValue } = object.programs.get('filter').testRun({ data: packet });
 */
export function loadObject(object: ElfObject, options: LoadObjectOptions = {}): LoadedObject {
  const { maps: given = {}, programs: wanted, ...rest } = options;
  const own: { [name: string]: RawMap } = {};
  const programs = new Map<string, BpfProgram>();
  const loaded = new LoadedObject(own, programs);
  try {
    for (const map of object.maps) if (!Object.hasOwn(given, map.name)) own[map.name] = makeMap(map);
    const all: { readonly [name: string]: MapDescriptor } = { ...own, ...given };
    for (const [map, { index, content }] of slotsOf(object.maps, 'map', own)) {
      const inner = Object.hasOwn(all, content) ? all[content] : undefined;
      if (inner !== undefined) map.set(u32Bytes(index), u32Bytes(inner.fd));
    }
    for (const program of chosen(fitted(object), wanted)) {
      programs.set(program.symbol, loadProgram(program, all, rest));
    }
    for (const [map, { index, content }] of slotsOf(object.maps, 'program', own)) {
      const program = programs.get(content);
      if (program !== undefined) map.set(u32Bytes(index), u32Bytes(program.fd));
    }
    return loaded;
  } catch (error) {
    loaded.close();
    throw error;
  }
}

const KERNEL_TYPES = '/sys/kernel/btf/vmlinux';
let kernelTypes: ReturnType<typeof btf.parseBtf> | undefined;

/** Reads the kernel's types only for objects that ask for them; where there are none, it stays as it is. */
function fitted(object: ElfObject): ElfObject {
  if (object.programs.every(({ unresolved }) => unresolved === undefined)) return object;
  if (kernelTypes === undefined) {
    if (!existsSync(KERNEL_TYPES)) return object;
    kernelTypes = btf.parseBtf(new Uint8Array(readFileSync(KERNEL_TYPES)));
  }
  return resolveExterns(resolveCore(object, kernelTypes), kernelTypes);
}

function chosen({ programs }: ElfObject, wanted: readonly string[] | undefined): readonly ElfProgram[] {
  return (
    wanted?.map((symbol) => {
      const found = programs.find((program) => program.symbol === symbol);
      if (found) return found;
      const there = programs.map((program) => program.symbol).join(', ');
      throw new LoaderError(`the object has no program '${symbol}'; there is ${there || 'none'}`, {
        code: 'ENOPROGRAM',
        object: `program '${symbol}'`,
      });
    }) ?? programs
  );
}

function makeMap(map: ElfMap): RawMap {
  // As libbpf does: an event array without a size has an entry for each CPU.
  const sized =
    map.type === 'perf_event_array' && map.maxEntries === 0 ? { ...map, maxEntries: possibleCpus() } : map;
  if (map.inner === undefined) return RawMap.create(sized);
  // The kernel only looks at it to know what the others look like.
  using inner = RawMap.create(map.inner);
  return RawMap.create(sized, { innerMapFd: inner.fd });
}

/** Everything that is to be in maps made here, of one kind. */
function* slotsOf(
  maps: readonly ElfMap[],
  kind: 'map' | 'program',
  own: { readonly [name: string]: RawMap },
): Generator<[RawMap, { readonly index: number; readonly content: string }]> {
  for (const { name, slots } of maps) {
    const map = own[name];
    if (map === undefined) continue;
    for (const slot of slots) {
      const content = kind === 'map' ? 'map' in slot && slot.map : 'program' in slot && slot.program;
      if (content) yield [map, { index: slot.index, content }];
    }
  }
}

function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, LITTLE_ENDIAN);
  return bytes;
}
