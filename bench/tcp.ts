// TCP through a router: connections a second (connect, one byte each way, close), and bulk with segmentation offload.
// Client, router and server share one core, and rates are of its time, so that they say what all of it costs. The hosts' own
// TCP is most of that: ratios are milder than for packets alone.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Running } from '../test/support/command.ts';
import type { Namespace } from '../test/support/namespace.ts';
import { ROOT } from '../test/support/root.ts';
import { interleave, type Summary } from './measure.ts';
import type { Row, Section } from './report.ts';
import { CONTESTANTS, type ContestantName } from './traffic/contestants.ts';
import { Hosts, SERVER } from './traffic/hosts.ts';

const NAMES = Object.keys(CONTESTANTS) as ContestantName[];
const PORT = '5000';
const ON_ONE_CORE = ['taskset', '-c', '1'];
const STATEFUL_TARGET = 1.3;
/** The client is the second of the insides. */
const MAPPINGS = 2;

type Rates = { readonly [N in ContestantName]: Summary };

export async function tcp(rounds: number, seconds: number): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'tsnat-bench-'));
  const undo: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const tool = join(folder, 'tcp');
    execFileSync('clang', ['-O2', '-o', tool, join(ROOT, 'bench/traffic/tcp.c')]);
    const hosts = new Map<ContestantName, { readonly client: Namespace; readonly pid: number }>();
    for (const name of NAMES) {
      const made = await Hosts.make();
      undo.unshift(() => made[Symbol.asyncDispose]());
      undo.unshift(await CONTESTANTS[name].setUp(made.router, MAPPINGS));
      const server: Running = made.server.start([...ON_ONE_CORE, tool, 'serve', PORT]);
      undo.unshift(() => server.process.kill());
      await server.says(/ready/);
      hosts.set(name, { client: made.client, pid: server.process.pid! });
    }
    const rates = async (mode: 'connect' | 'bulk'): Promise<Rates> => {
      const turn = (name: ContestantName) => async () => {
        const { client, pid } = hosts.get(name)!;
        const before = busy(pid);
        const said = await client.must([...ON_ONE_CORE, tool, mode, SERVER, PORT, `${seconds}`]);
        const [count, own] = said.split(' ').map(Number) as [number, number];
        return count / (own + busy(pid) - before);
      };
      const turns = Object.fromEntries(NAMES.map((name) => [name, turn(name)]));
      return (await interleave(rounds, turns)) as Rates;
    };
    const [connections, bulk] = [await rates('connect'), await rates('bulk')];
    return {
      title: 'TCP through a router',
      rows: [
        ...rowsOf('connections a second', connections, (rate) => rate.toFixed(0), STATEFUL_TARGET),
        ...rowsOf('bulk', bulk, (rate) => `${((rate * 8) / 1e9).toFixed(1)} Gbit/s`),
      ],
      data: { connections, bulk },
    };
  } finally {
    for (const step of undo) await step();
  }
}

/** Processor time of a process so far, in seconds. */
const busy = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;

function rowsOf(what: string, rates: Rates, shown: (rate: number) => string, stateful?: number): Row[] {
  return (['tsnat', 'tsnat xdp'] as const).flatMap((ours) =>
    NAMES.filter((peer) => !peer.startsWith('tsnat')).map((peer): Row => {
      const ratio = rates[ours].median / rates[peer].median;
      const factor = ours === 'tsnat' && CONTESTANTS[peer].stateful ? stateful : undefined;
      return {
        what: `${what}: ${ours} against ${peer}`,
        ours: shown(rates[ours].median),
        peer: shown(rates[peer].median),
        ratio: `${ratio.toFixed(2)}x`,
        better: 'more',
        ...(factor !== undefined && { target: `>= ${factor}x`, reached: ratio >= factor }),
      };
    }),
  );
}
