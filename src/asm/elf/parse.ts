// Reads a BPF object, such as clang makes (-target bpf), into programs and maps: to be looked at, interpreted, loaded.
// CO-RE relocations, variables and functions of the kernel are reported with the program that needs them: resolve.ts
// fills them in. Left to libbpf: data that contains addresses.

import { parseBtf } from '../btf/btf.ts';
import { type CoreRelocation, packFunctions, packLines, parseBtfExt } from '../btf/ext.ts';
import type { Btf } from '../btf/types.ts';
import { INSTRUCTION_SIZE } from '../isa.ts';
import type { Program, ProgramBtf, SourceLocation, Unresolved } from '../program.ts';
import { malformed, parseContainer, type Section } from './container.ts';
import { describeCore, isOpen } from './core.ts';
import { completeTypes, encodeCompleted } from './kernel-btf.ts';
import { type Linked, linker } from './link.ts';
import { type ElfFunction, readFunctions } from './read-functions.ts';
import { type ElfMap, readMaps } from './read-maps.ts';
import { meaningOf } from './sections.ts';

/** A program of an object. */
export interface ElfProgram extends Program {
  /** Its full name in the object; `name` is what the kernel takes: 15 characters. */
  readonly symbol: string;
  readonly section: string;
  /** For `resolveCore`, in the order of the code. */
  readonly core: readonly { readonly index: number; readonly relocation: CoreRelocation }[];
}

/** What an object has. */
export interface ElfObject {
  readonly programs: readonly ElfProgram[];
  readonly maps: readonly ElfMap[];
  /** As it declares it; empty where it does not. */
  readonly license: string;
  /** Its types, with sections filled in. */
  readonly btf: Btf | undefined;
}

const TEXT = '.text';
const NAME_LENGTH = 15;
/** All programs together: each has its own copy of what it calls. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Reads a BPF object in the byte order of this machine.
 *
 * The type of a program comes from its section (`tc`, `xdp`, `kprobe/...`), and is `unspec` where that says nothing.
 * Where there are no programs at all, the global functions of `.text` are taken for such.
 *
 * @throws MalformedError saying what is wrong and at which byte.
 */
export function parseElf(data: Uint8Array): ElfObject {
  const container = parseContainer(data);
  const find = (name: string): Section | undefined =>
    container.sections.find((section) => section.name === name && section.data.length > 0);
  const btfSection = find('.BTF');
  const raw = btfSection && parseBtf(btfSection.data, btfSection.offset);
  const btf = raw && { ...raw, types: completeTypes(raw, container) };
  const bytes = btf && encodeCompleted(btf, btf.types);
  const extSection = btf && find('.BTF.ext');
  const ext = extSection ? parseBtfExt(extSection.data, extSection.offset) : [];
  const maps = readMaps(container, btf, bytes);
  const functions = readFunctions(container, btf, ext);
  const license = textOf(find('license'));
  const link = linker({ container, functions, maps });
  let total = 0;
  const programs = programsAmong(functions).map((main) => {
    const linked = link(main);
    total += linked.code.length;
    if (total > MAX_BYTES)
      malformed(container.sections[main.section]!, main.start, 'VALUE', 'the programs are too large');
    return program(main, linked, license, btf, bytes);
  });
  return { programs, maps: maps.maps, license, btf };
}

function textOf(section: Section | undefined): string {
  const data = section?.data ?? new Uint8Array();
  const end = data.indexOf(0);
  return new TextDecoder().decode(end < 0 ? data : data.subarray(0, end));
}

function programsAmong(functions: readonly ElfFunction[]): ElfFunction[] {
  const entries = functions.filter(({ sectionName, global }) => sectionName !== TEXT && global);
  return entries.length > 0 ? entries : functions.filter(({ global }) => global);
}

function program(
  main: ElfFunction,
  linked: Linked,
  license: string,
  btf: Btf | undefined,
  bytes: Uint8Array | undefined,
): ElfProgram {
  const { code, relocations, functions } = linked;
  const core = btf ? coreOf(linked) : [];
  const unresolved = [...linked.unresolved, ...(btf ? openCore(core, btf) : [])];
  const types = btf && bytes && programBtf(linked, bytes);
  return {
    name: main.name.replace(/[^A-Za-z0-9_.]/g, '_').slice(0, NAME_LENGTH),
    ...{ symbol: main.name, section: main.sectionName, core },
    ...meaningOf(main.sectionName),
    ...{ license, code, relocations },
    locations: btf
      ? locationsOf(linked, btf)
      : new Array<undefined>(code.length / INSTRUCTION_SIZE).fill(undefined),
    functions: functions.map(({ function: { name }, index }) => ({ name, index })),
    ...(unresolved.length > 0 && { unresolved }),
    ...(types && { btf: types }),
  };
}

function coreOf({ functions }: Linked): ElfProgram['core'] {
  return functions.flatMap(({ function: { core, start }, index }) =>
    core.map((relocation) => ({
      index: index + Math.floor((relocation.offset - start) / INSTRUCTION_SIZE),
      relocation,
    })),
  );
}

const openCore = (core: ElfProgram['core'], btf: Btf): Unresolved[] =>
  core
    .filter(({ relocation }) => isOpen(relocation))
    .map(({ index, relocation }) => ({ kind: 'core', index, what: describeCore(btf, relocation) }));

function locationsOf({ code, functions }: Linked, btf: Btf): (SourceLocation | undefined)[] {
  const locations = new Array<SourceLocation | undefined>(code.length / INSTRUCTION_SIZE).fill(undefined);
  for (const {
    function: { lines, start, end },
    index,
  } of functions) {
    const units = (end - start) / INSTRUCTION_SIZE;
    lines.forEach(({ offset, file, text, line, column }, i) => {
      const from = Math.max(0, Math.floor((offset - start) / INSTRUCTION_SIZE));
      const to = i + 1 < lines.length ? Math.floor((lines[i + 1]!.offset - start) / INSTRUCTION_SIZE) : units;
      // Line 0 is the compiler's own doing.
      if (line === 0) return;
      const location = { file: btf.text(file), line, column, text: btf.text(text) };
      locations.fill(location, index + from, index + Math.min(to, units));
    });
  }
  return locations;
}

/** As the kernel takes it; undefined where the object does not know all functions. */
function programBtf({ functions }: Linked, data: Uint8Array): ProgramBtf | undefined {
  const moved = functions.map(({ function: { info, lines, start }, index }) => {
    const by = index * INSTRUCTION_SIZE - start;
    return {
      info: info && { ...info, offset: index * INSTRUCTION_SIZE },
      lines: lines.map((line) => ({ ...line, offset: line.offset + by })),
    };
  });
  const infos = moved.flatMap(({ info }) => info ?? []);
  if (infos.length < functions.length) return undefined;
  return { data, funcInfo: packFunctions(infos), lineInfo: packLines(moved.flatMap(({ lines }) => lines)) };
}
