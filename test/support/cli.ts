// The command line under test, run as a user runs it: a process of its own, judged by status and output.

import type { ExecutionContext } from 'ava';
import { runInside } from './cli-inside.ts';
import { type Result, type RunOptions, run } from './command.ts';
import { EMULATED } from './emulation.ts';
import { CLI } from './root.ts';

export function tsnat(args: readonly string[], options: RunOptions = {}): Promise<Result> {
  // In an emulated machine a process takes seconds to start: the same `main` in this one.
  if (EMULATED && Object.keys(options).length === 0) return runInside(args);
  return run(process.execPath, [CLI, ...args], options);
}

/** Runs it, and fails the test when it fails. @returns its standard output. */
export async function tsnatOk(t: ExecutionContext, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await tsnat(args);
  t.is(status, 0, `tsnat ${args.join(' ')}: exit ${status}: ${stderr}${stdout}`);
  return stdout;
}

/** Runs it with `--json` and parses what comes. */
export async function tsnatJson<T>(t: ExecutionContext, args: readonly string[]): Promise<T> {
  return JSON.parse(await tsnatOk(t, [...args, '--json'])) as T;
}

/**
 * Runs it where it has to refuse: the given status, nothing on stdout, and on stderr one line that names each of
 * `names` and shows nothing of the inside of the program.
 */
export async function refuses(
  t: ExecutionContext,
  args: readonly string[],
  { status, names }: { readonly status: 1 | 2; readonly names: readonly (string | RegExp)[] },
  options: RunOptions = {},
): Promise<Result> {
  const result = await tsnat(args, options);
  const said = `tsnat ${args.join(' ')}: exit ${result.status}\nstderr: ${result.stderr}stdout: ${result.stdout}`;
  t.is(result.status, status, said);
  t.is(result.stdout, '', said);
  const lines = result.stderr.replace(/\n$/, '').split('\n');
  // Wrong usage may add where to read on.
  t.true(status === 1 ? lines.length === 1 : lines.length <= 2, `one line: ${said}`);
  t.notRegex(result.stderr, /\n\s+at |node:internal|undefined|\[object/, said);
  for (const name of names) {
    t.true(
      typeof name === 'string' ? result.stderr.includes(name) : name.test(result.stderr),
      `${name} in: ${said}`,
    );
  }
  return result;
}
