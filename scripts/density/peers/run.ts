// Runs the peers' commands inside a namespace. They see this machine's tools, not those of npm's packages, one of which is
// called nft.

import { spawn, spawnSync } from 'node:child_process';
import process from 'node:process';
import { PATH } from '../../../test/support/path.ts';
import { type Where, within } from '../world.ts';

const ROOM = 256 << 20;
const MOST_SAID = 500;

const failure = (command: string, args: readonly string[], status: number | null, stderr: string): Error =>
  new Error(`${command} ${args.join(' ')}: exit ${status}: ${stderr.slice(-MOST_SAID)}`);

/** @throws Error where it fails @returns its output */
export function must(where: Where, command: string, args: readonly string[], input?: string): string {
  // A child is made by this thread, so it is where this thread is.
  const { status, stdout, stderr, error } = within(where, () =>
    spawnSync(command, args, {
      encoding: 'utf8',
      env: { ...process.env, PATH },
      maxBuffer: ROOM,
      ...(input !== undefined && { input }),
    }),
  );
  if (error) throw new Error(`${command}: ${error.message}`);
  if (status !== 0) throw failure(command, args, status, stderr);
  return stdout;
}

/** The same, beside others. */
export async function start(
  where: Where,
  command: string,
  args: readonly string[],
  input: string,
): Promise<void> {
  const child = within(where, () =>
    spawn(command, args, { env: { ...process.env, PATH }, stdio: ['pipe', 'ignore', 'pipe'] }),
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (status !== 0) throw failure(command, args, status, said);
}

/** Milliseconds. */
export function timedMs(run: () => void): number {
  const begun = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - begun) / 1e6;
}
