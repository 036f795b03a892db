// Watching a run, instruction by instruction. A watcher gets plain data and cannot change anything.

import {
  decodeInstructions,
  disassemble,
  INSTRUCTION_SIZE,
  type Program,
  type SourceLocation,
} from '../asm/index.ts';

export interface Step {
  readonly program: Program;
  /** Index of the instruction, in 8-byte units. */
  readonly index: number;
  /** Index of the one that comes next; undefined where the program is over. */
  readonly next: number | undefined;
  /** Calls nested so far. */
  readonly depth: number;
  /** r0 to r10 after the instruction, as 64 unsigned bits; undefined where nothing was written yet. */
  registers(): (bigint | undefined)[];
}

/** Called after each instruction. */
export type Watcher = (step: Step) => void;

/** The instruction at `index` as the disassembler prints it. */
export function textAt({ code, relocations }: Program, index: number): string {
  const rest = code.subarray(index * INSTRUCTION_SIZE, (index + 2) * INSTRUCTION_SIZE);
  if (rest.length < INSTRUCTION_SIZE) return 'end of program';
  const map = relocations.find((relocation) => relocation.index === index)?.map;
  try {
    return disassemble({ ...decodeInstructions(rest)[0]!, ...(map && { map }) });
  } catch {
    // The first of the two units is a whole instruction, the second is half of one.
    return disassemble(decodeInstructions(rest.subarray(0, INSTRUCTION_SIZE))[0]!);
  }
}

/** A program may work its locations out each time it is asked. */
const known = new WeakMap<Program, readonly (SourceLocation | undefined)[]>();

function locationAt(program: Program, index: number): SourceLocation | undefined {
  const locations = known.get(program) ?? program.locations;
  known.set(program, locations);
  return locations[index];
}

/** A line for people: where, what, and the registers it left behind. */
export function formatStep(step: Step): string {
  const location = locationAt(step.program, step.index);
  const where = location ? ` ; ${location.file}:${location.line}` : '';
  const registers = step
    .registers()
    .flatMap((value, register) => (value === undefined ? [] : [`r${register}=0x${value.toString(16)}`]))
    .join(' ');
  return `${step.index}: ${textAt(step.program, step.index)}${where} | ${registers}`;
}
