// The package's types as its users get them: tsd reads the published declarations with a TypeScript of its own and holds
// them against the statements in *.test-d.ts. A test for each of these files, named with how many statements it makes.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'ava';
import tsd from 'tsd';
import { ROOT } from '../support/root.ts';

const FOLDER = 'test/types';
const UNTRUE = 'support/untrue.test-d.ts';
const STATEMENT = /^\s*expect[A-Z]\w+[<(]/gm;

const files = readdirSync(join(ROOT, FOLDER)).filter((name) => name.endsWith('.test-d.ts'));
const found = tsd.default({
  cwd: ROOT,
  typingsFile: 'dist/index.d.ts',
  testFiles: [...files, UNTRUE].map((name) => join(FOLDER, name)),
});

/** What tsd has against a file, line by line. */
async function complaints(name: string): Promise<string[]> {
  const all = await found;
  return all
    .filter(({ fileName }) => basename(fileName) === basename(name))
    .map(({ line, message }) => `${line}: ${message}`);
}

for (const name of files) {
  const statements = readFileSync(join(ROOT, FOLDER, name), 'utf8').match(STATEMENT) ?? [];
  test(`${name}: ${statements.length} statements about types`, async (t) => {
    t.true(statements.length > 0);
    t.deepEqual(await complaints(name), []);
  });
}

test('what is not true is seen', async (t) => {
  const seen = await complaints(UNTRUE);
  t.is(seen.length, 3);
  t.is(seen.filter((line) => line.endsWith('Expected an error, but found none.')).length, 1);
});

test('nothing is wrong with the declarations themselves', async (t) => {
  const inside = (await found).filter(({ fileName }) => !fileName.includes('.test-d.ts'));
  t.deepEqual(
    inside.map(({ fileName, line, message }) => `${fileName}:${line}: ${message}`),
    [],
  );
});
