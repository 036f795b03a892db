// A refusal explained: out of the verifier's log, the reason, the instruction, what was known of its registers in
// words, and what to do. Pure: where an instruction comes from is asked of the caller.

import { formatLocation, type SourceLocation } from '../../asm/index.ts';
import { type ParsedLog, parseLog } from './log.ts';
import { MEMORY_REFUSALS } from './memory-refusals.ts';
import { PROGRAM_REFUSALS } from './program-refusals.ts';
import type { HintContext, Refusal } from './refusal.ts';
import { describeRegister } from './registers.ts';

export interface Explanation {
  /** Stable name of the mistake, such as `packet_bounds`, for the commonest ones. */
  readonly kind: string | undefined;
  /** The kernel's own words, in one line. */
  readonly reason: string;
  /** Index of the refused instruction, in 8-byte units. */
  readonly instruction: number | undefined;
  /** The instruction as the kernel writes it, where it is the last one in the log. */
  readonly instructionText: string | undefined;
  readonly source: SourceLocation | undefined;
  /** The source text that the log has, for programs whose lines only the kernel knows. */
  readonly sourceText: string | undefined;
  /** What was known of the registers it uses, a sentence each. */
  readonly state: readonly string[];
  readonly hint: string | undefined;
}

export interface ProgramText {
  /** 8 bytes each. */
  readonly code?: Uint8Array;
  /** Where the instruction at an index, in 8-byte units, was said. */
  readonly locate?: (index: number) => SourceLocation | undefined;
}

const INSN_SIZE = 8;
/** More lines of reasons than this are not for one line. */
const MOST_REASONS = 3;
const MOST_REGISTERS = 4;

export function explain(log: string, program: ProgramText = {}): Explanation {
  const parsed = parseLog(log);
  const { report, reasons } = parsed;
  const found = recognise([...reasons, ...(report?.reason === undefined ? [] : [report.reason])], parsed);
  const instruction = report?.instruction ?? instructionOf(parsed, found, program);
  const isListed = instruction !== undefined && parsed.listed?.index === instruction;
  const source = instruction === undefined ? undefined : program.locate?.(instruction);
  const reason = report?.reason?.replace(/\.$/, '') ?? reasonOf(reasons, found);
  return {
    kind: found?.refusal.kind,
    reason,
    instruction,
    instructionText: isListed ? parsed.listed?.text : undefined,
    source,
    sourceText: isListed ? parsed.source?.replace(/ @ .*$/, '').trim() : undefined,
    state: isListed ? stateOf(parsed, `${reasons.join(' ')} ${reason}`) : [],
    hint: hintOf(found, parsed) ?? report?.suggestion?.replace(/\.$/, ''),
  };
}

const REFUSALS: readonly Refusal[] = [...MEMORY_REFUSALS, ...PROGRAM_REFUSALS];

interface Recognised {
  readonly refusal: Refusal;
  readonly match: RegExpExecArray;
  /** Which of the reasons it is. */
  readonly at: number;
}

function recognise(reasons: readonly string[], context: HintContext): Recognised | undefined {
  for (const refusal of REFUSALS) {
    for (const [at, reason] of reasons.entries()) {
      const match = refusal.pattern.exec(reason);
      if (match !== null && (refusal.applies?.(match, context) ?? true)) return { refusal, match, at };
    }
  }
  return undefined;
}

function reasonOf(reasons: readonly string[], found: Recognised | undefined): string {
  if (reasons.length === 0) return 'no reason given';
  // From the line that was recognised on; of what was not, the end.
  const start = found?.at ?? Math.max(0, reasons.length - MOST_REASONS);
  return reasons.slice(start, start + MOST_REASONS).join('; ');
}

function hintOf(found: Recognised | undefined, context: HintContext): string | undefined {
  if (found === undefined) return undefined;
  const { hint } = found.refusal;
  return typeof hint === 'string' ? hint : hint(found.match, context);
}

function instructionOf(
  { listed }: ParsedLog,
  found: Recognised | undefined,
  { code }: ProgramText,
): number | undefined {
  const where = found?.refusal.instruction;
  if (where === 'none') return undefined;
  if (where === 'last') return code === undefined ? undefined : code.length / INSN_SIZE - 1;
  if (where !== undefined) {
    const index = Number(found?.match[where]);
    return Number.isNaN(index) ? undefined : index;
  }
  if (listed !== undefined) return listed.index;
  const opcode = found?.refusal.kind === 'unknown_instruction' ? found.match[1] : undefined;
  if (opcode === undefined || code === undefined) return undefined;
  for (let at = 0; at < code.length; at += INSN_SIZE) {
    if (code[at] === Number.parseInt(opcode, 16)) return at / INSN_SIZE;
  }
  return undefined;
}

/** Registers that the reason names first, then those the instruction reads. */
function stateOf({ listed, registers, packets, call }: ParsedLog, reason: string): string[] {
  const names = [...new Set([...named(reason), ...(listed === undefined ? [] : readBy(listed.text))])];
  const told: string[] = [];
  for (const name of names.slice(0, MOST_REGISTERS)) {
    const state = registers.get(name);
    if (state === undefined) {
      if (!new RegExp(`\\b${name} !read_ok`, 'i').test(reason)) continue;
      const taken = call !== undefined && /^r[1-5]$/.test(name);
      told.push(
        taken
          ? `${name} was lost in ${called(call.text)} at instruction ${call.index}`
          : `${name} was not set on this path`,
      );
    } else if (
      (/^pkt/.test(state) || packets.has(name)) &&
      new RegExp(`${name} invalid mem access '(scalar|inv)'`, 'i').test(reason)
    ) {
      const by = call === undefined ? 'a call' : `${called(call.text)} at instruction ${call.index}`;
      told.push(`${name} was a packet pointer until ${by}`);
    } else told.push(describeRegister(name, state));
  }
  return told;
}

const called = (text: string): string => text.replace(/^call /, 'the call of ').replace(/#\d+$/, '');

const named = (reason: string): string[] =>
  [...reason.matchAll(/\bR(\d{1,2})\b/g)].map(([, number]) => `r${number}`);

function readBy(text: string): string[] {
  if (text.startsWith('call ')) return [];
  if (text === 'exit') return ['r0'];
  // What stands alone before the equals sign is only written.
  const read = text.replace(/^[rw]\d+ = /, '');
  const registers = [...read.matchAll(/\b[rw](\d{1,2})\b/g)].map(([, number]) => `r${number}`);
  // Everybody knows what r10 is.
  return registers.filter((name) => name !== 'r10');
}

const MOST_TEXT = 100;

/** Where it was, in one line: file, line, column and text, and the instruction. */
export function formatPlace({ instruction, instructionText, source, sourceText }: Explanation): string {
  const text = (source === undefined ? sourceText : source.text)?.trim();
  const shown = text === undefined || text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT)}...`;
  const parts = [
    ...(source === undefined ? [] : [formatLocation(source)]),
    ...(shown === undefined || shown === '' ? [] : [`\`${shown}\``]),
  ];
  if (instruction === undefined) return parts.join(' ');
  if (parts.length > 0) {
    const machine = instructionText === undefined ? '' : `: ${instructionText}`;
    return `${parts.join(' ')} (instruction ${instruction}${machine})`;
  }
  return `instruction ${instruction}${instructionText === undefined ? '' : ` (${instructionText})`}`;
}
