// Programs that the verifier refuses, one for each of the commonest mistakes, and what we have to say about them.

import { assemble } from '../../../../src/asm/index.ts';
import { BpfMap, loadProgram, VerifierError } from '../../../../src/loader/index.ts';
import { MEMORY_REFUSED } from './memory-refused.ts';
import { colours, jumps, type RefusedProgram } from './pieces.ts';
import { PROGRAM_REFUSED } from './program-refused.ts';

export const REFUSED: { readonly [name: string]: RefusedProgram } = { ...MEMORY_REFUSED, ...PROGRAM_REFUSED };

/** What is said of a refusal. */
export interface Told {
  readonly kind: string | undefined;
  readonly reason: string;
  readonly instruction: number | undefined;
  readonly state: readonly string[];
  readonly hint: string | undefined;
  readonly message: string;
  readonly log: string;
}

/** Has the kernel refuse a program. @throws Error when it takes it. */
export function refusalOf(name: string): Told {
  const { items, type = 'sched_cls', license, flags } = REFUSED[name]!;
  const program = assemble({ name: 'refused', type, ...(license !== undefined && { license }) }, items);
  const maps = { colours: BpfMap.create(colours), jumps: BpfMap.create(jumps) };
  try {
    loadProgram({ ...program, ...(flags !== undefined && { flags }) }, maps).close();
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    const { kind, reason, instruction, state, hint, message, log } = error;
    return { kind, reason, instruction, state, hint, message, log };
  } finally {
    for (const map of Object.values(maps)) map.close();
  }
  throw new Error(`the kernel takes '${name}'`);
}
