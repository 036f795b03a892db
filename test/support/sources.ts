// Streams of datagrams that change under way: what was seen of each, in the order of a capture.

import type { ExecutionContext } from 'ava';
import type { Capture } from './capture.ts';
import type { Namespace } from './namespace.ts';
import { parseFrame } from './packet.ts';
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

export interface Packet {
  readonly source: string;
  readonly destination: string;
  /** Destination port, of UDP. */
  readonly port: number;
}

const ETHERNET = 14;
const ETH_P_IPV6 = 0x86dd;
const IPV6_HEADER = 40;

function textOf(address: Buffer): string {
  const groups = [...Array(8).keys()].map((group) => address.readUInt16BE(2 * group).toString(16));
  // Shortened as inet_ntop(3) does.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

function readPacket(frame: Buffer): Packet | undefined {
  if (frame.readUInt16BE(12) === ETH_P_IPV6) {
    const [source, destination] = [8, 24].map((at) =>
      textOf(frame.subarray(ETHERNET + at, ETHERNET + at + 16)),
    );
    return {
      source: source!,
      destination: destination!,
      port: frame.readUInt16BE(ETHERNET + IPV6_HEADER + 2),
    };
  }
  const packet = parseFrame(frame);
  return packet && { ...packet, port: packet.transport?.ports?.[1] ?? 0 };
}

/** Runs of packets that `name` gives the same name, in the order of the capture: [name, how many]; others are left out. */
export function runs(
  capture: Capture,
  name: (packet: Packet) => string | undefined,
): [name: string, packets: number][] {
  const found: [string, number][] = [];
  for (const frame of capture.frames()) {
    const packet = readPacket(frame);
    const called = packet && name(packet);
    if (called === undefined) continue;
    const last = found.at(-1);
    if (last?.[0] === called) last[1] += 1;
    else found.push([called, 1]);
  }
  return found;
}
