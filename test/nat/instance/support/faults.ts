// Faults between this process and the kernel, in this process: a call that fails, or a death. After a death nothing
// reaches the kernel any more but the way home, so what is left is what a kill would leave; the real kill is in
// test/e2e/faults.test.ts.

import { interpose, type Tap } from '../../../../src/loader/ffi.ts';

/** What a dead process does: nothing. */
export class Killed extends Error {
  override readonly name: string = 'Killed';

  /** One of those that no code takes for an answer. */
  readonly code = 'EINTR';

  constructor() {
    super('Killed');
  }
}

export type Fault =
  | { readonly kind: 'kill'; readonly step: number }
  | { readonly kind: 'errno'; readonly step: number; readonly errno: number; readonly onwards?: boolean };

/** Calls that a death does not stop: the kernel itself frees locks and forgets where a thread was. */
export const UNSTOPPABLE: ReadonlySet<string> = new Set(['setns', 'flock']);

/**
 * Runs `run` with a fault at its call number `fault.step` (from 0).
 *
 * @returns how many calls it made, by name, and what it threw.
 */
export function withFault(
  fault: Fault | undefined,
  run: () => void,
): { readonly calls: readonly string[]; readonly error: unknown } {
  const calls: string[] = [];
  let dead = false;
  const tap: Tap = (call, go, args) => {
    if (dead && !UNSTOPPABLE.has(call)) throw new Killed();
    if (dead) return go();
    const step = calls.length;
    calls.push(call === 'bpf' ? `bpf ${args[0]}` : call);
    if (fault === undefined || (step !== fault.step && !(isOnwards(fault) && step > fault.step))) return go();
    if (fault.kind === 'errno') return UNSTOPPABLE.has(call) ? go() : -fault.errno;
    dead = true;
    if (UNSTOPPABLE.has(call)) return go();
    throw new Killed();
  };
  interpose(tap);
  try {
    run();
    return { calls, error: undefined };
  } catch (error) {
    return { calls, error };
  } finally {
    interpose(undefined);
  }
}

const isOnwards = (fault: Fault): boolean => fault.kind === 'errno' && fault.onwards === true;
