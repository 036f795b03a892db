// The verifier's log taken apart: the instruction it was at, what it knew there, and the lines that say why.
// Linux 4.14 to 7.2 end with one or more lines in plain words; from 7.3 on a report in sections follows them
// (kernel/bpf/diagnostics.c): `Verification failed:`, `Reason:`, `At:`, `Causal path:`, `Suggestion:`.

import { isPacket, parseRegisters, type Registers } from './registers.ts';

export interface ParsedLog {
  /** The last instruction it listed: index in 8-byte units, and its text. */
  readonly listed: ListedInstruction | undefined;
  /** What was known before it. A register that is missing was not set, or nothing is known of it. */
  readonly registers: Registers;
  /** Registers that were packet pointers before a call, and have not been written since. */
  readonly packets: ReadonlySet<string>;
  /** Whether the log told the state of each instruction on the way, so that what is missing was really not set. */
  readonly exact: boolean;
  /** The last call before it, which took r1 to r5. */
  readonly call: ListedInstruction | undefined;
  /** The lines that give reasons, in the log's order; without the report's. */
  readonly reasons: readonly string[];
  readonly report: Report | undefined;
  /** The line of source that was printed last, where the program has lines. */
  readonly source: string | undefined;
}

export interface ListedInstruction {
  readonly index: number;
  readonly text: string;
}

/** The sections of Linux 7.3 and later; lines are joined. What is said in them is indented, what follows is not. */
export interface Report {
  /** `Register Type Safety: Unreadable register` */
  readonly title: string | undefined;
  readonly reason: string | undefined;
  readonly suggestion: string | undefined;
  /** Index of the instruction that `At:` points to. */
  readonly instruction: number | undefined;
}

/** More of a log's end than this is not looked at: a path of a thousand instructions fits. */
const LOOK_BACK = 1 << 20;

const LISTED = /^(\d+): \([0-9a-f]{2}\) (.*)$/;
/** The state behind an instruction, since Linux 5.18; where later ones find nothing worth telling, the semicolon alone. */
const INLINE_STATE = /\s+;(?: ((?:frame\d+: )?(?:R\d+|fp-\d+|refs)\S*=.*)| *)$/;
/**
 * Heads a listing of the program, in the more talkative logs of Linux 6.16 and later: nothing of it has happened. The
 * next state of all registers ends it.
 */
