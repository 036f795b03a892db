// The parts of `npm run kernels` that run without a guest: what counts as passed, and the archive that a guest boots from.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Archive } from '../../scripts/kernels/cpio.ts';
import { KERNELS } from '../../scripts/kernels/kernels.ts';
import { ByFile, remember } from '../../scripts/kernels/record.ts';
import { publish } from '../../scripts/kernels/report.ts';
import { TapReader } from '../../scripts/kernels/tap.ts';

const read = (...lines: string[]) => {
  const reader = new TapReader();
  for (const line of lines) reader.line(line);
  return reader.count;
};

test('what passed, what failed, and whether the run came to its end', (t) => {
  t.deepEqual(
    read('TAP version 13', 'ok 1 - a', 'not ok 2 - b', '  ---', 'ok 3 - c', '# tests 3', '# fail 1'),
    {
      passed: 2,
      failed: ['b'],
      skipped: [],
      ended: true,
    },
  );
  t.deepEqual(
    read('ok 1 - a', '# fail 0'),
    { passed: 1, failed: [], skipped: [], ended: false },
    'broken off',
  );
  t.deepEqual(
    read('ok 1 - a # SKIP', '# tests 1'),
    { passed: 0, failed: [], skipped: ['a'], ended: true },
    'skipped is not passed',
  );
  t.deepEqual(read('not ok 1 - a # TODO').failed, ['a # TODO']);
  t.deepEqual(read('not ok 1').failed, ['without a title']);
});

test('each test belongs to its file, however many files there are', (t) => {
  const byFile = (files: string[], titles: string[], ended: boolean) => {
    const results = new ByFile(files);
    for (const title of titles) {
      const outcome = title.endsWith('bad') ? 'failed' : title.endsWith('old') ? 'skipped' : 'passed';
      results.take({ title, outcome });
    }
    return results.results(ended, '2026-11-28');
  };
  const day = '2026-11-28';
  const both = ['e2e/arp.test.js', 'loader/hook/arp.test.js'];
  const titles = [
    'e2e › arp › one',
    'e2e › arp › bad',
    'e2e › arp › old',
    'loader › hook › arp › e2e › arp › three',
  ];
  t.deepEqual(byFile(both, titles, true), {
    'e2e/arp': { passed: 1, failed: ['bad'], skipped: 1, day },
    'loader/hook/arp': { passed: 1, failed: [], skipped: 0, day },
  });
  t.deepEqual(Object.keys(byFile(both, titles, false)), ['e2e/arp'], 'the one it was at is not known');
  t.deepEqual(byFile(['e2e/arp.test.js', 'e2e/ping.test.js'], ['arp › one', 'ping › bad'], true), {
    'e2e/arp': { passed: 1, failed: [], skipped: 0, day },
    'e2e/ping': { passed: 0, failed: ['bad'], skipped: 0, day },
  });
  t.deepEqual(byFile(['e2e/arp.test.js'], ['one › two'], true), {
    'e2e/arp': { passed: 1, failed: [], skipped: 0, day },
  });
  const died = ['.build/test/e2e/ping.test.js exited with a non-zero exit code: 1 bad'];
  t.like(byFile(['e2e/arp.test.js', 'e2e/ping.test.js'], died, true), { 'e2e/ping': { passed: 0 } });
});

/** Names, modes and sizes in a newc archive. */
function entries(archive: Buffer): [name: string, mode: string, data: string][] {
  const found: [string, string, string][] = [];
  for (let at = 0; at < archive.length; ) {
    const field = (i: number) =>
      Number.parseInt(archive.toString('latin1', at + 6 + 8 * i, at + 14 + 8 * i), 16);
    const [size, nameSize] = [field(6), field(11)];
    const name = archive.toString('latin1', at + 110, at + 110 + nameSize - 1);
    const data = at + Math.ceil((110 + nameSize) / 4) * 4;
    found.push([name, field(1).toString(8), archive.toString('latin1', data, data + size)]);
    at = Math.ceil((data + size) / 4) * 4;
  }
  return found;
}

