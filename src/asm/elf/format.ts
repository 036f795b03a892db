// Programs as a relocatable BPF object, as clang would have made it: what libbpf, bpftool, tc and ip take. Types,
// lines and maps are BTF; there is no DWARF (llvm-objdump since 18 takes lines from BTF).
// libbpf wants each program to be a function in the section that names its type, subprograms in .text, maps in .maps
// and global data in sections of its own.

import { BTF_FUNC } from '../btf/abi.ts';
import { encodeBtf } from '../btf/btf.ts';
import { encodeBtfExt, type LineInfo, type SectionInfo } from '../btf/ext.ts';
import { addProgramFunction, addSubprogram } from '../btf/program.ts';
import { StringTable } from '../btf/strings.ts';
import { identifier, TypeTable } from '../btf/table.ts';
import type { TypeId } from '../btf/types.ts';
import type { MapSpec, Program } from '../program.ts';
import { R_BPF, SHF, SHT, STB, STT } from './abi.ts';
import { concat, type ElfSymbol, encodeContainer, type Relocation, type Section } from './container.ts';
import { type Placed, placeData, placeMaps } from './format-maps.ts';
import { type Piece, takeApart } from './functions.ts';
import { sectionFor } from './sections.ts';

const TEXT = '.text';
const CODE_FLAGS = SHF.ALLOC | SHF.EXECINSTR;
const encoder = new TextEncoder();

export interface ElfOptions {
  /** The section a program goes into; libbpf's for its type where left out (`tc`, `xdp`). */
  readonly section?: (program: Program) => string | undefined;
}

/** A function on its way into a section of code. */
interface Fragment extends Piece {
  readonly section: string;
  /** The program that it is, undefined for a subprogram. */
  readonly program: Program | undefined;
  /** What the names in its references mean, by name. */
  readonly callees: ReadonlyMap<string, string>;
}

/**
 * `programs` as one object file, which libbpf, bpftool, tc and ip load unchanged.
 *
 * @throws RangeError for what an object file cannot say: programs of different licences or of one name, a map that is
 * two different ones, direct access to the values of a map that is not global data.
 */
export function formatElf(programs: Program | readonly Program[], options: ElfOptions = {}): Uint8Array {
  const list = 'code' in programs ? [programs] : programs;
  const license = commonLicense(list);
  const strings = new StringTable();
  const table = new TypeTable();
  const functions = layOut(list, options, strings);
  const maps = mapsOf(list);

  const sections: Section[] = [section('', SHT.NULL, 0, new Uint8Array())];
  const locals: ElfSymbol[] = [NO_SYMBOL];
  const globals: ElfSymbol[] = [];
  const code = new Map<string, number>();
  for (const name of new Set(functions.map((piece) => piece.section))) {
    code.set(name, sections.length);
    const pieces = functions.filter((piece) => piece.section === name);
    sections.push(section(name, SHT.PROGBITS, CODE_FLAGS, concat(pieces.map((piece) => piece.code))));
    let value = 0;
    for (const piece of pieces) {
      const is = {
        name: piece.name,
        value,
        size: piece.code.length,
        section: code.get(name)!,
        type: STT.FUNC,
      };
      if (piece.program) globals.push({ ...is, binding: STB.GLOBAL, visibility: 0 });
      else locals.push({ ...is, binding: STB.LOCAL, visibility: 0 });
      value += piece.code.length;
    }
  }
  const object = (placed: Placed): void => {
    for (const { name, offset, size } of placed.variables) {
      globals.push({
        ...{ name, value: offset, size, section: sections.length },
        ...{ binding: STB.GLOBAL, type: STT.OBJECT, visibility: 0 },
      });
    }
    sections.push(placed.section);
  };
  for (const data of maps.filter(({ isData }) => isData)) object(placeData(table, data.map));
  const declared = maps.filter(({ isData }) => !isData).map(({ map }) => map);
  if (declared.length > 0) object(placeMaps(table, declared));
  const licenseBytes = encoder.encode(`${license}\0`);
  const licenseVariable = { name: '_license', offset: 0, size: licenseBytes.length };
  object({
    section: section('license', SHT.PROGBITS, SHF.ALLOC | SHF.WRITE, licenseBytes),
    variables: [licenseVariable],
  });

  const symbols = [...locals, ...globals];
  relocate(functions, code, sections, symbols);
  const info = [...code.keys()].map((name) =>
    sectionInfo(
      name,
      functions.filter((piece) => piece.section === name),
      table,
      strings,
    ),
  );
  sections.push(section('.BTF', SHT.PROGBITS, 0, encodeBtf(table.types, strings)));
  sections.push(section('.BTF.ext', SHT.PROGBITS, 0, encodeBtfExt(info)));
  return encodeContainer({ sections, symbols });
}

const NO_SYMBOL: ElfSymbol = {
  ...{ name: '', value: 0, size: 0, section: 0 },
  ...{ binding: STB.LOCAL, type: STT.NOTYPE, visibility: 0 },
};

/** An empty section of code or data; its relocations are added later. */
export const section = (name: string, type: number, flags: number, data: Uint8Array): Section => ({
  ...{ name, type, flags, data, size: data.length },
  relocations: [],
});

