// The one cause of EPERM that can be removed from here: a low RLIMIT_MEMLOCK, which kernels before 5.11 charge maps
// and programs to.

import { libc } from '../ffi.ts';

export { permissionHint } from '../obstacle.ts';

/** include/uapi/asm-generic/resource.h */
const RLIMIT_MEMLOCK = 8;
/** struct rlimit: the soft limit, then the hard one, 8 bytes each. RLIM_INFINITY is all ones. */
const RLIMIT_SIZE = 16;
const HARD = 8;

let raised = false;

/** Lifts RLIMIT_MEMLOCK as far as this process may, once. @returns whether another attempt is worth it. */
export function raiseMemlock(): boolean {
  if (raised) return false;
  raised = true;
  const former = new Uint8Array(RLIMIT_SIZE);
  if (libc('prlimit', 0, RLIMIT_MEMLOCK, new Uint8Array(RLIMIT_SIZE).fill(0xff), former) === 0) {
    return former.subarray(0, HARD).some((byte) => byte !== 0xff);
  }
  // Without CAP_SYS_RESOURCE the soft limit goes no further than the hard one.
  if (libc('prlimit', 0, RLIMIT_MEMLOCK, null, former) !== 0) return false;
  const soft = former.slice(0, HARD);
  const hard = former.slice(HARD);
  if (soft.every((byte, i) => byte === hard[i])) return false;
  return libc('prlimit', 0, RLIMIT_MEMLOCK, Uint8Array.of(...hard, ...hard), null) === 0;
}
