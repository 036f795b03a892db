// One golden packet through a program that is about to be at work, and what is said where it comes out wrong.

import type { BpfProgram } from '../../loader/index.ts';
import { InstanceError } from './error.ts';

/** `TC_ACT_UNSPEC`, as a test run gives it: the packet goes on. */
export const GOES_ON = 0xffff_ffff;

export interface GoldenRun {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** What the program has to return. */
  readonly verdict: number;
  /** What the packet is, to be read before its bytes. */
  readonly what: () => string;
}

/**
 * @param who fails, as the start of what is said
 * @throws InstanceError with code `ESELFTEST` where the packet does not come out as it should.
 */
export function requireGolden(
  instance: string,
  program: Pick<BpfProgram, 'testRun'>,
  { before, after, verdict, what }: GoldenRun,
  who: 'the programs fail their' | 'the XDP program fails its' = 'the programs fail their',
): void {
  const { returnValue, data } = program.testRun({ data: before });
  if (returnValue === verdict && Buffer.from(data).equals(after)) return;
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const outcome = returnValue === verdict ? `became ${hex(data)}` : `got the verdict ${returnValue}`;
  throw new InstanceError(
    'ESELFTEST',
    `instance '${instance}': ${who} self-test, nothing was changed: ${what()}, ${hex(before)} ${outcome} instead of ${hex(after)}; please report this with the output of 'uname -r'`,
  );
}
