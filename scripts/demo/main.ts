// npm start: the main job on real traffic. Three namespaces, `tsnat attach` on the gateway's outside interface, then
// ping, TCP and UDP through it, what each side saw, the counters, and everything removed again.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { ADDRESS, createWorld, type World } from './world.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const CLI = join(ROOT, 'dist', 'cli', 'main.cjs');
const PEER = join(import.meta.dirname, 'peer.js');
const PORT = 7000;
/** `npm start -- 20` moves less, where the machine is slow. */
const MEGABYTES = Number(process.argv[2] ?? 200);
const DATAGRAMS = 1000;
const PINGS = 3;

const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

/** Runs tsnat as a person would, and shows the command and what it prints. */
function tsnat(...args: string[]): void {
  say(`$ tsnat ${args.join(' ')}`);
  const output = execFileSync(process.execPath, [CLI, ...args], { encoding: 'utf8' });
  say(output.trimEnd());
  say();
}

const inNetns = (netns: string, command: string, args: readonly string[]): [string, string[]] => [
  'nsenter',
  [`--net=/run/netns/${netns}`, command, ...args],
];

function ping(netns: string, address: string): string {
  const [command, args] = inNetns(netns, 'ping', ['-c', `${PINGS}`, '-i', '0.2', '-W', '2', address]);
  const output = execFileSync(command, args, { encoding: 'utf8' });
  const answered = /(\d+) received/.exec(output)?.[1] ?? '0';
  if (Number(answered) !== PINGS) throw new Error(`ping ${address}: ${answered} of ${PINGS} answered`);
  return `${answered} of ${PINGS} answered by ${/from ([\d.]+)/.exec(output)?.[1]}`;
}

type Line = { [key: string]: unknown };

function startPeer(netns: string, ...args: string[]): { child: ChildProcess; lines: AsyncIterator<Line> } {
  const [command, rest] = inNetns(netns, process.execPath, [PEER, ...args]);
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  const reader = createInterface({ input: child.stdout! });
  const lines = (async function* () {
    for await (const line of reader) yield JSON.parse(line) as Line;
  })();
  return { child, lines };
}

async function nextLine(lines: AsyncIterator<Line>, of: string): Promise<Line> {
  const { value, done } = await lines.next();
  if (done) throw new Error(`the ${of} ended without an answer`);
  return value;
}

async function traffic(world: World): Promise<void> {
  say(`ping    inside ${ADDRESS.inside} -> ${ADDRESS.outside}: ${ping(world.inside, ADDRESS.outside)}`);
  say(`ping    outside ${ADDRESS.outside} -> ${ADDRESS.mapped}: ${ping(world.outside, ADDRESS.mapped)}`);
  const server = startPeer(world.outside, 'serve', `${PORT}`);
  try {
    await nextLine(server.lines, 'server');
    const tcp = startPeer(world.inside, 'tcp', ADDRESS.outside, `${PORT}`, `${MEGABYTES}`);
    const tcpSeen = await nextLine(server.lines, 'server');
    const sent = await nextLine(tcp.lines, 'TCP client');
    if (sent.same !== true) throw new Error('the server received something else than was sent');
    const rate = ((MEGABYTES * 8) / 1000 / Number(sent.seconds)).toFixed(1);
    say(
      `tcp     ${MEGABYTES} MiB inside -> outside, hash equal, ${rate} Gbit/s; the server saw ${shown(tcpSeen.from)}`,
    );
    const udp = startPeer(world.inside, 'udp', ADDRESS.outside, `${PORT}`, `${DATAGRAMS}`);
    const udpSeen = await nextLine(server.lines, 'server');
    const echoed = await nextLine(udp.lines, 'UDP client');
    say(
      `udp     ${echoed.answered} of ${echoed.count} echoes came back; the server saw ${shown(udpSeen.from)}`,
    );
  } finally {
    server.child.kill();
  }
  say();
}

/** The address as the server prints it, without the IPv6 way of writing it. */
const shown = (address: unknown): string => String(address).replace(/^::ffff:/, '');

async function main(): Promise<void> {
  const name = `demo-${process.pid}`;
  using world = createWorld();
  // The namespaces must go even when a signal ends this.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      detachQuietly(name);
      world[Symbol.dispose]();
      process.exit(1);
    });
  }
  say(`inside ${ADDRESS.inside} -- gateway ${ADDRESS.gatewayOutside} -- outside ${ADDRESS.outside}\n`);
  try {
    tsnat(
      'attach',
      'out0',
      '--netns',
      world.gateway,
      '--name',
      name,
      '--map',
      `${ADDRESS.inside}=${ADDRESS.mapped}`,
    );
    await traffic(world);
    tsnat('map', 'list', name);
    tsnat('status', name);
    tsnat('detach', name);
  } catch (error) {
    detachQuietly(name);
    throw error;
  }
  say('The same on your own gateway, as root, eth0 being its outside interface:');
  say('  npx tsnat attach eth0 --map 10.0.0.5=203.0.113.5');
  say('  npx tsnat map add eth0 10.0.0.6=203.0.113.6');
  say('  npx tsnat status eth0');
  say('  npx tsnat detach eth0');
}

function detachQuietly(name: string): void {
  try {
    execFileSync(process.execPath, [CLI, 'detach', name], { stdio: 'ignore' });
  } catch {
    // Nothing was attached: there is nothing to take away.
  }
}

try {
  await main();
} catch (error) {
  const { message, stderr } = error as Error & { stderr?: string };
  process.stderr.write(`tsnat demo: ${stderr?.trim() || message}\n`);
  process.exitCode = 1;
}
