// Jumps and calls in the kernel's and LLVM's syntax; calls in the conformance suite's, too.

import { helperName, helperNumber } from '../helper-names.ts';
import type { Instruction } from '../instruction.ts';
import * as make from '../instruction.ts';
import { JMP } from '../isa.ts';
import type { Cursor } from './cursor.ts';
import { TextError } from './error.ts';
import { atNumeral, bits32, distance32, type Numeral, numeral, offset16, signed32 } from './number.ts';
import { atRegister, register, registerOf, target } from './operand.ts';
import type { Scope } from './scope.ts';
import { JMP_SIGNS } from './signs.ts';

export const JUMPS: ReadonlyMap<number, make.Jump> = new Map([
  [JMP.JEQ, make.jeq],
  [JMP.JGT, make.jgt],
  [JMP.JGE, make.jge],
  [JMP.JSET, make.jset],
  [JMP.JNE, make.jne],
  [JMP.JSGT, make.jsgt],
  [JMP.JSGE, make.jsge],
  [JMP.JLT, make.jlt],
  [JMP.JLE, make.jle],
  [JMP.JSLT, make.jslt],
  [JMP.JSLE, make.jsle],
]);

/** The kernel lists the 32 bits of an immediate that is sign-extended: `if r1 == 0xffffffff` compares with -1. */
const compared = (value: Numeral): number => {
  const asBits = value.hexadecimal && value.value >= 0n && value.value <= 0xffff_ffffn;
  return asBits ? bits32(value) : signed32(value);
};

/** `rD op rS goto target` behind `if`. */
export function conditional(cursor: Cursor, scope: Scope): Instruction {
  const dst = register(cursor);
  const operation = JMP_SIGNS.meaning.get(cursor.peek()?.text ?? '');
  const forms = operation === undefined ? undefined : JUMPS.get(operation);
  if (!forms) throw cursor.unexpected('a comparison such as == or s>');
  cursor.skip(1);
  const wide = dst.width === 'r';
  if (atRegister(cursor)) {
    const src = registerOf(cursor, dst.width);
    const to = gotoTarget(cursor, scope);
    return wide ? forms.reg(dst.number, src, to) : forms.reg32(dst.number, src, to);
  }
  const value = numeral(cursor, 'a register or a number');
  const imm = wide ? compared(value) : bits32(value);
  const to = gotoTarget(cursor, scope);
  return wide ? forms.imm(dst.number, imm, to) : forms.imm32(dst.number, imm, to);
}

function gotoTarget(cursor: Cursor, scope: Scope): make.Target {
  cursor.expect('goto');
  return target(cursor, scope, 16);
}

/**
 * What stands behind `call`: `bpf_map_lookup_elem#1`, `kernel-function#5`, `pc+5`, `1`, a name; `local L`, `helper 1`,
 * `runtime 5`, `%r2`.
 */
export function call(cursor: Cursor, scope: Scope): Instruction {
  if (cursor.take('%') || atRegister(cursor)) return make.callIndirect(registerOf(cursor, 'r'));
  if (cursor.at('pc', '+') || cursor.at('pc', '-')) return make.callLocal(target(cursor, scope, 32));
  if (atNumeral(cursor)) return make.call(distance32(numeral(cursor)));
  if (cursor.at('kernel', '-', 'function', '#')) {
    cursor.skip(4);
    return kernelFunction(cursor);
  }
  if (cursor.peek(1) && cursor.take('local')) return make.callLocal(target(cursor, scope, 32));
  if (cursor.peek(1) && cursor.take('helper')) return helper(cursor);
  if (cursor.peek(1) && cursor.take('runtime')) return make.callKernel(distance32(numeral(cursor)));
  const name = cursor.expectKind('name', 'a function: its name, pc+N, or the number of a helper');
  if (cursor.take('#')) return numbered(name, cursor);
  const found = scope.expectFunction(name);
  return typeof found === 'number' ? make.call(found) : make.callLocal(found);
}

/** `helper 1`, `helper %r2` */
function helper(cursor: Cursor): Instruction {
  if (cursor.take('%') || atRegister(cursor)) return make.callIndirect(registerOf(cursor, 'r'));
  return make.call(distance32(numeral(cursor)));
}

/** A name and a number: a helper where the name is one's, else a kernel function, as the verifier lists it. */
function numbered(name: { text: string; line: number; column: number }, cursor: Cursor): Instruction {
  const known = helperNumber(name.text);
  if (known === undefined && !/^(?:bpf_)?unknown$/.test(name.text)) return kernelFunction(cursor);
  const id = distance32(numeral(cursor));
  // A number beyond the helpers is listed as `unknown`, one among them by its name.
  if (known === undefined ? helperName(id) === undefined : known === id) return make.call(id);
  const message = `${name.text}#${id}: expected ${known === undefined ? `bpf_${helperName(id)}` : `#${known}`}`;
  throw new TextError('SYNTAX', message, name);
}

/** The BTF id, and where `fd_array` has the BTF it belongs to. */
function kernelFunction(cursor: Cursor): Instruction {
  const id = distance32(numeral(cursor));
  if (!cursor.take('fd_array')) return make.callKernel(id);
  cursor.expect('[');
  const index = offset16(numeral(cursor));
  cursor.expect(']');
  return make.callKernel(id, index);
}
