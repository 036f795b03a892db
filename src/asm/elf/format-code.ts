// The code of an object file: which function lies in which section, and the relocations for what each refers to.
// A subprogram is known by its place in .text, as clang has it, since libbpf takes a local function by no other name.

import { BTF_FUNC } from '../btf/abi.ts';
import type { LineInfo, SectionInfo } from '../btf/ext.ts';
import { addProgramFunction, addSubprogram } from '../btf/program.ts';
import type { StringTable } from '../btf/strings.ts';
import type { TypeTable } from '../btf/table.ts';
import type { TypeId } from '../btf/types.ts';
import { INSTRUCTION_SIZE } from '../isa.ts';
import { LITTLE_ENDIAN } from '../layout.ts';
import type { Program } from '../program.ts';
import { R_BPF } from './abi.ts';
import { concat, type Relocation } from './container.ts';
import { type Piece, takeApart } from './functions.ts';
import { sectionFor } from './sections.ts';

export const TEXT = '.text';
const IMMEDIATE = 4;

/** A function in its section. */
export interface Fragment extends Piece {
  readonly section: string;
  /** The program that it is, undefined for a subprogram. */
  readonly program: Program | undefined;
  /** In bytes from the start of the section. */
  readonly start: number;
  /** What the names in its references mean, by name. */
  readonly callees: ReadonlyMap<string, string>;
}

/** The functions of all programs and their names in the object, where a name is there once. */
export function layOut(
  programs: readonly Program[],
  strings: StringTable,
  sectionOf: (program: Program) => string | undefined,
): Fragment[] {
  const functions: Fragment[] = [];
  const ends = new Map<string, number>();
  const add = (piece: Omit<Fragment, 'start'>): void => {
    const start = ends.get(piece.section) ?? 0;
    functions.push({ ...piece, start });
    ends.set(piece.section, start + piece.code.length);
  };
  const taken = new Map<string, string>();
  for (const program of programs) {
    const [main, ...subprograms] = takeApart(program, strings);
    if (program.unresolved?.length)
      throw new RangeError(`program ${program.name} lacks ${program.unresolved[0]?.what}`);
    if (main === undefined) throw new RangeError(`program ${program.name} has no instructions`);
    const where = sectionOf(program) ?? sectionFor(program.type);
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
    add({ ...main, section: where, program, callees });
    for (const piece of fresh) add({ ...piece, section: TEXT, program: undefined, callees });
  }
  return functions;
}

/** What makes two functions the same one. */
const contentsOf = ({ code, references }: Piece): string =>
  JSON.stringify([
    Array.from(code),
    references.map((reference) => ({ ...reference, ...('map' in reference && { map: reference.map.name }) })),
  ]);

/** The bytes of a section and its relocations. */
export function link(
  pieces: readonly Fragment[],
  all: readonly Fragment[],
  symbols: { readonly text: number; readonly map: (name: string) => number },
): { code: Uint8Array; relocations: Relocation[] } {
  const code = concat(pieces.map((piece) => piece.code));
  const view = new DataView(code.buffer);
  const places = new Map(all.map(({ name, start }) => [name, start]));
  const relocations = pieces.flatMap(({ start, references, callees }) =>
    references.map((reference): Relocation => {
      const offset = start + reference.offset;
      if (reference.kind === 'map') {
        return { offset, type: R_BPF['64_64'], symbol: symbols.map(reference.map.name) };
      }
      const target = places.get(callees.get(reference.to) ?? '') ?? 0;
      const call = reference.kind === 'call';
      // A call counts in instructions from the one behind it, an address in bytes.
      const addend = call ? target / INSTRUCTION_SIZE - 1 : target;
      view.setInt32(offset + IMMEDIATE, addend, LITTLE_ENDIAN);
      return { offset, type: call ? R_BPF['64_32'] : R_BPF['64_64'], symbol: symbols.text };
    }),
  );
  return { code, relocations };
}

/** What .BTF.ext says of the section `name`, which has these functions. */
export function sectionInfo(
  name: string,
  pieces: readonly Fragment[],
  table: TypeTable,
  strings: StringTable,
): SectionInfo {
  const functions = pieces.map(({ name: symbol, program, start }): { offset: number; type: TypeId } => ({
    offset: start,
    type: program
      ? addProgramFunction(table, symbol, program.type, BTF_FUNC.GLOBAL)
      : addSubprogram(table, symbol),
  }));
  const lines = pieces.flatMap(({ lines: own, start }): LineInfo[] =>
    own.map((line) => ({ ...line, offset: line.offset + start })),
  );
  return { section: strings.add(name), functions, lines, core: [] };
}
