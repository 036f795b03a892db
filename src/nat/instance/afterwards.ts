// Steps that come after others which stand: what fails then does not take them back.

import { InstanceError } from './error.ts';

/**
 * What comes after an instance is as it was asked to be; once more if it fails.
 *
 * @throws InstanceError with code `EDONE`
 */
export function afterwards<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof InstanceError) throw error;
  }
  try {
    return run();
  } catch (error) {
    if (error instanceof InstanceError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const message = `instance '${name}' is as it was asked to be, but what came after that failed: ${why}; 'tsnat status ${name}' shows it, and removes what was left over`;
    throw new InstanceError('EDONE', message, error);
  }
}

/** Runs both, the second one also where the first is done but for the clearing up, which is told in the end. */
export function inTurn<T>(first: () => T, second: () => void): T {
  const done = (() => {
    try {
      return { result: first() };
    } catch (late) {
      if (late instanceof InstanceError && late.code === 'EDONE') return { late };
      throw late;
    }
  })();
  second();
  if ('late' in done) throw done.late;
  return done.result;
}
