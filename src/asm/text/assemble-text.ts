// Text to instructions. It reads the kernel's listing (kernel/bpf/disasm.c; our own is one), LLVM's assembler syntax,
// the output of llvm-objdump, and the conformance suite's mnemonics, one instruction a line, mixed at will.
// Left out on purpose: sections, symbols with a type, expressions, several instructions on a line.

import { encodeInstructions, unitsOf } from '../encoding.ts';
import type { Instruction, Item } from '../instruction.ts';
import { CLASS, JMP } from '../isa.ts';
import type { MapSpec } from '../program.ts';
import { resolveJumps } from '../resolve.ts';
import { BuildError } from '../source.ts';
import { Cursor } from './cursor.ts';
import { TextError } from './error.ts';
import { type Heading, heading } from './heading.ts';
import { kernelStatement } from './kernel-syntax.ts';
import { mnemonicStatement } from './mnemonic-syntax.ts';
import { type Line, type Position, scan } from './scanner.ts';
import { Scope } from './scope.ts';

export interface TextOptions {
  /** Maps that the text may name. */
  readonly maps?: readonly MapSpec[];
  /** What the text is called in the source lines of its instructions. */
  readonly file?: string;
}

/** What a text says. */
export interface TextProgram {
  /** The lines in order: instructions, and the labels between them. This is what `assemble` takes. */
  readonly items: readonly Item[];
  /** The instructions with all distances filled in. */
  readonly instructions: readonly Instruction[];
  /** Their bytes, in the byte order of this machine. Map descriptors are zero. */
  readonly code: Uint8Array;
  /** Where each label stands, in 8-byte units. */
  readonly labels: ReadonlyMap<string, number>;
}

const DEFAULT_FILE = '<text>';

/**
 * Assembles a text.
 *
 * @throws TextError with line and column for whatever is wrong with it.
 * @example
 * assembleText('r0 = *(u32 *)(r1 + 0)\nif r0 != 0x0 goto out\nr0 = 2\nout: exit').code;
 */
export function assembleText(text: string, options: TextOptions = {}): TextProgram {
  const { maps = [], file = DEFAULT_FILE } = options;
  const scope = new Scope(maps);
  const lines = scan(text).map((line) => {
    const cursor = new Cursor(line);
    const start = heading(cursor);
    for (const label of start.labels) scope.define(label);
    return { line, cursor, start };
  });
  const items: Item[] = [];
  const names = new Map<string, number>();
  let units = 0;
  let base: number | undefined;
  for (const { line, cursor, start } of lines) {
    const { index } = start;
    if (index) {
      base ??= index.number - units;
      requireIndex(index, base + units);
    }
    for (const label of start.labels) items.push({ place: scope.expectLabel(label) });
    if (!cursor.peek()) {
      if (index) throw cursor.unexpected('an instruction');
      continue;
    }
    const location = { file, line: cursor.position.line, column: cursor.position.column };
    const instructions = statement(cursor, scope, start);
    requireSingle(line, scope);
    for (const instruction of instructions) {
      items.push({ ...instruction, site: { location } });
      units += unitsOf(instruction);
    }
  }
  const complete = scope.withExit(items, isExit);
  const { instructions, places } = resolve(complete);
  for (const [label, unit] of places) names.set(label.name, unit);
  return { items: complete, instructions, code: encodeInstructions(instructions), labels: names };
}

const EXIT_OPCODE = CLASS.JMP | JMP.EXIT;
const isExit = (item: Item): boolean => !('place' in item) && item.opcode === EXIT_OPCODE;

/** The statement of a line, in whichever syntax it is. */
function statement(cursor: Cursor, scope: Scope, { opcode }: Heading): readonly Instruction[] {
  const instructions = kernelStatement(cursor, scope, opcode?.number) ?? mnemonicStatement(cursor, scope);
  if (!instructions) throw cursor.unexpected('an instruction');
  cursor.expectEnd();
  const [first] = instructions;
  if (opcode && first?.opcode !== opcode.number) {
    const found = first?.opcode.toString(16).padStart(2, '0');
    throw new TextError(
      'SYNTAX',
      `expected an instruction with the opcode in front, this is (${found})`,
      opcode,
    );
  }
  return instructions;
}

/** An index in front of a line counts units; one that does not would mislead every distance. */
function requireIndex(index: Position & { readonly number: number }, expected: number): void {
  if (index.number === expected) return;
  throw new TextError('SYNTAX', `index ${index.number}: this is instruction ${expected}`, index);
}

/** `;` starts a comment, but for LLVM a second statement: that is not dropped in silence. */
function requireSingle({ comment }: Line, scope: Scope): void {
  if (!comment || !readsAsStatement(comment.text, scope)) return;
  throw new TextError('SYNTAX', "expected one instruction a line: ';' starts a comment", comment);
}

/** The verifier writes registers' states behind `;`, with a capital R. */
const STATE = /^\s*R[0-9]/;

function readsAsStatement(text: string, scope: Scope): boolean {
  if (STATE.test(text)) return false;
  try {
    const [line] = scan(text);
    const cursor = line && new Cursor(line);
    return cursor !== undefined && statement(cursor, scope, { labels: [] }).length > 0;
  } catch (error) {
    if (error instanceof TextError) return false;
    throw error;
  }
}

/** Distances that cannot be are errors of the text. */
function resolve(items: readonly Item[]): ReturnType<typeof resolveJumps> {
  try {
    return resolveJumps(items);
  } catch (error) {
    if (!(error instanceof BuildError) || !error.location) throw error;
    const { line, column } = error.location;
    throw new TextError('LABEL', error.message.replace(/ \([^()]*\)$/, ''), { line, column });
  }
}
