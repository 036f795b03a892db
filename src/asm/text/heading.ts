// What may stand in front of a statement: labels; the index and opcode of the kernel's listing (`12: (61) r0 = ...`); the
// index and bytes of llvm-objdump's (`12:  61 10 4c 00 00 00 00 00  r0 = ...`), and its `0000000000000000 <name>:`.

import type { Cursor } from './cursor.ts';
import { numeral, unsigned } from './number.ts';
import type { Position, Token } from './scanner.ts';

interface Listed extends Position {
  readonly number: number;
}

export interface Heading {
  readonly labels: readonly Token[];
  /** Which unit of the program the statement is. */
  readonly index?: Listed;
  readonly opcode?: Listed;
}

const BYTE = /^[0-9a-f]{2}$/;
/** Bytes of an instruction of one unit; a `ld_imm64` has twice as many on its line. */
const BYTES = 8;

export function heading(cursor: Cursor): Heading {
  if (cursor.peek()?.kind === 'number') return listed(cursor);
  const labels: Token[] = [];
  while (cursor.peek()?.kind === 'name' && cursor.peek(1)?.text === ':') {
    labels.push(cursor.expectKind('name', 'a label'));
    cursor.expect(':');
  }
  return { labels };
}

function listed(cursor: Cursor): Heading {
  if (cursor.peek(1)?.text === '<') {
    cursor.skip(2);
    const label = cursor.expectKind('name', 'a label');
    cursor.expect('>');
    cursor.expect(':');
    return { labels: [label] };
  }
  const { position } = cursor;
  const index = { ...position, number: Number(unsigned(numeral(cursor), 32)) };
  cursor.expect(':');
  while (bytesAhead(cursor)) cursor.skip(BYTES);
  const opcode = opcodeAhead(cursor);
  return { labels: [], index, ...(opcode && { opcode }) };
}

function bytesAhead(cursor: Cursor): boolean {
  return Array.from({ length: BYTES }, (_, i) => cursor.peek(i)).every((token) =>
    BYTE.test(token?.text ?? ''),
  );
}

function opcodeAhead(cursor: Cursor): Listed | undefined {
  const token = cursor.peek(1);
  if (!cursor.at('(') || !token || !BYTE.test(token.text) || cursor.peek(2)?.text !== ')') return undefined;
  const { position } = cursor;
  cursor.skip(3);
  return { ...position, number: Number.parseInt(token.text, 16) };
}
