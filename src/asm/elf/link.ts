// Makes one program out of a function and all it calls: subprograms are put behind it, calls and addresses filled in,
// maps become relocations of the program (libbpf.c, bpf_object__relocate).

import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC } from '../functions.ts';
import { INSTRUCTION_SIZE } from '../isa.ts';
import { LITTLE_ENDIAN } from '../layout.ts';
import type { MapRelocation, Unresolved } from '../program.ts';
import { R_BPF, SHN_UNDEF, STB, STT } from './abi.ts';
import { type Container, malformed, type Relocation, type Section } from './container.ts';
import { setSource } from './core-patch.ts';
import type { ElfFunction } from './read-functions.ts';
import type { MapIndex } from './read-maps.ts';

const CALL = 0x85;
const LD_IMM64 = 0x18;
const REGISTERS = 1;
const IMMEDIATE = 4;
/** BPF_COMPLEXITY_LIMIT_INSNS: what a kernel takes at most. */
const MAX_INSTRUCTIONS = 1_000_000;

/** What an object has, to link programs from. */
export interface Linkable {
  readonly container: Container;
  readonly functions: readonly ElfFunction[];
  readonly maps: MapIndex;
}

export interface Linked {
  readonly code: Uint8Array;
  readonly relocations: readonly MapRelocation[];
  /** Each function with the index of its first instruction, in 8-byte units. */
  readonly functions: readonly { readonly function: ElfFunction; readonly index: number }[];
  readonly unresolved: readonly Unresolved[];
}

/** A function that links programs; what it has found out serves the next one. @throws MalformedError */
export function linker(object: Linkable): (main: ElfFunction) => Linked {
  const { sections } = object.container;
  const starts = new Map(object.functions.map((each) => [`${each.section} ${each.start}`, each]));
  const references = new Map<ElfFunction, Reference[]>();
  const referencesOf = (of: ElfFunction): Reference[] => {
    const known = references.get(of) ?? collect(object, of, starts);
    references.set(of, known);
    return known;
  };
  return (main) => {
    const places = new Map<ElfFunction, number>();
    const order: ElfFunction[] = [];
    let units = 0;
    const add = (each: ElfFunction): void => {
      if (places.has(each)) return;
      places.set(each, units);
      order.push(each);
      units += (each.end - each.start) / INSTRUCTION_SIZE;
      if (units > MAX_INSTRUCTIONS) {
        malformed(
          sections[main.section]!,
          main.start,
          'VALUE',
          `${main.name} has over ${MAX_INSTRUCTIONS} instructions`,
        );
      }
    };
    add(main);
    for (const each of order) {
      for (const reference of referencesOf(each)) if (reference.kind === 'function') add(reference.to);
    }
    const code = new Uint8Array(units * INSTRUCTION_SIZE);
    const relocations: MapRelocation[] = [];
    const unresolved: Unresolved[] = [];
    for (const each of order) {
      const place = places.get(each)!;
      code.set(sections[each.section]!.data.subarray(each.start, each.end), place * INSTRUCTION_SIZE);
      for (const reference of referencesOf(each)) {
        const index = place + (reference.offset - each.start) / INSTRUCTION_SIZE;
        if (reference.kind === 'map') relocations.push(fillMap(code, index, reference));
        else if (reference.kind === 'function') fillFunction(code, index, places.get(reference.to)!);
        else unresolved.push({ kind: reference.kind, index, what: reference.what, name: reference.name });
      }
    }
    return {
      code,
      relocations,
      functions: order.map((each) => ({ function: each, index: places.get(each)! })),
      unresolved,
    };
  };
}

/** What an instruction refers to. `offset` is in bytes from the start of the section. */
type Reference = { readonly offset: number } & (
  | { readonly kind: 'function'; readonly to: ElfFunction }
  | { readonly kind: 'map'; readonly map: MapRelocation['map']; readonly valueOffset: number | undefined }
  | { readonly kind: 'extern' | 'kfunc'; readonly what: string; readonly name: string }
);

type Starts = ReadonlyMap<string, ElfFunction>;

function collect(object: Linkable, of: ElfFunction, starts: Starts): Reference[] {
  const section = object.container.sections[of.section]!;
  const view = new DataView(section.data.buffer, section.data.byteOffset, section.data.length);
  const relocated = new Set<number>();
  const found: Reference[] = [];
  for (const relocation of of.relocations) {
    const { offset } = relocation;
    if (relocation.type === R_BPF.NONE) continue;
    if (offset % INSTRUCTION_SIZE !== 0 || offset + INSTRUCTION_SIZE > of.end) {
      malformed(section, offset, 'VALUE', 'a relocation that is at no instruction');
    }
    relocated.add(offset);
    found.push(resolve(object, section, view, relocation, of, starts));
  }
  for (let at = of.start; at < of.end; at += INSTRUCTION_SIZE) {
    const opcode = view.getUint8(at);
    // Within a section a compiler may fill in the distance itself.
    if (opcode === CALL && sourceOf(view, at) === BPF_PSEUDO_CALL && !relocated.has(at)) {
      const target = at + (view.getInt32(at + IMMEDIATE, LITTLE_ENDIAN) + 1) * INSTRUCTION_SIZE;
      found.push({ kind: 'function', offset: at, to: functionAt(section, at, of.section, target, starts) });
    }
    if (opcode === LD_IMM64) {
      at += INSTRUCTION_SIZE;
      // Of the second half all but the immediate is zero.
      if (at >= of.end || view.getUint32(at) !== 0) {
        malformed(section, at, 'VALUE', 'a ld_imm64 without its second half');
      }
    }
  }
  return found;
}

