// Waiting until no program is running any more that was running when the wait began.

import { synchronizeRcu } from './ffi.ts';

/** Where the kernel does not tell: no packet takes a program so long. */
const LONG_ENOUGH_MILLISECONDS = 100;

/** Programs taken off a hook before this call are running nowhere after it, so what they count is final. */
export function waitForPrograms(): void {
  if (synchronizeRcu()) return;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LONG_ENOUGH_MILLISECONDS);
}
