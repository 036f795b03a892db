// The statements of the kernel's and LLVM's syntax, by their first token.

import { decodeInstructions } from '../encoding.ts';
import type { Instruction } from '../instruction.ts';
import * as make from '../instruction.ts';
import { INSTRUCTION_SIZE } from '../isa.ts';
import { LITTLE_ENDIAN } from '../layout.ts';
import { addressSpaceCast, arithmetic, move } from './alu.ts';
import type { Cursor } from './cursor.ts';
import { TextError } from './error.ts';
import { call, conditional } from './jump.ts';
import { atomicFunction, load, loadAcquire, locked, store, storeRelease } from './memory.ts';
import { numeral, unsigned } from './number.ts';
import { atRegister, type RegisterOperand, register, registerOf, target } from './operand.ts';
import type { Scope } from './scope.ts';
import { functionAddress, kernelVariable, map, symbol } from './wide.ts';

type Statement = (cursor: Cursor, scope: Scope) => Instruction | readonly Instruction[];

/** Statements that begin with a word of their own. */
const STATEMENTS: ReadonlyMap<string, Statement> = new Map<string, Statement>([
  ['if', after('if', conditional)],
  ['goto', after('goto', (cursor, scope) => make.ja(target(cursor, scope, 16)))],
  ['gotol', after('gotol', (cursor, scope) => make.ja32(target(cursor, scope, 32)))],
  ['gotox', after('gotox', (cursor) => make.jaIndirect(registerOf(cursor, 'r')))],
  ['may_goto', after('may_goto', (cursor, scope) => make.mayGoto(target(cursor, scope, 16)))],
  ['call', after('call', call)],
  [
    'callx',
    after('callx', (cursor) => {
      cursor.take('%');
      return make.callIndirect(registerOf(cursor, 'r'));
    }),
  ],
  ['exit', after('exit', () => make.exit())],
  ['store_release', storeRelease],
  ['.quad', after('.quad', raw)],
  ['.8byte', after('.8byte', raw)],
  ['*', store],
]);

function after(word: string, statement: Statement): Statement {
  return (cursor, scope) => {
    cursor.expect(word);
    return statement(cursor, scope);
  };
}

/**
 * Reads a statement, if it is one of this syntax.
 *
 * @param listedOpcode The opcode that the kernel's listing has in front.
 */
export function kernelStatement(
  cursor: Cursor,
  scope: Scope,
  listedOpcode: number | undefined,
): readonly Instruction[] | undefined {
  if (cursor.at('lock', '*')) {
    cursor.skip(1);
    return [locked(cursor)];
  }
  if (atRegister(cursor)) return [assignment(cursor, scope, listedOpcode)];
  const statement = STATEMENTS.get(cursor.peek()?.text ?? '');
  if (!statement) return undefined;
  return [statement(cursor, scope)].flat();
}

function assignment(cursor: Cursor, scope: Scope, listedOpcode: number | undefined): Instruction {
  const dst = register(cursor);
  if (!cursor.take('=')) return arithmetic(cursor, dst);
  if (cursor.at('*')) return load(cursor, dst);
  if (cursor.at('load_acquire')) return loadAcquire(cursor, dst);
  return (
    move(cursor, dst, listedOpcode) ??
    atomicFunction(cursor, dst) ??
    named(cursor, scope, dst) ??
    fail(cursor)
  );
}

/** What fills a whole register and has a name. */
function named(cursor: Cursor, scope: Scope, dst: RegisterOperand): Instruction | undefined {
  if (dst.width === 'w' || cursor.peek()?.kind !== 'name') return undefined;
  if (cursor.take('addr_space_cast')) return addressSpaceCast(cursor, dst.number);
  if (cursor.peek(1)?.text !== '[') return symbol(cursor, scope, dst.number);
  if (cursor.take('map')) return map(cursor, scope, dst.number);
  if (cursor.take('btf')) return kernelVariable(cursor, dst.number);
  if (cursor.take('subprog')) return functionAddress(cursor, scope, dst.number);
  return undefined;
}

function fail(cursor: Cursor): never {
  throw cursor.unexpected('a value: a number, a register, a load, an atomic operation, a map');
}

/** `.quad 0x95, ...`: units as numbers, whatever they mean. */
function raw(cursor: Cursor): readonly Instruction[] {
  const { position } = cursor;
  const units: bigint[] = [];
  do units.push(unsigned(numeral(cursor), 64));
  while (cursor.take(','));
  const view = new DataView(new ArrayBuffer(units.length * INSTRUCTION_SIZE));
  units.forEach((unit, i) => {
    view.setBigUint64(i * INSTRUCTION_SIZE, unit, LITTLE_ENDIAN);
  });
  try {
    return decodeInstructions(new Uint8Array(view.buffer));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TextError('SYNTAX', 'expected the second half of a ld_imm64 behind the first', position);
  }
}
