// Which instructions this kernel takes, found by loading tiny programs: versions lie, since distributions carry features
// back. Asked once; programs for older kernels are then made with `isa`.

import { closeSync } from 'node:fs';
import { assemble, type IsaLevel, type Item, instruction as i } from '../asm/index.ts';
import { loadCode } from './bpf/program-load.ts';
import { ERRNO, LoaderError } from './errors.ts';

/** What was found out about the kernel. */
export interface IsaSupport {
  readonly level: IsaLevel;
  /** Atomics that return what was there before: since Linux 5.12. */
  readonly fetch: boolean;
  /** Since Linux 6.9. */
  readonly mayGoto: boolean;
  /** Load-acquire and store-release: since Linux 6.15. */
  readonly acquire: boolean;
}

const R0 = 0;
const R1 = 1;
const FRAME = 10;
const SLOT = -8;
const filled: readonly Item[] = [i.mov.imm(R0, 1), i.storeImm(8, FRAME, SLOT, 1)];
const end: readonly Item[] = [i.mov.imm(R0, 0), i.exit()];

/** All that a level brought, except what is asked for by itself. */
const LEVELS: readonly (readonly [IsaLevel, readonly Item[]])[] = [
  [
    4,
    [
      ...filled,
      i.movsx.reg(R0, R0, 8),
      i.bswap(R0, 16),
      i.sdiv.imm(R0, 2),
      i.loadSigned(1, R1, FRAME, SLOT),
      i.ja32(0),
      ...end,
    ],
  ],
  [3, [...filled, i.jeq.imm32(R0, 1, 0), ...end]],
  [2, [...filled, i.jlt.imm(R0, 1, 0), ...end]],
];
const FEATURES = {
  fetch: [...filled, i.atomicFetchAdd(8, FRAME, SLOT, R0), ...end],
  // Linux 6.12 refuses a distance of 0.
  mayGoto: [...filled, i.mayGoto(1), i.mov.imm(R0, 2), ...end],
  acquire: [...filled, i.mov.reg(R1, FRAME), i.add.imm(R1, SLOT), i.loadAcquire(8, R0, R1, 0), ...end],
} as const;

let level: IsaLevel | undefined;

/**
 * The newest level of instructions that the kernel takes.
 *
 * @throws LoaderError where programs cannot be loaded at all.
 */
export function isaLevel(): IsaLevel {
  level ??= LEVELS.find(([, items]) => takes(items))?.[0] ?? 1;
  return level;
}

/** The level, and what came one by one. @throws LoaderError where programs cannot be loaded at all. */
export function probeIsa(): IsaSupport {
  return {
    level: isaLevel(),
    fetch: takes(FEATURES.fetch),
    mayGoto: takes(FEATURES.mayGoto),
    acquire: takes(FEATURES.acquire),
  };
}

/** Whether the verifier refused a program, which is what it does to an instruction that it does not know. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof LoaderError && error.errno === ERRNO.EINVAL;

function takes(items: readonly Item[]): boolean {
  const { name, type, license, code } = assemble({ name: 'probe_isa', type: 'socket_filter' }, items);
  try {
    closeSync(loadCode({ name, type, license, code }).fd);
    return true;
  } catch (error) {
    // Anything but the verifier's no says nothing about instructions.
    if (isRefusal(error)) return false;
    throw error;
  }
}
