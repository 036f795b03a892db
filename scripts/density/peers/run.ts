// Runs the peers' commands inside a namespace. They see this machine's tools, not those of npm's packages, one of which is
// called nft.

import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { withNetns } from '../../../src/loader/index.ts';

const PATH: string = (process.env.PATH ?? '')
  .split(':')
  .filter((folder) => !folder.endsWith('node_modules/.bin'))
  .join(':');
const ROOM = 256 << 20;

/** @param netns name or descriptor. @throws Error where it fails @returns its output */
export function must(
  netns: string | number,
  command: string,
  args: readonly string[],
  input?: string,
): string {
  const where = typeof netns === 'number' ? { fd: netns } : netns;
  // The child is made by this thread, so it is where this thread is.
  const { status, stdout, stderr, error } = withNetns(where, () =>
    spawnSync(command, args, {
      encoding: 'utf8',
      env: { ...process.env, PATH },
      maxBuffer: ROOM,
      ...(input !== undefined && { input }),
    }),
  );
  if (error) throw new Error(`${command}: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${status}: ${stderr.slice(0, 500)}`);
  return stdout;
}

/** Milliseconds. */
export function timedMs(run: () => void): number {
  const begun = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - begun) / 1e6;
}
