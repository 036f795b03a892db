// TypeScript refuses to mix byte orders, sizes and contexts: support/types.ts says so line by line, and does not compile
// where it is not true. What is left to see at run time is that it was compiled at all.

import test from 'ava';
import * as refused from '../support/types.ts';

test('mixed byte orders, sizes and contexts do not compile', (t) => {
  t.deepEqual(Object.keys(refused), [
    'builtFor',
    'calculated',
    'called',
    'compared',
    'declared',
    'lookedUp',
    'stored',
  ]);
});
