// Streams of datagrams that change under way: what was seen of each, in the order of a capture.

import type { ExecutionContext } from 'ava';
import type { Capture } from './capture.ts';
import type { Namespace } from './namespace.ts';
import { streamPeer } from './stream.ts';

/**
 * All on one processor: what was sent first is then seen first, across streams as well, and what is seen after
 * something else was sent after it.
 */
const ONE_CPU = ['taskset', '-c', '0'];

export interface Sender {
  /** @returns how many were sent, and how many the sender itself could not send */
  stop(): Promise<{ readonly sent: number; readonly refused: number }>;
}

/** Sends numbered datagrams to a port of an address, `rate` a second, until it is stopped. */
export async function startSender(
  t: ExecutionContext,
  host: Namespace,
  [address, port]: readonly [address: string, port: number],
  rate: number,
): Promise<Sender> {
  const running = host.start([...ONE_CPU, await streamPeer(), 'send', address, `${port}`, `${rate}`]);
  t.teardown(() => running.stop());
  return {
    async stop() {
      running.process.stdin?.end();
      const { stdout, stderr } = await running.ended;
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout) as { sent: number; refused: number };
    },
  };
}

/** Runs of packets that `name` gives the same name, in the order of the capture: [name, how many]. */
export function runs(
  capture: Capture,
  name: (packet: { readonly source: string; readonly destination: string; readonly port: number }) => string,
): [name: string, packets: number][] {
  const found: [string, number][] = [];
  for (const { source, destination, transport } of capture.packets()) {
    const called = name({ source, destination, port: transport?.ports?.[1] ?? 0 });
    const last = found.at(-1);
    if (last?.[0] === called) last[1] += 1;
    else found.push([called, 1]);
  }
  return found;
}
