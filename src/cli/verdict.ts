// What this kernel's verifier says of a program: accepted with its figures, or refused with the TypeScript line.

import type { ElfObject, Program, SourceLocation } from '../asm/index.ts';
import {
  BpfMap,
  type BpfProgram,
  type LoadedObject,
  type LoadProgramOptions,
  loadObject,
  loadProgram,
  VerifierError,
} from '../loader/index.ts';
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
  /** All of it in one line. */
  readonly message: string;
  readonly reason: string;
  /** Stable name of the mistake, where it is a common one. */
  readonly kind?: string;
  /** Index of the refused instruction, and what emitted it, where the log tells. */
  readonly instruction?: number;
  readonly source?: SourceLocation;
  /** What the verifier knew of the registers it uses, in words. */
  readonly state: readonly string[];
  readonly hint?: string;
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
    return programs.map((program) => verdictOn(program, (options) => loadProgram(program, byName, options)));
  } finally {
    for (const map of maps) map.close();
  }
}

/** The same for the programs of an object, each by itself, with the object's maps. @throws LoaderError */
export function verifyObject(object: ElfObject): (Accepted | Refused)[] {
  return object.programs.map((program) => {
    const { symbol } = program;
    let whole: LoadedObject | undefined;
    const load = (options: LoadProgramOptions): BpfProgram => {
      whole = loadObject(object, { ...options, programs: [symbol] });
      return whole.programs.get(symbol)!;
    };
    try {
      return { ...verdictOn(program, load), name: symbol };
    } finally {
      whole?.close();
    }
  });
}

const LOG: LoadProgramOptions = { logLevel: BPF_LOG_LEVEL1 | BPF_LOG_STATS };

function verdictOn(program: Program, load: (options: LoadProgramOptions) => BpfProgram): Accepted | Refused {
  const common = { name: program.name, instructions: program.code.length / INSTRUCTION_SIZE };
  try {
    using loaded = load(LOG);
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
    const { message, reason, kind, instruction, source, state, hint, log } = error;
    return {
      ...common,
      verdict: 'refused',
      message,
      reason,
      ...(kind !== undefined && { kind }),
      ...(instruction !== undefined && { instruction }),
      ...(source && { source }),
      state,
      ...(hint !== undefined && { hint }),
      log,
    };
  }
}
