// `ld_imm64` as text. The kernel shows a number; what it stands for is named as bpftool names it (xlated_dumper.c).

import type { Instruction } from '../instruction.ts';
import { PSEUDO } from '../isa.ts';

/**
 * Values that a `mov` can also make. Their `ld_imm64` has LLVM's ` ll` behind it, so that it does not read as one;
 * the kernel's listing tells the two apart by the opcode in front.
 */
const fitsMov = (value: bigint): boolean => value <= 0xffff_ffffn || value >= 0xffff_ffff_8000_0000n;

export function disassembleWide({ dst, src, offset, map, target, ...rest }: Instruction): string | undefined {
  const value = rest.wide ?? 0n;
  const low = BigInt.asUintN(32, value);
  const high = value >> 32n;
  if (offset !== 0) return undefined;
  const fd = map ? map.name : `fd:${low}`;
  switch (src) {
    case PSEUDO.IMM:
      return `r${dst} = 0x${value.toString(16)}${fitsMov(value) ? ' ll' : ''}`;
    case PSEUDO.MAP_FD:
      return high === 0n ? `r${dst} = map[${fd}]` : undefined;
    case PSEUDO.MAP_VALUE:
      return `r${dst} = map[${fd}][0]+${high}`;
    case PSEUDO.MAP_IDX:
      return high === 0n ? `r${dst} = map[idx:${low}]` : undefined;
    case PSEUDO.MAP_IDX_VALUE:
      return `r${dst} = map[idx:${low}]+${high}`;
    case PSEUDO.BTF_ID:
      return `r${dst} = btf[id:${low}${high === 0n ? '' : `, fd:${high}`}]`;
    case PSEUDO.FUNC:
      return high === 0n ? `r${dst} = subprog[${target?.name ?? distance(low)}]` : undefined;
    default:
      return undefined;
  }
}

function distance(low: bigint): string {
  const units = BigInt.asIntN(32, low);
  return units < 0n ? `${units}` : `+${units}`;
}
