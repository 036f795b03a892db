import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { be32, defineMap, u32 } from '../../src/asm/index.ts';
import {
  BpfMap,
  BpfProgram,
  escapePinName,
  findBpffs,
  isBpffs,
  unescapePinName,
  withLock,
} from '../../src/loader/index.ts';
import { json } from './support/commands.ts';
import { namespace } from './support/namespace.ts';

const definition = defineMap({ name: 'ldrt_pinned', type: 'hash', key: be32, value: u32, maxEntries: 4 });

function folder(t: { teardown(run: () => void): void }): string {
  const path = `${findBpffs()}/ldrt_${process.pid}_${Math.random().toString(36).slice(2)}`;
  mkdirSync(path, { mode: 0o700 });
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('names survive the escape, and no escaped name has a dot', (t) => {
  t.is(escapePinName('eth0.100'), 'eth0%2E100');
  t.is(escapePinName('50%'), '50%25');
  fc.assert(
    fc.property(fc.stringMatching(/^[^/\p{Cc}]{1,40}$/u), (name) => {
      const file = escapePinName(name);
      t.false(file.includes('.'));
      t.is(unescapePinName(file), name);
    }),
  );
  t.is(unescapePinName('eth0%new'), undefined);
  for (const bad of ['', 'a/b', 'a\nb', 'x'.repeat(201), '.'.repeat(67)]) {
    t.throws(() => escapePinName(bad), { instanceOf: RangeError });
  }
});

test('pins: where they are, what opens them, and folders that are renamed', (t) => {
  const path = folder(t);
  t.true(isBpffs(path));
  t.is(statSync(path).mode & 0o777, 0o700);
  using map = BpfMap.create(definition);
  map.set(5, 6);
  mkdirSync(`${path}/a%new`);
  map.pin(`${path}/a%new/map`);
  t.throws(() => map.pin(`${path}/a%new/map`), { code: 'EEXIST' });
  t.throws(() => map.pin(`${path}/a.b`), { code: 'EPERM', message: /without dots/ });
  t.throws(() => map.pin('/tmp/ldrt_not_bpffs'), { code: 'EPERM', message: /a pin goes into a bpffs/ });
  renameSync(`${path}/a%new`, `${path}/a`);
  using again = BpfMap.openPin(`${path}/a/map`, definition);
  t.is(again?.get(5), 6);
  t.is(json('bpftool', '-j', 'map', 'show', 'pinned', `${path}/a/map`).id, map.raw.id);
  t.is(BpfMap.openPin(`${path}/absent`, definition), undefined);
  t.throws(() => BpfProgram.openPin(`${path}/a/map`), { code: 'EKIND' });
  t.throws(() => BpfMap.openPin(`${path}/a/map`, { ...definition, valueSize: 8 }), { code: 'EMAPSHAPE' });
});

test("inside 'ip netns exec' the system's bpffs is still found", (t) => {
  const { name } = namespace('ldrt');
  const script = `const { statSync } = require('node:fs');
  import('${new URL('../../src/loader/index.js', import.meta.url).href}').then(({ findBpffs, isBpffs }) => {
    const path = findBpffs();
    console.log(isBpffs('/sys/fs/bpf'), path !== '/sys/fs/bpf', statSync(path).ino === ${statSync(findBpffs()).ino}, statSync(path).dev === ${statSync(findBpffs()).dev});
  })`;
  const out = execFileSync('ip', ['netns', 'exec', name, process.execPath, '-e', script], {
    encoding: 'utf8',
  });
  t.is(out.trim(), 'false true true true');
});

test('a lock is held by one at a time, and let go of', (t) => {
  const path = folder(t);
  withLock(path, () => {
    t.throws(() => withLock(path, () => t.fail(), 50), {
      code: 'EBUSY',
      message: /another process is at work/,
    });
  });
  t.is(
    withLock(path, () => 7, 0),
    7,
  );
});
