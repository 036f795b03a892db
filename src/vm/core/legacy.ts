// Legacy packet access, `ld_abs` and `ld_ind` (RFC 9669, section 5.5): big-endian loads from an skb whose context is
// in r6. Negative offsets count from the network or link-layer header (SKF_NET_OFF and SKF_LL_OFF in linux/filter.h).

import { Trap } from '../fault.ts';
import { Skb } from '../packet/skb.ts';
import { regionOf } from './access.ts';
import type { Machine } from './machine.ts';
import { requireNumber } from './pointer.ts';
import { SCALAR } from './region.ts';

const R0 = 0;
const R6 = 6;
const SKF_NET_OFF = -0x10_0000;
const SKF_LL_OFF = -0x20_0000;

/**
 * r0 = `size` bytes of the packet at `imm`, plus the value of register `s` where that is not negative.
 *
 * @returns false where the packet does not have them
 */
export function legacyLoad(machine: Machine, size: number, s: number, imm: number): boolean {
  const skb = regionOf(machine, R6).owner;
  if (!(skb instanceof Skb)) throw new Trap('ARGUMENT', 'r6 is not the context of an skb');
  let offset = imm;
  if (s >= 0) {
    requireNumber(machine, s);
    offset = (offset + machine.lo[s]!) | 0;
  }
  if (offset < 0) offset = offset >= SKF_NET_OFF ? offset - SKF_NET_OFF + skb.macLength : offset - SKF_LL_OFF;
  const bytes = skb.packet.range(offset, size);
  machine.clobber();
  if (bytes === undefined) return false;
  let value = 0;
  for (const byte of bytes) value = (value << 8) | byte;
  machine.lo[R0] = value;
  machine.hi[R0] = 0;
  machine.tag[R0] = SCALAR;
  return true;
}
