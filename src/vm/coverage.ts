// Which lines of TypeScript, and which branches, the runs of a program went through, as lcov text (geninfo's trace file
// format). Lines are those of `Program.locations`: give it a program whose sources are resolved (`withSources`).

import {
  CLASS,
  CLASS_MASK,
  decodeInstructions,
  INSTRUCTION_SIZE,
  JMP,
  OPERATION_MASK,
  type Program,
  type SourceLocation,
} from '../asm/index.ts';
import { type FileCoverage, lcovText } from './lcov.ts';
import type { Step, Watcher } from './watch.ts';

/** How often each instruction was executed, and each conditional jump taken. */
interface Counts {
  readonly hits: Uint32Array;
  readonly taken: Uint32Array;
}

/**
 * Counts what the runs of interpreters go through.
 *
 * @example
 * const coverage = new Coverage();
 * new Vm(program, { watch: [coverage.watch] }).run({ packet });
 * console.log(coverage.lcov());
 */
export class Coverage {
  readonly #counts = new Map<Program, Counts>();

  /** For `VmOptions.watch`. */
  readonly watch: Watcher = ({ program, index, next }: Step): void => {
    const { hits, taken } = this.#of(program);
    hits[index] = hits[index]! + 1;
    if (next !== undefined && next !== index + 1) taken[index] = taken[index]! + 1;
  };

  /** Counts a program that may never be run: its lines are then shown as not executed. */
  add(program: Program): void {
    this.#of(program);
  }

  /** The trace file: lines and branches by TypeScript file. Instructions without a location are left out. */
  lcov(testName = ''): string {
    const files = new Map<string, FileCoverage>();
    for (const [program, counts] of this.#counts) count(program, counts, files);
    return lcovText(files, testName);
  }

  #of(program: Program): Counts {
    const known = this.#counts.get(program);
    if (known) return known;
    const units = program.code.length / INSTRUCTION_SIZE;
    const made = { hits: new Uint32Array(units), taken: new Uint32Array(units) };
    this.#counts.set(program, made);
    return made;
  }
}

function count(program: Program, { hits, taken }: Counts, files: Map<string, FileCoverage>): void {
  const { locations } = program;
  const most = new Map<string, number>();
  for (const [index, isBranch] of instructions(program)) {
    const location = locations[index];
    if (location === undefined) continue;
    const file = fileOf(files, location);
    const hit = hits[index]!;
    // A line is as often executed as the busiest of its instructions; those of several programs add up.
    const line = `${location.file}:${location.line}`;
    const before = most.get(line) ?? 0;
    most.set(line, Math.max(before, hit));
    file.lines.set(location.line, (file.lines.get(location.line) ?? 0) + Math.max(before, hit) - before);
    if (!isBranch) continue;
    const ways = [hit - taken[index]!, taken[index]!] as const;
    file.branches.push({ line: location.line, reached: hit > 0, ways });
  }
}

function fileOf(files: Map<string, FileCoverage>, { file }: SourceLocation): FileCoverage {
  const known = files.get(file);
  if (known) return known;
  const made: FileCoverage = { lines: new Map(), branches: [] };
  files.set(file, made);
  return made;
}

/** Each instruction's index, and whether it is a conditional jump. */
function instructions({ code }: Program): [index: number, isBranch: boolean][] {
  let index = 0;
  return decodeInstructions(code).map(({ opcode, wide }) => {
    const entry: [number, boolean] = [index, isConditional(opcode)];
    index += wide === undefined ? 1 : 2;
    return entry;
  });
}

const UNCONDITIONAL: ReadonlySet<number> = new Set([JMP.JA, JMP.CALL, JMP.EXIT]);

function isConditional(opcode: number): boolean {
  const kind = opcode & CLASS_MASK;
  return (kind === CLASS.JMP || kind === CLASS.JMP32) && !UNCONDITIONAL.has(opcode & OPERATION_MASK);
}
