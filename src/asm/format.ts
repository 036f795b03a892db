// A program as text for people and for other tools: a listing, hex bytes, a C array, JSON.

import { disassemble } from './disassemble.ts';
import { decodeInstructions, unitsOf } from './encoding.ts';
import type { Instruction } from './instruction.ts';
import { INSTRUCTION_SIZE } from './isa.ts';
import type { MapSpec, Program, SourceLocation } from './program.ts';

/**
 * A listing in the kernel's syntax, with the source line above the instructions it emitted (its text too, where that
 * is known: `withSources`) and the names of functions above these.
 */
export function formatAsm(program: Program): string {
  const { locations, functions = [], unresolved = [] } = program;
  const names = new Map(functions.length > 1 ? functions.map(({ index, name }) => [index, name]) : []);
  const lines = [
    `; ${program.name}: ${program.type}, ${program.code.length / INSTRUCTION_SIZE} instructions`,
  ];
  let previous = '';
  for (const { unit, instruction } of withMaps(program)) {
    const location = locations[unit];
    const name = names.get(unit);
    if (name !== undefined) lines.push(`; ${name}:`);
    const text = location?.text?.trim() ? `: ${location.text.trim()}` : '';
    const comment = location ? `${shortened(location)}:${location.line}${text}` : '';
    if (comment && comment !== previous) lines.push(`; ${comment}`);
    previous = comment;
    lines.push(`${String(unit).padStart(4)}: ${disassemble(instruction)}`);
    for (const { index, what } of unresolved)
      if (index === unit) lines.push(`      ; to be filled in: ${what}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The bytes, one 8-byte unit a line, as they lie in memory. Map descriptors are zero. */
export function formatHex(program: Program): string {
  return unitsAsHex(program.code)
    .map((bytes) => `${bytes.join(' ')}\n`)
    .join('');
}

/** A C array of the bytes, and the maps whose descriptors belong at the named instructions. */
export function formatC(program: Program): string {
  const units = unitsAsHex(program.code).map((bytes) => `  ${bytes.map((byte) => `0x${byte}`).join(', ')},`);
  const relocations = program.relocations.map(({ index, map }) => ` *   instruction ${index}: ${map.name}`);
  return [
    `/* ${program.name}: ${program.type}, ${units.length} instructions, licence ${program.license.replaceAll('/', ' ')}.`,
    ...(relocations.length > 0
      ? [' * To be filled with map descriptors before loading:', ...relocations]
      : []),
    ' */',
    `static const unsigned char ${identifier(program.name)}[${program.code.length}] __attribute__((aligned(8))) = {`,
    ...units,
    '};',
    '',
  ].join('\n');
}

/** A C identifier: a prefix makes one of keywords and leading digits. */
const identifier = (name: string): string => `prog_${name.replaceAll('.', '_')}`;

/** What `formatJson` prints. */
export interface ProgramJson {
  readonly name: string;
  readonly type: string;
  readonly license: string;
  readonly instructions: readonly {
    readonly index: number;
    /** The 8 or 16 bytes. */
    readonly hex: string;
    readonly text: string;
    readonly map?: string;
    readonly source?: SourceLocation;
  }[];
  readonly maps: readonly MapSpec[];
}

/** Everything about the program as plain data. */
export function programJson(program: Program): ProgramJson {
  const { name, type, license, relocations, locations } = program;
  const hex = unitsAsHex(program.code).map((bytes) => bytes.join(''));
  const maps = new Map(relocations.map(({ map }) => [map.name, map]));
  return {
    name,
    type,
    license,
    instructions: withMaps(program).map(({ unit, instruction }) => {
      const source = locations[unit];
      return {
        index: unit,
        hex: hex.slice(unit, unit + unitsOf(instruction)).join(''),
        text: disassemble(instruction),
        ...(instruction.map && { map: instruction.map.name }),
        ...(source && { source }),
      };
    }),
    maps: [...maps.values()].map(({ name, type, keySize, valueSize, maxEntries, flags }) => {
      return { name, type, keySize, valueSize, maxEntries, flags };
    }),
  };
}

export function formatJson(program: Program): string {
  return `${JSON.stringify(programJson(program), null, 2)}\n`;
}

function withMaps(program: Program): { unit: number; instruction: Instruction }[] {
  const maps = new Map(program.relocations.map(({ index, map }) => [index, map]));
  let unit = 0;
  return decodeInstructions(program.code).map((decoded) => {
    const at = unit;
    unit += unitsOf(decoded);
    const map = maps.get(at);
    return { unit: at, instruction: map ? { ...decoded, map } : decoded };
  });
}

function unitsAsHex(code: Uint8Array): string[][] {
  const bytes = Array.from(code, (byte) => byte.toString(16).padStart(2, '0'));
  return Array.from({ length: code.length / INSTRUCTION_SIZE }, (_, i) =>
    bytes.slice(i * INSTRUCTION_SIZE, (i + 1) * INSTRUCTION_SIZE),
  );
}

/** The path from the source folder on, where there is one. */
function shortened({ file }: SourceLocation): string {
  return /(?:^|\/)((?:src|dist)\/.*)$/.exec(file)?.[1] ?? file;
}
