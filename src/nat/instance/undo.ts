// All or nothing: steps that know how to be undone.

import { InstanceError } from './error.ts';

/**
 * Runs `run`, which registers how to undo what it has done. When it throws, everything registered is undone,
 * last first, and the error goes on.
 *
 * @throws InstanceError with code `EROLLBACK` when undoing fails too; the first error is its cause.
 */
export function allOrNothing<T>(run: (onFailure: (undo: () => void) => void) => T): T {
  const steps: (() => void)[] = [];
  try {
    return run((undo) => steps.push(undo));
  } catch (error) {
    const failures: string[] = [];
    for (const undo of steps.reverse()) {
      try {
        undo();
      } catch (failure) {
        failures.push(messageOf(failure));
      }
    }
    if (failures.length === 0) throw error;
    const message = `${messageOf(error)}; and not everything could be put back: ${failures.join('; ')}`;
    throw new InstanceError('EROLLBACK', message, error);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