test('an initramfs: folders before what is in them, each once, links as links', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kernels-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'file'), 'content', { mode: 0o640 });
  symlinkSync('file', join(folder, 'link'));
  const output = join(folder, 'archive');
  const archive = new Archive(output);
  archive.text('/a/b/c', 'odd', 0o755);
  archive.text('/a/b/c', 'a second time');
  archive.device('/dev/console', 5, 1);
  archive.copy(join(folder, 'file'));
  archive.copy(join(folder, 'link'));
  archive.close();
  const all = entries(readFileSync(output));
  t.deepEqual(all.slice(0, 5), [
    ['a', '40755', ''],
    ['a/b', '40755', ''],
    ['a/b/c', '100755', 'odd'],
    ['dev', '40755', ''],
    ['dev/console', '20600', ''],
  ]);
  t.deepEqual(all.slice(-3), [
    [join(folder, 'file').slice(1), '100640', 'content'],
    [join(folder, 'link').slice(1), '120777', 'file'],
    ['TRAILER!!!', '0', ''],
  ]);
});

test('package names, as they are in the archive', (t) => {
  const matches = (name: string, ...packages: string[]) => {
    const kernel = KERNELS.find((one) => one.name === name);
    return kernel?.packages.map((pattern, i) => pattern.exec(packages[i] ?? '')?.[1]);
  };
  t.deepEqual(matches('5.10', 'linux-image-5.10.0-46-cloud-amd64'), ['5.10.0-46']);
  t.deepEqual(matches('6.12', 'linux-image-6.12.117+deb12-cloud-amd64'), ['6.12.117+deb12']);
  t.deepEqual(matches('6.1', 'linux-image-6.12.117+deb12-cloud-amd64'), [undefined]);
  t.deepEqual(matches('6.1', 'linux-image-6.1.0-56-cloud-amd64-unsigned'), [undefined]);
  t.deepEqual(
    matches('7.3', 'linux-binary-7.3.4+deb13-cloud-amd64', 'linux-modules-7.3.4+deb13-cloud-amd64'),
    ['7.3.4+deb13', '7.3.4+deb13'],
  );
});

test('the pages: what is known is written, what is not stays, in the order of kernels', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'kernels-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const cache = join(root, 'cache');
  mkdirSync(join(root, 'docs'));
  const page = (...rows: string[]) =>
    [
      'before',
      '<!-- kernels: written by npm run kernels -->',
      ...rows,
      '<!-- end of kernels -->',
      'behind',
    ].join('\n');
  const others = [
    '| 5.10.0-46-cloud-amd64 | of a longer run |',
    '| 7.3.4+deb13-cloud-amd64 | of another machine |',
    '| 6.18.44 | the machine itself |',
  ];
  for (const name of ['README.md', 'docs/kernels.md'])
    writeFileSync(join(root, name), page('| kernel |', ...others));
  const rows = (name: string) =>
    readFileSync(join(root, name), 'utf8')
      .split('\n')
      .map((row) => /^\| (\d\S+)/.exec(row)?.[1] ?? (row.startsWith('|') ? 'head' : row));
  const file = { passed: 3, failed: [], skipped: 1, day: '2026-11-28' };
  const files = { 'e2e/arp': file, 'e2e/ping': { ...file, failed: ['one'] } };
  const existing = new Set(['e2e/arp', 'e2e/ping', 'e2e/tcp']);
  remember(cache, { name: '6.1', kernel: '6.1.0-56-cloud-amd64', files }, existing);
  publish(root, cache, existing);
  for (const name of ['README.md', 'docs/kernels.md']) {
    t.deepEqual(rows(name), [
      'before',
      '<!-- kernels: written by npm run kernels -->',
      'head',
      'head',
      '5.10.0-46-cloud-amd64',
      '6.1.0-56-cloud-amd64',
      '7.3.4+deb13-cloud-amd64',
      '6.18.44',
      '<!-- end of kernels -->',
      'behind',
    ]);
    const text = readFileSync(join(root, name), 'utf8');
    for (const row of others) t.true(text.includes(`\n${row}\n`), row);
    t.regex(text, /\| 6\.1\.0-56-cloud-amd64 \|.*2 of 3/);
  }
  t.regex(
    readFileSync(join(root, 'docs/kernels.md'), 'utf8'),
    /\| 6 \| 1 \| 2 \|.*e2e\/ping: one; not run: e2e\/tcp/,
  );
});
