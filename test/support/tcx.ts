// Whether the kernel has TCX; where it has not, as before Linux 6.6, whoever runs the tests says so: what is tested does
// not depend on what is found, lest a mistake in finding it out go unseen.

import type { ExecutionContext } from 'ava';
import test from 'ava';

export const TCX: boolean = process.env.TSNAT_E2E_TCX !== 'no';

/** The hooks for programs of type sched_cls. */
export const TC_HOOKS: readonly ('tcx' | 'clsact')[] = TCX ? ['tcx', 'clsact'] : ['clsact'];

/** A test of TCX itself. */
export function testTcx(title: string, run: (t: ExecutionContext) => void): void {
  if (TCX) test(title, run);
}
