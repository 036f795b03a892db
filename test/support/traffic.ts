// What hosts do to each other: ping, move a file by HTTP, exchange datagrams.

import type { ExecutionContext } from 'ava';
import type { Result, Running } from './command.ts';
import type { Namespace } from './namespace.ts';
import { PEERS } from './root.ts';

/** One end of a conversation, and the address under which the other end reaches it. */
export interface End {
  readonly host: Namespace;
  readonly address: string;
}

export interface Received {
  /** Peer address as the server saw it. */
  readonly from: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface Tally {
  readonly sent: number;
  readonly echoed: number;
  readonly spoiled: number;
  readonly missing: readonly number[];
  /** Where the echoes came from, as the sender saw it. */
  readonly from: readonly string[];
}

export interface Seen {
  readonly received: number;
  readonly duplicates: number;
  readonly bytes: number;
  readonly from: readonly string[];
}

const HTTP_PORT = 8080;
const UDP_PORT = 9000;
const TRANSFER_TIMEOUT_MS = 120_000;

const peer = (name: string): string[] => [process.execPath, `${PEERS}${name}.js`];

export interface PingOptions {
  readonly count?: number;
  readonly size?: number;
  /** More options of ping(8). */
  readonly more?: readonly string[];
}

/** Sends `count` pings quickly; its exit status is 0 when an answer came to one of them. */
export function ping(
  host: Namespace,
  address: string,
  { count = 3, size = 56, more = [] }: PingOptions = {},
): Promise<Result> {
  const args = ['-n', '-c', `${count}`, '-i', '0.05', '-W', '1', '-s', `${size}`, ...more];
  return host.run(['ping', ...args, address]);
}

/** Every ping is answered, by the very address that was asked. */
export async function pingOk(
  t: ExecutionContext,
  host: Namespace,
  address: string,
  options: PingOptions = {},
): Promise<void> {
  const { stdout } = await ping(host, address, options);
  t.regex(stdout, / 0% packet loss/, stdout);
  t.regex(stdout, new RegExp(`bytes from ${address.replaceAll('.', '\\.')}: `), stdout);
  t.notRegex(stdout, /DUP!|corrupt|BAD CHECKSUM|DIFFERENT ADDRESS/i, stdout);
}

/** Where a server listens; the usual port of its kind, and every IPv4 address, where left out. */
export interface Listening {
  readonly port?: number;
  readonly address?: string;
}

export async function startHttp(
  t: ExecutionContext,
  host: Namespace,
  { port = HTTP_PORT, address = '0.0.0.0' }: Listening = {},
): Promise<Running> {
  const server = host.start([...peer('http-server'), `${port}`, address]);
  t.teardown(() => server.stop());
  await server.says(/ready/);
  return server;
}

/** Moves `bytes` between `client` and the server at `address`. @returns the receiving end's account */
export async function transfer(
  client: Namespace,
  address: string,
  method: 'get' | 'put',
  bytes: number,
  port: number = HTTP_PORT,
): Promise<Received> {
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
  const text = await client.must([...peer('http-client'), method, url, `${bytes}`], {
    timeout: TRANSFER_TIMEOUT_MS,
  });
  return JSON.parse(text) as Received;
}

export async function startEcho(
  t: ExecutionContext,
  host: Namespace,
  { port = UDP_PORT, address = '0.0.0.0' }: Listening = {},
): Promise<{ stop(): Promise<Seen> }> {
  const echo = host.start([...peer('udp-echo'), `${port}`, address]);
  t.teardown(() => echo.stop());
  await echo.says(/ready/);
  return {
    async stop() {
      echo.process.stdin?.end();
      const { stdout } = await echo.ended;
      return JSON.parse(stdout.replace('ready', '')) as Seen;
    },
  };
}

export async function sendDatagrams(
  host: Namespace,
  address: string,
  { count = 100, size = 64, port = UDP_PORT }: { count?: number; size?: number; port?: number } = {},
): Promise<Tally> {
  const args = [address, port, count, size].map(String);
  return JSON.parse(await host.must([...peer('udp-send'), ...args])) as Tally;
}
