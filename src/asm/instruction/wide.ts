// `ld_imm64`, the one instruction of two units: any 64-bit value, or what its pseudo source makes the kernel put there
// (RFC 9669, section 5.4; BPF_PSEUDO_* in include/uapi/linux/bpf.h).

import { CLASS, MODE, PSEUDO, type Register, SIZE } from '../isa.ts';
import type { MapSpec } from '../program.ts';
import { build, type Instruction, MAX_S32, MIN_S32, requireU32, type Target } from './base.ts';

export const LD_IMM64: number = CLASS.LD | MODE.IMM | SIZE.DW;

/** @param low 32 bits of the first unit's immediate. @param high of the second's. */
function pseudo(dst: Register, src: number, low: number, high = 0): Instruction {
  requireU32('immediate', low);
  requireU32('offset', high);
  return { ...build(LD_IMM64, dst, src, 0, 0), wide: (BigInt(high) << 32n) | BigInt(low) };
}

/** `rD = imm ll`: any 64-bit value, two units long. */
export function loadImm64(dst: Register, value: bigint): Instruction {
  if (value < -(1n << 63n) || value >= 1n << 64n)
    throw new RangeError(`immediate ${value} does not fit into 64 bits`);
  return { ...build(LD_IMM64, dst, PSEUDO.IMM, 0, 0), wide: BigInt.asUintN(64, value) };
}

/** `rD = map[...]`: the map, as helpers take it. */
export const loadMap = (dst: Register, map: MapSpec): Instruction => ({
  ...pseudo(dst, PSEUDO.MAP_FD, 0),
  map,
});
/** `rD = map[...][0]+offset`: an address inside the value of a single-entry array. Since Linux 5.2. */
export const loadMapValue = (dst: Register, map: MapSpec, offset: number): Instruction => ({
  ...pseudo(dst, PSEUDO.MAP_VALUE, 0, offset),
  map,
});

/** `rD = map[fd:N]`: a map by its descriptor. */
export const loadMapFd = (dst: Register, fd: number): Instruction => pseudo(dst, PSEUDO.MAP_FD, fd);
/** `rD = map[fd:N][0]+offset` */
export const loadMapFdValue = (dst: Register, fd: number, offset: number): Instruction =>
  pseudo(dst, PSEUDO.MAP_VALUE, fd, offset);
/** `rD = map[idx:N]`: a map by its place in the `fd_array` of BPF_PROG_LOAD. Since Linux 5.14. */
export const loadMapIdx = (dst: Register, index: number): Instruction => pseudo(dst, PSEUDO.MAP_IDX, index);
/** `rD = map[idx:N]+offset` */
export const loadMapIdxValue = (dst: Register, index: number, offset: number): Instruction =>
  pseudo(dst, PSEUDO.MAP_IDX_VALUE, index, offset);
/**
 * `rD = btf[id:N]`: a kernel variable by its BTF id; `moduleFd` is the descriptor of its module's BTF, 0 for the kernel
 * itself. Since Linux 5.10.
 */
export const loadBtfId = (dst: Register, btfId: number, moduleFd = 0): Instruction =>
  pseudo(dst, PSEUDO.BTF_ID, btfId, moduleFd);

/** `rD = subprog[target]`: the address of a function of the same program, for callbacks. Since Linux 5.13. */
export function loadFunction(dst: Register, target: Target): Instruction {
  if (typeof target !== 'number') return { ...pseudo(dst, PSEUDO.FUNC, 0), target };
  if (!Number.isInteger(target) || target < MIN_S32 || target > MAX_S32) {
    throw new RangeError(`distance ${target} does not fit into 32 signed bits`);
  }
  return pseudo(dst, PSEUDO.FUNC, target >>> 0);
}
