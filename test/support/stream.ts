// Numbered datagrams both ways through a lab at tens of thousands a second, while something is done to the gateway:
// each one sent has to arrive, once, from the address it should come from, and has to be counted.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { must, sleep } from './command.ts';
import { INSIDE, type Lab, ON_LINK } from './lab.ts';
import type { Namespace } from './namespace.ts';
import { ownFolder } from './registry.ts';
import { ROOT } from './root.ts';

const PORT = '9000';
/** Streams that flow before anything is done, and after. */
const LEAD_MS = 300;

/** What the receiver of one direction says. */
export interface Received {
  readonly received: number;
  readonly duplicates: number;
  readonly disordered: number;
  /** The first twenty. */
  readonly missing: readonly number[];
  readonly lost: number;
  readonly from: readonly string[];
}

export interface Flow {
  readonly sent: number;
  readonly refused: number;
  readonly seconds: number;
  readonly received: Received;
}

type Cleanup = Pick<ExecutionContext, 'teardown'>;

let compiled: Promise<string> | undefined;

/** Instruments go first: on a busy machine they would else measure how busy it is. */
const FIRST = ['nice', '-n', '-15'];

/** The peer, compiled once for each process. */
export function streamPeer(): Promise<string> {
  compiled ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsl-stream-'));
    ownFolder(folder);
    const output = join(folder, 'stream');
    const source = join(ROOT, 'test/support/peer/stream.c');
    await must('clang', ['-O2', '-Wall', '-Wextra', '-Werror', source, '-o', output]);
    return output;
  })();
  return compiled;
}

async function receive(t: Cleanup, host: Namespace): Promise<() => Promise<Received>> {
  const running = host.start([...FIRST, await streamPeer(), 'receive', PORT]);
  t.teardown(() => running.stop());
  await running.says(/ready/);
  return async () => {
    running.process.stdin?.end();
    const { stdout } = await running.ended;
    return JSON.parse(stdout.replace('ready', '')) as Received;
  };
}

async function send(
  t: Cleanup,
  host: Namespace,
  address: string,
  rate: number,
): Promise<() => Promise<Omit<Flow, 'received'>>> {
  const running = host.start([...FIRST, await streamPeer(), 'send', address, PORT, `${rate}`]);
  t.teardown(() => running.stop());
  return async () => {
    running.process.stdin?.end();
    const { stdout, stderr } = await running.ended;
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as Omit<Flow, 'received'>;
  };
}

/** Does `work` under streams from the inside host to the server and from there to `ON_LINK`, `rate` a second each. */
export async function underStreams(
  t: Cleanup,
  lab: Lab,
  rate: number,
  work: () => Promise<void>,
): Promise<{ readonly outward: Flow; readonly inward: Flow }> {
  const outer = await receive(t, lab.outside);
  const inner = await receive(t, lab.inside);
  const outward = await send(t, lab.inside, lab.server, rate);
  const inward = await send(t, lab.outside, ON_LINK, rate);
  await sleep(LEAD_MS);
  await work();
  await sleep(LEAD_MS);
  const [sentOut, sentIn] = await Promise.all([outward(), inward()]);
  const [receivedOut, receivedIn] = await Promise.all([outer(), inner()]);
  return {
    outward: { ...sentOut, received: receivedOut },
    inward: { ...sentIn, received: receivedIn },
  };
}

/** What has to come of it when nothing is lost: everything, once, from these addresses. */
export const whole = (sent: number, from: string): Omit<Received, 'disordered'> => ({
  received: sent,
  duplicates: 0,
  missing: [],
  lost: 0,
  from: [from],
});

export { INSIDE, ON_LINK };
