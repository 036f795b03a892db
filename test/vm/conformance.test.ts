// `npm run conformance` on a folder of its own: what it prints, and how it ends.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { needsRootAndBpf } from '../support/requirements.ts';

needsRootAndBpf(test);

const MAIN = fileURLToPath(new URL('../../scripts/conformance/main.js', import.meta.url));

function conformance(...args: string[]): Promise<{ readonly status: number; readonly output: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], (_, stdout, stderr) => {
      resolve({ status: child.exitCode ?? -1, output: stdout + stderr });
    });
  });
}

const cases = {
  'sum.data': '-- asm\nmov %r0, 40\nadd %r0, 2\nexit\n-- result\n0x2a\n',
  'below/memory.data': '-- asm\nldxb %r0, [%r1+1]\nadd %r0, %r2\nexit\n-- mem\n01 02\n-- result\n4\n',
  'refused.data': '-- asm\nmov %r0, 1\nlsh %r0, 65\nexit\n-- result\n2\n',
  'error.data': '-- asm\nmov %r1, 0\nldxb %r0, [%r1+0]\nexit\n-- error\nbad access\n',
};

function folder(files: { readonly [name: string]: string }): string {
  const path = mkdtempSync(join(tmpdir(), 'tsnat-conformance-'));
  mkdirSync(join(path, 'below'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('it counts, and lists what did not pass', async (t) => {
  const { status, output } = await conformance(folder(cases));
  t.is(status, 0, output);
  const lines = output.trimEnd().split('\n');
  t.deepEqual(lines.slice(-2), ['interpreter: 4 passed, 0 failed', 'kernel: 3 passed, 0 failed, 1 refused']);
  t.is(lines.length, 3);
  t.regex(lines[0]!, /^refused kernel refused\.data: .*invalid shift 65/);
});

test('a wrong result and a file that cannot be read are failures', async (t) => {
  const { status, output } = await conformance(
    folder({
      ...cases,
      'wrong.data': '-- asm\nmov %r0, 1\nexit\n-- result\n2\n',
      'bad.data': '-- asm\nhm %r0\n',
    }),
  );
  t.is(status, 1);
  t.regex(output, /^failed interpreter wrong\.data: r0 is 0x1, not 0x2$/m);
  t.regex(output, /^failed interpreter bad\.data: /m);
  t.regex(output, /^interpreter: 4 passed, 2 failed\nkernel: 3 passed, 2 failed, 1 refused$/m);
});

test('a case may want a program that cannot even be read', async (t) => {
  const half = '-- raw\n0x0000000000000018\n0x0000000000010000\n0x0000000000000095\n';
  const { status, output } = await conformance(
    folder({
      'wanted.data': `${half}-- error\ninvalid lddw second half at PC 1\n`,
      'unwanted.data': `${half}-- result\n0\n`,
      'text.data': '-- asm\nmov %r11, 1\nexit\n-- error\ninvalid register\n',
    }),
  );
  t.is(status, 1);
  t.regex(output, /^interpreter: 2 passed, 1 failed\nkernel: 2 passed, 1 failed, 0 refused$/m);
  t.regex(output, /^failed interpreter unwanted\.data: instruction 0: /m);
});

test('usage', async (t) => {
  t.is((await conformance('/nonexistent')).status, 2);
  t.is((await conformance('a', 'b')).status, 2);
  t.is((await conformance('--help')).status, 0);
  t.regex((await conformance(folder({}))).output, /no \.data file/);
});