const LISTING = /^(?:subprog#\d+ .*:|stack use\/def .*:|subprog#\d+: analyzing .*|Live regs before insn:)$/;
/** Everything that is known: at the start, at a branch, or with each instruction. */
const WHOLE_STATE =
  /^(?:(?:from )?\d+(?: to \d+(?: \(speculative execution\))?)?: )?(?:frame\d+: )?(R\d+\S*=.*)$/;
const SOURCE = /^; (.*)$/;
/** A call leaves nothing in r1 to r5, and its result in r0. */
const CALL = /^call /;
const CALLER_SAVED = ['r0', 'r1', 'r2', 'r3', 'r4', 'r5'];

/** Lines that tell what the verifier does, and no reason. */
const NOISE =
  /^(?:$|;|\d+: |topo_order\[|subprog#|stack use\/def |SCC (?:enter|exit)|from \d+ to \d+|func#|Func#|Validating |caller:|callee:|returning from callee|to caller at|(?:cur|old) state:|(?:frame\d+: )?R\d+\S*=|frame\d+:|fp-\d+|mark_precise|regs=|parent |last_idx|first_idx|propagating|Live regs|stack=|\(\d+ line)/;
/** Figures at the end; one message of the kernel's lacks the end of its line before them. */
const STATISTICS =
  /(?:processed \d+ insns|verification time \d+|stack depth \d|max_states|peak_states|mark_read|insns processed)/;

export function parseLog(log: string): ParsedLog {
  const text = log.length > LOOK_BACK ? log.slice(log.indexOf('\n', log.length - LOOK_BACK) + 1) : log;
  const cut = /^(?:Verification failed:|Reason:)/m.exec(text)?.index;
  const body = cut === undefined ? text : text.slice(0, cut);
  const walk = new Walk();
  for (const line of body.split('\n')) walk.take(line);
  return {
    listed: walk.listed,
    registers: walk.before,
    packets: walk.packetsBefore,
    exact: walk.exactBefore,
    call: walk.callBefore,
    reasons: walk.reasons,
    report: cut === undefined ? undefined : parseReport(text.slice(cut)),
    source: walk.source,
  };
}

/** Follows the listing line by line, so that at its end the state before the last instruction is known. */
class Walk {
  listed: ListedInstruction | undefined;
  before: Map<string, string> = new Map();
  callBefore: ListedInstruction | undefined;
  exactBefore = false;
  packetsBefore: ReadonlySet<string> = new Set();
  reasons: string[] = [];
  source: string | undefined;
  #state = new Map<string, string>();
  #call: ListedInstruction | undefined;
  #exact = false;
  #packets = new Set<string>();
  #inListing = false;

  take(raw: string): void {
    const line = raw.replace(/\r$/, '');
    const trimmed = line.trim();
    if (LISTING.test(trimmed)) this.#inListing = true;
    const [, index, rest] = LISTED.exec(line) ?? [];
    if (index !== undefined && rest !== undefined) {
      if (!this.#inListing) this.#instruction(Number(index), rest);
      return;
    }
    const whole = WHOLE_STATE.exec(trimmed)?.[1];
    // The states that an infinite loop is told with are behind the reason.
    if (whole !== undefined && this.reasons.length === 0) {
      this.#state = parseRegisters(whole);
      this.#exact = true;
      this.#inListing = false;
      // Back at a branch: what was called behind it was called on another path.
      const branch = /^from (\d+) to /.exec(trimmed)?.[1];
      if (branch !== undefined && this.#call !== undefined && this.#call.index > Number(branch)) {
        this.#call = undefined;
      }
      return;
    }
    const source = SOURCE.exec(trimmed)?.[1];
    if (source !== undefined) this.source = source;
    const reason = trimmed.split(STATISTICS)[0]!.trim();
    if (reason !== '' && !NOISE.test(reason)) this.reasons.push(reason);
  }

  #instruction(index: number, rest: string): void {
    const inline = INLINE_STATE.exec(rest);
    const text = (inline === null ? rest : rest.slice(0, inline.index)).trim();
    this.listed = { index, text };
    this.before = this.#state;
    this.callBefore = this.#call;
    this.exactBefore = this.#exact;
    this.packetsBefore = new Set(this.#packets);
    // Whatever was said before was about another path.
    this.reasons = [];
    this.#state = new Map(this.#state);
    if (CALL.test(text)) {
      for (const register of CALLER_SAVED) this.#state.delete(register);
      for (const [name, state] of this.#state) if (isPacket(state)) this.#packets.add(name);
      this.#call = this.listed;
    } else {
      const written = /^([rw]\d+) \S*=/.exec(text)?.[1];
      const register = written?.replace('w', 'r') ?? '';
      this.#state.delete(register);
      this.#packets.delete(register);
    }
    if (inline === null) {
      // Only of what changes nothing there is nothing to tell.
      if (!/^(goto|exit|call pc)/.test(text)) this.#exact = false;
      return;
    }
    const told = parseRegisters(inline[1] ?? '');
    if (text.startsWith('if ')) share(this.#state, told);
    for (const [name, state] of told) this.#state.set(name, state);
  }
}

/** `map_value_or_null(id=1,...)`, `pkt(off=14,r=0)`: the type, and the number that copies share, 0 where none is printed. */
const identityOf = (state: string): string => /[(,]id=(\d+)/.exec(state)?.[1] ?? '0';
const isPacketPointer = (state: string): boolean => state.startsWith('pkt(') || state.startsWith('pkt_meta(');
const rangeOf = (state: string): number => Number(/[(,]r=(\d+)/.exec(state)?.[1] ?? 0);

/** What a comparison says of one register holds for its copies, too; the log names only those that were compared. */
function share(state: Map<string, string>, told: Registers): void {
  for (const [name, now] of told) {
    const former = state.get(name);
    for (const [other, known] of state) {
      if (told.has(other) || identityOf(known) !== identityOf(former ?? now)) continue;
      if (isPacketPointer(now) && isPacketPointer(known) && rangeOf(known) < rangeOf(now)) {
        state.set(other, known.replace(/([(,])r=\d+/, `$1r=${rangeOf(now)}`));
      } else if (former !== undefined && /^\w+_or_null\(/.test(former) && known === former)
        state.set(other, now);
    }
  }
}

/** Whether the log says what the registers were at its last instruction. Before Linux 5.18 only level 2 does. */
export function hasStates(log: string): boolean {
  const { listed, exact } = parseLog(log);
  return listed === undefined || exact;
}

const SECTION = /^(Verification failed|Reason|At|Causal path|Suggestion): ?(.*)$/;

function parseReport(text: string): Report {
  const sections = new Map<string, string[]>();
  let current: string[] | undefined;
  for (const line of text.split('\n')) {
    const [, name, rest] = SECTION.exec(line) ?? [];
    if (name !== undefined) {
      // Only the first of each: the causal path may quote lines that look like headings.
      current = sections.has(name) ? [] : [rest ?? ''];
      if (!sections.has(name)) sections.set(name, current);
    } else if (STATISTICS.test(line) || /^\S/.test(line)) current = undefined;
    else current?.push(line);
  }
  const joined = (name: string): string | undefined => {
    const lines = sections
      .get(name)
      ?.map((line) => line.trim())
      .filter((line) => line !== '');
    return lines === undefined || lines.length === 0 ? undefined : lines.join(' ');
  };
  return {
    title: joined('Verification failed'),
    reason: joined('Reason'),
    suggestion: joined('Suggestion'),
    instruction: instructionAt(sections.get('At') ?? []),
  };
}

/** The marked line below `Instruction context:`, such as `>>> 7 | (79) r0 = ...`; or `insn 7` at the top. */
function instructionAt(lines: readonly string[]): number | undefined {
  // The source is above it, with lines that are marked as well.
  const context = lines.findIndex((line) => line.trim() === 'Instruction context:');
  for (const line of lines.slice(Math.max(context, 0))) {
    const index = />>> *(\d+) \| \([0-9a-f]{2}\) /.exec(line)?.[1] ?? /^\s*insn (\d+)\b/.exec(line)?.[1];
    if (index !== undefined) return Number(index);
  }
  return undefined;
}
