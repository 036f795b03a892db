// What this kernel's verifier says of a program: accepted with its figures, or refused with the TypeScript line.

import { formatLocation, type Program, type SourceLocation } from '../asm/index.ts';
import { BpfMap, loadProgram, VerifierError, verdict } from '../loader/index.ts';
import type { InstanceMaps } from '../nat/maps.ts';

interface Common {
  readonly name: string;
  /** In 8-byte units, as the kernel counts them. */
  readonly instructions: number;
}

export interface Accepted extends Common {
  readonly verdict: 'accepted';
  /** Instructions the verifier walked through on all paths. */
  readonly processed?: number;
  readonly peakStates?: number;
  /** Bytes of machine code; 0 without the JIT. */
  readonly jitedSize: number;
}

export interface Refused extends Common {
  readonly verdict: 'refused';
  readonly reason: string;
  /** Index of the refused instruction, and what emitted it, where the log tells. */
  readonly instruction?: number;
  readonly source?: SourceLocation;
  readonly log: string;
}

const INSTRUCTION_SIZE = 8;
/** Kernel's BPF_LOG_LEVEL1 for the reason of a refusal, BPF_LOG_STATS for the figures of a success. */
const BPF_LOG_LEVEL1 = 1;
const BPF_LOG_STATS = 4;

/**
 * Loads the programs, with maps of their own, and lets go of them again. Nothing is attached.
 *
 * @throws LoaderError when the kernel does not even look at them, for want of privilege say.
 */
export function verify(programs: readonly Program[], definitions: InstanceMaps): (Accepted | Refused)[] {
  const maps: BpfMap[] = [];
  try {
    for (const definition of Object.values(definitions)) maps.push(BpfMap.create(definition));
    const byName = Object.fromEntries(maps.map((map) => [map.name, map]));
    return programs.map((program) => verdictOn(program, byName));
  } finally {
    for (const map of maps) map.close();
  }
}

function verdictOn(program: Program, maps: Readonly<Record<string, BpfMap>>): Accepted | Refused {
  const common = { name: program.name, instructions: program.code.length / INSTRUCTION_SIZE };
  try {
    using loaded = loadProgram(program, maps, { logLevel: BPF_LOG_LEVEL1 | BPF_LOG_STATS });
    const processed = /^processed (\d+) insns/m.exec(loaded.log)?.[1];
    const peak = /\bpeak_states (\d+)/.exec(loaded.log)?.[1];
    return {
      ...common,
      verdict: 'accepted',
      ...(processed && { processed: Number(processed) }),
      ...(peak && { peakStates: Number(peak) }),
      jitedSize: loaded.info.jitedSize,
    };
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    const { log } = error;
    const instruction = lastInstruction(log);
    const source = instruction === undefined ? undefined : program.locations[instruction];
    return {
      ...common,
      verdict: 'refused',
      reason: verdict(log),
      ...(instruction !== undefined && { instruction }),
      ...(source && { source }),
      log,
    };
  }
}

/** The instruction the verifier was at when it gave up: the last it listed, as in `12: (61) r1 = ...`. */
function lastInstruction(log: string): number | undefined {
  const listed = [...log.matchAll(/^(\d+): \(/gm)].at(-1)?.[1];
  return listed === undefined ? undefined : Number(listed);
}

/** A refusal in one line, with the TypeScript line where it is known. */
export function refusalLine({ name, reason, instruction, source }: Refused): string {
  const where = instruction === undefined ? '' : ` at instruction ${instruction}`;
  const line = source === undefined ? '' : `, emitted by ${formatLocation(source)}`;
  return `this kernel refuses program '${name}'${where}${line}: ${reason}; --verbose shows the whole log`;
}
