// As which address and port a host is seen by another, over TCP and UDP: what a translation comes down to.

import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Namespace } from './namespace.ts';
import { PYTHON, ROOT } from './root.ts';

export type Socket = readonly [address: string, port: number];

export type Protocol = 'tcp' | 'udp' | 'udplite';

export interface Question {
  readonly protocol: Protocol;
  /** Own address and port; port 0 takes any. */
  readonly from: Socket;
  readonly to: Socket;
  /** UDP-Lite: bytes that the checksum covers, all of them where left out. */
  readonly coverage?: number;
}

/** As whom the other end sees the asking one; or why it did not answer: `silence`, or a name of errno(3). */
export type Seen = Socket | string;

const PEER = join(ROOT, 'test/support/peer/seen.py');

/** Answers on these sockets of `host` until the test is over. */
export async function serve(
  t: ExecutionContext,
  host: Namespace,
  ...sockets: readonly (readonly [protocol: Protocol, address: string, port: number])[]
): Promise<void> {
  const server = host.start([PYTHON, PEER, 'serve', JSON.stringify(sockets)]);
  t.teardown(() => server.stop());
  await server.says(/ready/);
}

/** Asks in turn. @returns one answer for each question */
export async function ask(host: Namespace, ...questions: readonly Question[]): Promise<Seen[]> {
  return JSON.parse(await host.must([PYTHON, PEER, 'ask', JSON.stringify(questions)])) as Seen[];
}

/** The same over TCP and over UDP. */
export const overBoth = (from: Socket, to: Socket): Question[] => [
  { protocol: 'tcp', from, to },
  { protocol: 'udp', from, to },
];

/** Waits for `count` datagrams. @returns a promise of who has sent them, and how many bytes */
export async function receive(
  t: ExecutionContext,
  host: Namespace,
  [address, port]: Socket,
  count: number,
): Promise<() => Promise<readonly [address: string, port: number, size: number][]>> {
  const receiver = host.start([PYTHON, PEER, 'receive', address, `${port}`, `${count}`]);
  t.teardown(() => receiver.stop());
  await receiver.says(/ready/);
  return async () => JSON.parse((await receiver.ended).stdout.replace('ready', ''));
}
