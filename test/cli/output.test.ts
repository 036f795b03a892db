// Numbers, tables and JSON as people and programs read them.

import test from 'ava';
import { formatJson } from '../../src/cli/output.ts';
import { counted, grouped, readableBytes, table } from '../../src/cli/table.ts';

test('numbers', (t) => {
  t.deepEqual([0, 999, 1000, 1234567].map(grouped), ['0', '999', '1,000', '1,234,567']);
  t.is(grouped(2n ** 64n - 1n), '18,446,744,073,709,551,615');
  t.deepEqual([0n, 1023n, 1536n, 2n ** 40n].map(readableBytes), ['0 B', '1023 B', '1.5 KiB', '1.0 TiB']);
  t.is(readableBytes(2n ** 64n - 1n), '16.0 EiB');
  t.deepEqual(
    [0, 1, 2000].map((n) => counted(n, 'mapping')),
    ['0 mappings', '1 mapping', '2,000 mappings'],
  );
});

test('columns are aligned and have no trailing spaces', (t) => {
  const text = table(
    [{ heading: 'name' }, { heading: 'count', align: 'right' }, { heading: 'why' }],
    [
      ['a', '1', 'because'],
      ['longer', '12345', ''],
    ],
  );
  t.is(text, 'name    count  why\na           1  because\nlonger  12345\n');
});

test('counters are JSON numbers as long as every reader takes them as they are', (t) => {
  t.is(
    formatJson({ n: 5n, safe: 2n ** 53n - 1n, big: 2n ** 53n }),
    `{
  "n": 5,
  "safe": 9007199254740991,
  "big": "9007199254740992"
}
`,
  );
});
