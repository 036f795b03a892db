// Where koffi's binary comes from: from where it lies, without what koffi does to find it.

import { createRequire } from 'node:module';
import test from 'ava';
import { loadKoffi } from '../../src/loader/koffi.ts';

test('the binary is loaded at once', (t) => {
  const { cache } = createRequire(import.meta.filename);
  const loaded = (): string[] => Object.keys(cache).filter((path) => /koffi/.test(path));
  const binary = loadKoffi();
  t.deepEqual(
    loaded().filter((path) => !path.endsWith('.node')),
    [],
    'koffi itself was needed: its binaries lie elsewhere now',
  );
  t.is(loaded().length, 1);
  t.is(Number(binary.load(null).func('int getpid()')()), process.pid);
});