function commonLicense(programs: readonly Program[]): string {
  const licenses = new Set(programs.map(({ license }) => license));
  const [first = 'GPL'] = licenses;
  if (licenses.size <= 1) return first;
  throw new RangeError(`an object has one licence, these programs have ${[...licenses].join(', ')}`);
}

/** The functions of all programs and their names in the object, where a name is there once. */
function layOut(programs: readonly Program[], options: ElfOptions, strings: StringTable): Fragment[] {
  const functions: Fragment[] = [];
  const taken = new Map<string, string>();
  for (const program of programs) {
    const [main, ...subprograms] = takeApart(program, strings);
    if (main === undefined) throw new RangeError(`program ${program.name} has no instructions`);
    const where = options.section?.(program) ?? sectionFor(program.type);
    if (where === undefined)
      throw new RangeError(`program ${program.name}: no section for type ${program.type}`);
    if (taken.has(main.name)) throw new RangeError(`two programs are called ${main.name}`);
    taken.set(main.name, '');
    const callees = new Map<string, string>([[main.name, main.name]]);
    const fresh: Piece[] = [];
    for (const piece of subprograms) {
      const is = contentsOf(piece);
      let name = piece.name;
      // The same function of another program serves both; a different one of that name needs another name.
      for (let n = 2; taken.has(name) && taken.get(name) !== is; n++) name = `${piece.name}_${n}`;
      callees.set(piece.name, name);
      if (!taken.has(name)) fresh.push({ ...piece, name });
      taken.set(name, is);
    }
    functions.push({ ...main, section: where, program, callees });
    for (const piece of fresh) functions.push({ ...piece, section: TEXT, program: undefined, callees });
  }
  return functions;
}

/** What makes two functions the same one. */
const contentsOf = ({ code, references }: Piece): string =>
  JSON.stringify([
    Array.from(code),
    references.map((reference) => ({ ...reference, ...('map' in reference && { map: reference.map.name }) })),
  ]);

interface UsedMap {
  readonly map: MapSpec;
  /** Addressed directly or with contents from the start: it gets a section of its own. */
  readonly isData: boolean;
}

function mapsOf(programs: readonly Program[]): UsedMap[] {
  const maps = new Map<string, { map: MapSpec; direct: boolean; indirect: boolean }>();
  for (const { relocations } of programs) {
    for (const { map, valueOffset } of relocations) {
      const direct = valueOffset !== undefined;
      const known = maps.get(map.name) ?? { map, direct: false, indirect: false };
      if (!sameMap(known.map, map)) throw new RangeError(`map ${map.name} is two different maps`);
      maps.set(map.name, { map, direct: known.direct || direct, indirect: known.indirect || !direct });
    }
  }
  return [...maps.values()].map(({ map, direct, indirect }) => {
    const isData = direct || map.initial !== undefined;
    if (isData && (indirect || map.type !== 'array' || map.maxEntries !== 1)) {
      throw new RangeError(
        `map ${map.name}: an object file has initial or directly addressed values only in arrays of one entry that are used in no other way`,
      );
    }
    return { map, isData };
  });
}

const sameMap = (a: MapSpec, b: MapSpec): boolean =>
  a === b ||
  (['type', 'keySize', 'valueSize', 'maxEntries', 'flags'] as const).every((field) => a[field] === b[field]);

/** Puts the relocations of all functions into their sections. */
function relocate(
  functions: readonly Fragment[],
  code: ReadonlyMap<string, number>,
  sections: Section[],
  symbols: readonly ElfSymbol[],
): void {
  const indexOf = new Map(symbols.map(({ name, type }, index) => [`${type} ${name}`, index]));
  const relocations = new Map<string, Relocation[]>();
  const ends = new Map<string, number>();
  for (const { section: name, code: bytes, references, callees } of functions) {
    const start = ends.get(name) ?? 0;
    const list = relocations.get(name) ?? [];
    for (const reference of references) {
      const target =
        reference.kind === 'map'
          ? `${STT.OBJECT} ${identifier(reference.map.name)}`
          : `${STT.FUNC} ${callees.get(reference.to)}`;
      const type = reference.kind === 'call' ? R_BPF['64_32'] : R_BPF['64_64'];
      list.push({ offset: start + reference.offset, type, symbol: indexOf.get(target)! });
    }
    relocations.set(name, list);
    ends.set(name, start + bytes.length);
  }
  for (const [name, list] of relocations) {
    const index = code.get(name)!;
    sections[index] = { ...sections[index]!, relocations: list };
  }
}

function sectionInfo(
  name: string,
  pieces: readonly Fragment[],
  table: TypeTable,
  strings: StringTable,
): SectionInfo {
  let start = 0;
  const functions: { offset: number; type: TypeId }[] = [];
  const lines: LineInfo[] = [];
  for (const piece of pieces) {
    const type = piece.program
      ? addProgramFunction(table, piece.name, piece.program.type, BTF_FUNC.GLOBAL)
      : addSubprogram(table, piece.name);
    functions.push({ offset: start, type });
    for (const line of piece.lines) lines.push({ ...line, offset: line.offset + start });
    start += piece.code.length;
  }
  return { section: strings.add(name), functions, lines, core: [] };
}
