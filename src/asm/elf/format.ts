// Programs as a relocatable BPF object, as clang would have made it: what libbpf, bpftool, tc and ip take. Types,
// lines and maps are BTF; there is no DWARF (llvm-objdump since 18 takes lines from BTF).
// libbpf wants each program to be a function in the section that names its type, subprograms in .text, maps in .maps
// and global data in sections of its own.

import { encodeBtf } from '../btf/btf.ts';
import { encodeBtfExt } from '../btf/ext.ts';
import { StringTable } from '../btf/strings.ts';
import { identifier, TypeTable } from '../btf/table.ts';
import type { MapSpec, Program } from '../program.ts';
import { SHF, SHN_UNDEF, SHT, STB, STT } from './abi.ts';
import { type ElfSymbol, encodeContainer, type Section } from './container.ts';
import { layOut, link, sectionInfo, TEXT } from './format-code.ts';
import { type NamedMap, type Placed, placeData, placeMaps } from './format-maps.ts';

const CODE_FLAGS = SHF.ALLOC | SHF.EXECINSTR;
const encoder = new TextEncoder();

export interface ElfOptions {
  /** The section a program goes into; libbpf's for its type where left out (`tc`, `xdp`). */
  readonly section?: (program: Program) => string | undefined;
}

/**
 * `programs` as one object file, which libbpf, bpftool, tc and ip load unchanged.
 *
 * @throws RangeError for what an object file cannot say: programs of different licences or of one name, a map that is
 * two different ones, direct access to the values of a map that is not global data.
 */
export function formatElf(programs: Program | readonly Program[], options: ElfOptions = {}): Uint8Array {
  const list = 'code' in programs ? [programs] : programs;
  const strings = new StringTable();
  const table = new TypeTable();
  const functions = layOut(list, strings, (program) => options.section?.(program));
  const maps = mapsOf(list);
  const sections: Section[] = [section('', SHT.NULL, 0, new Uint8Array())];
  const add = (each: Section): number => sections.push(each) - 1;

  const names = [...new Set(functions.map((piece) => piece.section))];
  const code = new Map(
    names.map((name) => [name, add(section(name, SHT.PROGBITS, CODE_FLAGS, new Uint8Array()))]),
  );
  const text = code.get(TEXT) ?? SHN_UNDEF;
  const whole: ElfSymbol = { ...NO_SYMBOL, section: text, type: STT.SECTION };
  const locals = text === SHN_UNDEF ? [NO_SYMBOL] : [NO_SYMBOL, whole];
  const globals: ElfSymbol[] = [];
  for (const { name, section: within, start, code: bytes, program } of functions) {
    const symbol = {
      name,
      value: start,
      size: bytes.length,
      section: code.get(within)!,
      type: STT.FUNC,
      visibility: 0,
    };
    if (program) globals.push({ ...symbol, binding: STB.GLOBAL });
    else locals.push({ ...symbol, binding: STB.LOCAL });
  }
  const place = (placed: Placed): void => {
    const index = add(placed.section);
    for (const { name, offset, size } of placed.variables) {
      globals.push({
        ...NO_SYMBOL,
        name,
        value: offset,
        size,
        section: index,
        binding: STB.GLOBAL,
        type: STT.OBJECT,
      });
    }
  };
  for (const { symbol, map } of maps.filter(({ isData }) => isData)) place(placeData(table, symbol, map));
  const declared = maps.filter(({ isData }) => !isData);
  if (declared.length > 0) place(placeMaps(table, declared));
  place(placeLicense(commonLicense(list)));

  const symbols = [...locals, ...globals];
  const symbolOf = new Map(maps.map(({ map, symbol }) => [map.name, symbol]));
  const indexOf = new Map(symbols.flatMap(({ name, type }, i) => (type === STT.OBJECT ? [[name, i]] : [])));
  const numbers = { text: SECTION_SYMBOL, map: (name: string) => indexOf.get(symbolOf.get(name) ?? '')! };
  const info = [...code].map(([name, index]) => {
    const pieces = functions.filter((piece) => piece.section === name);
    const { code: data, relocations } = link(pieces, functions, numbers);
    sections[index] = { ...sections[index]!, data, size: data.length, relocations };
    return sectionInfo(name, pieces, table, strings);
  });
  add(section('.BTF', SHT.PROGBITS, 0, encodeBtf(table.types, strings)));
  add(section('.BTF.ext', SHT.PROGBITS, 0, encodeBtfExt(info)));
  return encodeContainer({ sections, symbols });
}

/** Number of the symbol for the whole of .text. */
const SECTION_SYMBOL = 1;
const NO_SYMBOL: ElfSymbol = {
  ...{ name: '', value: 0, size: 0, section: 0 },
  ...{ binding: STB.LOCAL, type: STT.NOTYPE, visibility: 0 },
};

/** An empty section of code or data; its relocations are added later. */
export const section = (name: string, type: number, flags: number, data: Uint8Array): Section => ({
  ...{ name, type, flags, data, size: data.length },
  relocations: [],
});

function placeLicense(license: string): Placed {
  const data = encoder.encode(`${license}\0`);
  return {
    section: section('license', SHT.PROGBITS, SHF.ALLOC | SHF.WRITE, data),
    variables: [{ name: '_license', offset: 0, size: data.length }],
  };
}

function commonLicense(programs: readonly Program[]): string {
  const licenses = new Set(programs.map(({ license }) => license));
  const [first = 'GPL'] = licenses;
  if (licenses.size <= 1) return first;
  throw new RangeError(`an object has one licence, these programs have ${[...licenses].join(', ')}`);
}

interface UsedMap extends NamedMap {
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
  const symbols = new Set<string>();
  return [...maps.values()].map(({ map, direct, indirect }) => {
    const isData = direct || map.initial !== undefined;
    if (isData && (indirect || map.type !== 'array' || map.maxEntries !== 1)) {
      throw new RangeError(
        `map ${map.name}: an object file has initial or directly addressed values only in arrays of one entry that are used in no other way`,
      );
    }
    // A map's name may have dots, a variable's may not.
    let symbol = identifier(map.name.replace(/^\.+/, ''));
    while (symbols.has(symbol)) symbol += '_';
    symbols.add(symbol);
    return { map, symbol, isData };
  });
}

const sameMap = (a: MapSpec, b: MapSpec): boolean =>
  a === b ||
  (['type', 'keySize', 'valueSize', 'maxEntries', 'flags'] as const).every((field) => a[field] === b[field]);
