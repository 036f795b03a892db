// What is about TCX is tested where the kernel is to have it.

import type { ExecutionContext } from 'ava';
import test from 'ava';
import { since } from './since.ts';

export const TCX: boolean = since('6.6');

/** The hooks for programs of type sched_cls. */
export const TC_HOOKS: readonly ('tcx' | 'clsact')[] = TCX ? ['tcx', 'clsact'] : ['clsact'];

/** A test of TCX itself. */
export function testTcx(title: string, run: (t: ExecutionContext) => void): void {
  if (TCX) test(title, run);
}
