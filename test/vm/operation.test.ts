// The cases of the main loop and of the arithmetic are numbers, for speed; here they are held against their names.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { BINARY, COMPARE, FAMILY, UNARY } from '../../src/vm/core/operation.ts';
import { ROOT } from '../support/root.ts';

const TABLES: { readonly [name: string]: { readonly [operation: string]: number } } = {
  FAMILY,
  BINARY,
  COMPARE,
  UNARY,
};
const NAMED_CASE = /^ *\/\/ (\w+)\.(\w+)\n *case (\d+):/gm;
const ANY_CASE = /^ *case \d+:/gm;

for (const file of ['execute', 'alu32', 'alu64', 'compare', 'unary']) {
  test(`${file}: every case has the number of its name`, (t) => {
    const source = readFileSync(join(ROOT, 'src', 'vm', 'core', `${file}.ts`), 'utf8');
    const named = [...source.matchAll(NAMED_CASE)];
    t.is(named.length, [...source.matchAll(ANY_CASE)].length);
    for (const [, table = '', operation = '', number] of named) {
      t.is(TABLES[table]?.[operation], Number(number), `${table}.${operation}`);
    }
  });
}
