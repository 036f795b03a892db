// What a `ld_imm64` may stand for, as our own listing and bpftool show it: `map[name]`, `map[fd:3][0]+8`,
// `map[idx:1]+8`, `btf[id:5, fd:7]`, `subprog[+5]`; and LLVM's `name ll`.

import type { Instruction } from '../instruction.ts';
import * as make from '../instruction.ts';
import type { Register } from '../isa.ts';
import type { Cursor } from './cursor.ts';
import { TextError } from './error.ts';
import { numeral, unsigned } from './number.ts';
import { target } from './operand.ts';
import type { Scope } from './scope.ts';

const number32 = (cursor: Cursor): number => Number(unsigned(numeral(cursor), 32));

/** `[id:5` has a name, a colon and a number. */
function keyed(cursor: Cursor, key: string): number {
  cursor.expect(key);
  cursor.expect(':');
  return number32(cursor);
}

/** `+8` */
function offset(cursor: Cursor): number {
  cursor.expect('+');
  return number32(cursor);
}

/** `map[...]`, the name taken already. */
export function map(cursor: Cursor, scope: Scope, dst: Register): Instruction {
  cursor.expect('[');
  if (cursor.at('idx', ':')) {
    const index = keyed(cursor, 'idx');
    cursor.expect(']');
    return cursor.at('+') ? make.loadMapIdxValue(dst, index, offset(cursor)) : make.loadMapIdx(dst, index);
  }
  if (cursor.at('id', ':')) {
    throw cursor.unexpected('a name, fd:N or idx:N (a map cannot be loaded by its id)');
  }
  if (cursor.at('fd', ':')) {
    const fd = keyed(cursor, 'fd');
    cursor.expect(']');
    return firstValue(cursor) ? make.loadMapFdValue(dst, fd, offset(cursor)) : make.loadMapFd(dst, fd);
  }
  const spec = scope.expectMap(cursor.expectKind('name', "a map's name, fd:N or idx:N"));
  cursor.expect(']');
  return firstValue(cursor) ? make.loadMapValue(dst, spec, offset(cursor)) : make.loadMap(dst, spec);
}

const firstValue = (cursor: Cursor): boolean => cursor.take('[', '0', ']');

/** `btf[id:5, fd:7]`, the name taken already. */
export function kernelVariable(cursor: Cursor, dst: Register): Instruction {
  cursor.expect('[');
  const id = keyed(cursor, 'id');
  const fd = cursor.take(',') ? keyed(cursor, 'fd') : 0;
  cursor.expect(']');
  return make.loadBtfId(dst, id, fd);
}

/** `subprog[name]`, `subprog[+5]`, the name taken already. */
export function functionAddress(cursor: Cursor, scope: Scope, dst: Register): Instruction {
  cursor.expect('[');
  const to = target(cursor, scope, 32);
  cursor.expect(']');
  return make.loadFunction(dst, to);
}

/** `name ll`: a map or, failing that, a function of the text. */
export function symbol(cursor: Cursor, scope: Scope, dst: Register): Instruction {
  const name = cursor.expectKind('name', 'a name');
  cursor.expect('ll');
  const spec = scope.map(name.text);
  if (spec) return make.loadMap(dst, spec);
  const found = scope.expectFunction(name);
  if (typeof found !== 'number') return make.loadFunction(dst, found);
  throw new TextError('LABEL', `${name.text} ll: expected a map or a label, not a helper`, name);
}