const sourceOf = (view: DataView, at: number): number =>
  LITTLE_ENDIAN ? view.getUint8(at + REGISTERS) >> 4 : view.getUint8(at + REGISTERS) & 0xf;

function functionAt(
  section: Section,
  at: number,
  index: number,
  target: number,
  starts: Starts,
): ElfFunction {
  return (
    starts.get(`${index} ${target}`) ??
    malformed(section, at, 'REFERENCE', `there is no function at byte ${target}`)
  );
}

function resolve(
  { container, maps }: Linkable,
  section: Section,
  view: DataView,
  { offset, type, symbol: symbolIndex }: Relocation,
  of: ElfFunction,
  starts: Starts,
): Reference {
  const symbol = container.symbols[symbolIndex]!;
  const opcode = view.getUint8(offset);
  const addend = view.getInt32(offset + IMMEDIATE, LITTLE_ENDIAN);
  if (type === R_BPF['64_32'] && opcode === CALL) {
    if (symbol.section === SHN_UNDEF) {
      return { kind: 'kfunc', offset, what: `the kernel's function ${symbol.name}`, name: symbol.name };
    }
    // Counted in instructions from the one behind the symbol.
    const target = symbol.value + (addend + 1) * INSTRUCTION_SIZE;
    return { kind: 'function', offset, to: functionAt(section, offset, symbol.section, target, starts) };
  }
  if (type !== R_BPF['64_64'] || opcode !== LD_IMM64 || offset + 2 * INSTRUCTION_SIZE > of.end) {
    return malformed(
      section,
      offset,
      'UNSUPPORTED',
      `a relocation of type ${type} at an instruction of opcode ${opcode}`,
    );
  }
  if (symbol.section === SHN_UNDEF) {
    const weak = symbol.binding === STB.WEAK ? ' (weak)' : '';
    const what = `${symbol.name}${weak}, which is defined elsewhere`;
    return { kind: 'extern', offset, what, name: symbol.name };
  }
  const value = symbol.value + addend;
  const data = maps.dataIn(symbol.section);
  if (data !== undefined) {
    if (value < 0 || value >= data.valueSize)
      malformed(section, offset, 'REFERENCE', `no byte ${value} of ${data.symbol}`);
    return { kind: 'map', offset, map: data, valueOffset: value };
  }
  const map = maps.declaredAt(symbol.section, symbol.type === STT.SECTION ? value : symbol.value);
  if (map !== undefined) return { kind: 'map', offset, map, valueOffset: undefined };
  return { kind: 'function', offset, to: functionAt(section, offset, symbol.section, value, starts) };
}

/** Leaves the immediate empty: it is the loader's to fill. */
function fillMap(code: Uint8Array, index: number, reference: Reference & { kind: 'map' }): MapRelocation {
  const { map, valueOffset } = reference;
  setImmediate64(code, index, 0, valueOffset ?? 0);
  setSource(code, index, valueOffset === undefined ? BPF_PSEUDO_MAP_FD : BPF_PSEUDO_MAP_VALUE);
  return { index, map, ...(valueOffset !== undefined && { valueOffset }) };
}

const BPF_PSEUDO_MAP_FD = 1;
const BPF_PSEUDO_MAP_VALUE = 2;

function fillFunction(code: Uint8Array, index: number, target: number): void {
  const wide = code[index * INSTRUCTION_SIZE] === LD_IMM64;
  const distance = target - (index + 1);
  if (wide) setImmediate64(code, index, distance, 0);
  else viewOf(code).setInt32(index * INSTRUCTION_SIZE + IMMEDIATE, distance, LITTLE_ENDIAN);
  setSource(code, index, wide ? BPF_PSEUDO_FUNC : BPF_PSEUDO_CALL);
}

function setImmediate64(code: Uint8Array, index: number, low: number, high: number): void {
  const view = viewOf(code);
  view.setInt32(index * INSTRUCTION_SIZE + IMMEDIATE, low, LITTLE_ENDIAN);
  view.setInt32((index + 1) * INSTRUCTION_SIZE + IMMEDIATE, high, LITTLE_ENDIAN);
}

const viewOf = (code: Uint8Array): DataView => new DataView(code.buffer, code.byteOffset, code.byteLength);
