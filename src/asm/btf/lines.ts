// The lines of a program as BTF has them: a record where the line changes.

import { INSTRUCTION_SIZE } from '../isa.ts';
import type { ProgramFunction, SourceLocation } from '../program.ts';
import type { LineInfo } from './ext.ts';
import type { StringTable } from './strings.ts';

const LD_IMM64 = 0x18;

/** What has code, functions and lines: a program. */
export interface Located {
  readonly code: Uint8Array;
  readonly locations: readonly (SourceLocation | undefined)[];
}

/**
 * The line records of a program, offsets in bytes. The first instruction of each function has one; where nothing is
 * known of it, it has the next line of that function that is. None at all when no line is known.
 */
export function linesOf(
  program: Located,
  functions: readonly ProgramFunction[],
  strings: StringTable,
): LineInfo[] {
  const { code, locations } = program;
  if (!locations.some((location) => location !== undefined)) return [];
  const units = code.length / INSTRUCTION_SIZE;
  const starts = new Map(functions.map(({ index }, i) => [index, functions[i + 1]?.index ?? units]));
  const lines: LineInfo[] = [];
  let previous: LineInfo | undefined;
  for (let unit = 0; unit < units; unit++) {
    const end = starts.get(unit);
    let location = locations[unit];
    if (end !== undefined) {
      previous = undefined;
      location ??= locations.slice(unit, end).find((other) => other !== undefined) ?? NOWHERE;
    }
    if (location !== undefined) {
      const line = record(unit * INSTRUCTION_SIZE, location, strings);
      if (previous === undefined || !sameLine(line, previous)) lines.push(line);
      previous = line;
    }
    // Its second half is no instruction, so no line can begin there.
    if (code[unit * INSTRUCTION_SIZE] === LD_IMM64) unit++;
  }
  return lines;
}

const NOWHERE: SourceLocation = { file: '', line: 0, column: 0, text: '' };

function record(offset: number, location: SourceLocation, strings: StringTable): LineInfo {
  const { file, line, column } = location;
  // Kernels before 6.9 print the text alone, so one that is not known makes way for its place.
  const text = location.text?.trimEnd() ?? `${file.slice(file.lastIndexOf('/') + 1)}:${line}`;
  return { offset, file: strings.add(clean(file)), text: strings.add(clean(text)), line, column };
}

const clean = (text: string): string => text.replaceAll('\0', '');

const sameLine = (a: LineInfo, b: LineInfo): boolean =>
  a.file === b.file && a.line === b.line && a.column === b.column && a.text === b.text;
