// The format strings of bpf_trace_printk (bpf_bprintf_prepare in kernel/bpf/helpers.c), as far as they make sense here:
// d i u x, with l or ll in front, c, p and s.

import { locate, regionOf } from '../core/access.ts';
import type { Machine } from '../core/machine.ts';
import { requireValue } from '../core/pointer.ts';

const SPECIFIER = /%(?:(%)|(-?0?\d*)(ll?)?([diuxXcps]))/g;
const decoder = new TextDecoder();
/** Longest string that %s takes. */
const MAX_STRING = 512;

/** The line; undefined where the format is not understood or asks for more than there is. */
export function formatTrace(
  machine: Machine,
  format: Uint8Array,
  registers: readonly number[],
): string | undefined {
  const end = format.indexOf(0);
  if (end < 0) return undefined;
  const text = decoder.decode(format.subarray(0, end));
  const left = [...registers];
  let missing = false;
  const line = text.replace(SPECIFIER, (_, percent: string, width: string, long: string, kind: string) => {
    if (percent) return '%';
    const register = left.shift();
    if (register === undefined) {
      missing = true;
      return '';
    }
    return pad(one(machine, register, long !== undefined, kind), width);
  });
  const unknown = text.replace(SPECIFIER, '').includes('%');
  return missing || unknown ? undefined : line;
}

function one(machine: Machine, register: number, long: boolean, kind: string): string {
  requireValue(machine, register);
  const bits = long || kind === 'p' ? 64 : 32;
  const value = machine.bigInt(register);
  switch (kind) {
    case 'd':
    case 'i':
      return BigInt.asIntN(bits, value).toString();
    case 'x':
    case 'p':
      return BigInt.asUintN(bits, value).toString(16);
    case 'X':
      return BigInt.asUintN(bits, value).toString(16).toUpperCase();
    case 'c':
      return String.fromCharCode(Number(value & 0xffn));
    case 's':
      return string(machine, register);
    default:
      return BigInt.asUintN(bits, value).toString();
  }
}

function string(machine: Machine, register: number): string {
  const region = regionOf(machine, register);
  const at = locate(machine, register, 0, 1, false);
  const bytes = region.bytes.subarray(at, Math.min(region.end, at + MAX_STRING));
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function pad(text: string, width: string): string {
  const size = Math.abs(Number(width || 0));
  if (width.startsWith('-')) return text.padEnd(size);
  return text.padStart(size, width.startsWith('0') ? '0' : ' ');
}
