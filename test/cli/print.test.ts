// Output reaches whoever reads it, as slowly as he likes, and ends with him.

import test from 'ava';
import { run } from '../support/command.ts';
import { CLI, PYTHON } from '../support/root.ts';

/** More than a pipe holds. */
const COMMAND = [process.execPath, CLI, 'dump', 'egress', '--uses', 'all', '--format', 'json'];

/** Reads what the command writes into a pipe that does not block it, late and in small pieces. */
const SLOWLY = `
import os, subprocess, sys, time
read, write = os.pipe()
os.set_blocking(write, False)
child = subprocess.Popen(sys.argv[1:], stdout=write)
os.close(write)
time.sleep(2)
size = 0
while piece := os.read(read, 4096):
    size += len(piece)
print(size, child.wait())
`;

/** Reads one line and no more. */
const ONE_LINE = `
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
child.stdout.readline()
child.stdout.close()
print(child.stderr.read(), child.wait())
`;

test('a pipe that is full and does not block', async (t) => {
  const [program = '', ...args] = COMMAND;
  const whole = await run(program, args);
  const { stdout, stderr } = await run(PYTHON, ['-c', SLOWLY, ...COMMAND]);
  t.true(whole.stdout.length > 100_000);
  t.is(stdout, `${whole.stdout.length} 0\n`, stderr);
});

test('a pipe whose other end is closed', async (t) => {
  const { stdout, stderr } = await run(PYTHON, ['-c', ONE_LINE, ...COMMAND]);
  t.is(stdout, "b'' 0\n", stderr);
});
