// A program taken apart into its functions, each with what it refers to: maps and other functions. In an object file
// every function stands for itself and references are relocations.

import type { LineInfo } from '../btf/ext.ts';
import { linesOf } from '../btf/lines.ts';
import type { StringTable } from '../btf/strings.ts';
import { BPF_PSEUDO_FUNC, functionReferences, functionsOf } from '../functions.ts';
import { INSTRUCTION_SIZE, PSEUDO } from '../isa.ts';
import { LITTLE_ENDIAN } from '../layout.ts';
import type { MapSpec, Program } from '../program.ts';

/** A reference of a function: to the value of a map, a map, or another function, by name. */
export type Reference = { readonly offset: number } & (
  | { readonly kind: 'map'; readonly map: MapSpec; readonly valueOffset: number | undefined }
  | { readonly kind: 'call' | 'address'; readonly to: string }
);

export interface Piece {
  readonly name: string;
  /** With nothing in place of what `references` name. */
  readonly code: Uint8Array;
  readonly references: readonly Reference[];
  /** Offsets in bytes from the start of the piece. */
  readonly lines: readonly LineInfo[];
}

const LD_IMM64 = 0x18;
const IMMEDIATE = 4;
const REGISTERS = 1;

/** The functions of `program`, itself first. `strings` takes the texts of its lines. */
export function takeApart(program: Program, strings: StringTable): Piece[] {
  const functions = functionsOf(program);
  const nameAt = new Map(functions.map(({ index, name }) => [index, name]));
  const lines = linesOf(program, functions, strings);
  const references: Reference[] = [
    ...program.relocations.map(
      ({ index, map, valueOffset }): Reference => ({
        ...{ kind: 'map', offset: index * INSTRUCTION_SIZE, map, valueOffset },
      }),
    ),
    ...functionReferences(program.code).map(({ index, target }): Reference => {
      const offset = index * INSTRUCTION_SIZE;
      const to = nameAt.get(target);
      if (to === undefined)
        throw new RangeError(`program ${program.name}: instruction ${index} calls no function`);
      return { kind: program.code[offset] === LD_IMM64 ? 'address' : 'call', offset, to };
    }),
  ];
  return functions.map(({ name, index }, i) => {
    const start = index * INSTRUCTION_SIZE;
    const end = (functions[i + 1]?.index ?? program.code.length / INSTRUCTION_SIZE) * INSTRUCTION_SIZE;
    const inside = <T extends { readonly offset: number }>(items: readonly T[]): T[] =>
      items
        .filter(({ offset }) => offset >= start && offset < end)
        .map((item) => ({ ...item, offset: item.offset - start }));
    const own = inside(references);
    const code = program.code.slice(start, end);
    for (const reference of own) clear(code, reference, program);
    return { name, code, references: own, lines: inside(lines) };
  });
}

/** Leaves in an instruction what an unlinked object has there: the offset inside the symbol. */
function clear(code: Uint8Array, reference: Reference, program: Program): void {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const at = reference.offset;
  const imm = (value: number): void => view.setInt32(at + IMMEDIATE, value, LITTLE_ENDIAN);
  if (reference.kind === 'call') {
    // Counted from the instruction behind the symbol, as if that were this one.
    imm(-1);
    return;
  }
  if (code[at] !== LD_IMM64 || at + 2 * INSTRUCTION_SIZE > code.length) {
    throw new RangeError(
      `program ${program.name}: no ld_imm64 at byte ${at} of a function to put a reference in`,
    );
  }
  const upper = INSTRUCTION_SIZE + IMMEDIATE;
  // clang leaves the offset in the lower half; what kind of reference it is, a loader knows from the symbol.
  imm(reference.kind === 'map' ? (reference.valueOffset ?? 0) : 0);
  view.setInt32(at + upper, 0, LITTLE_ENDIAN);
  const registers = view.getUint8(at + REGISTERS);
  const source = reference.kind === 'address' ? BPF_PSEUDO_FUNC : PSEUDO.IMM;
  const cleared = LITTLE_ENDIAN ? (registers & 0x0f) | (source << 4) : (registers & 0xf0) | source;
  view.setUint8(at + REGISTERS, cleared);
}
