// Latency of UDP through a router at half of what plain routing takes at most: sender and router on one core, the receiver
// polling on the other. Datagrams are due evenly, and late ones count from when they were due.

import { interleave, type Summary, summarize } from './measure.ts';
import type { Row, Section } from './report.ts';
import type { ContestantName } from './traffic/contestants.ts';
import { SERVER } from './traffic/hosts.ts';
import { type Lab, NAMES, withLabs } from './traffic/labs.ts';

const PORT = '6000';
const PERCENTILES = ['median', '99%', '99.9%'] as const;
type Percentile = (typeof PERCENTILES)[number];
const SHOWN: readonly Percentile[] = ['median', '99%'];

const core = (number: number): string[] => ['taskset', '-c', `${number}`];

/** Datagrams a second that plain routing takes from one sender. */
async function most({ client }: Lab, tool: string, count: number): Promise<number> {
  return Number(await client.must([...core(0), tool, 'send', SERVER, PORT, '0', `${count}`]));
}

/** The line that the receiver says of one run: see latency.c. */
const LINE = /^(\d+) (\d+) (\d+) (\d+) \d+$/gm;

async function run({ client, server }: Lab, tool: string, rate: number, count: number): Promise<number[]> {
  const lines = (): RegExpExecArray[] => [...server.stdout().matchAll(LINE)];
  const before = lines().length;
  await client.must([...core(0), tool, 'send', SERVER, PORT, `${rate}`, `${count}`]);
  for (;;) {
    const line = lines()[before];
    if (line !== undefined) return line.slice(2).map(Number);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

type Latencies = { readonly [N in ContestantName]: { readonly [P in Percentile]: Summary } };

export function latency(rounds: number, count: number): Promise<Section> {
  const serve = (tool: string): string[] => [...core(1), tool, 'receive', PORT];
  return withLabs('latency', serve, async (labs, tool) => {
    const rates: number[] = [];
    for (let turn = 0; turn < 5; turn++) rates.push(await most(labs.get('plain')!, tool, count));
    const rate = Math.round(summarize(rates).median / 2_000) * 1_000;
    const seen = new Map<ContestantName, number[][]>(NAMES.map((name) => [name, []]));
    const turn = (name: ContestantName) => async () => {
      const percentiles = await run(labs.get(name)!, tool, rate, count);
      seen.get(name)!.push(percentiles);
      return percentiles[0]!;
    };
    await interleave(rounds, Object.fromEntries(NAMES.map((name) => [name, turn(name)])));
    const latencies = Object.fromEntries(
      // The first turn was for warming up.
      NAMES.map((name) => [name, percentilesOf(seen.get(name)!.slice(1))]),
    ) as Latencies;
    return {
      title: `Latency through a router at ${rate.toLocaleString('en')} datagrams a second`,
      rows: rowsOf(latencies),
      data: { rate, latencies },
    };
  });
}

const percentilesOf = (turns: readonly number[][]): Latencies[ContestantName] =>
  Object.fromEntries(
    PERCENTILES.map((name, i) => [name, summarize(turns.map((turn) => turn[i]!))]),
  ) as Latencies[ContestantName];

function rowsOf(latencies: Latencies): Row[] {
  const shown = (name: ContestantName, at: Percentile): string =>
    `${(latencies[name][at].median / 1_000).toFixed(1)} us`;
  return NAMES.filter((ours) => ours.startsWith('tsnat')).flatMap((ours) =>
    NAMES.filter((peer) => !peer.startsWith('tsnat')).flatMap((peer) =>
      SHOWN.map((at): Row => {
        const ratio = latencies[ours][at].median / latencies[peer][at].median;
        return {
          what: `${at}: ${ours} against ${peer}`,
          ours: shown(ours, at),
          peer: shown(peer, at),
          ratio: `${ratio.toFixed(2)}x`,
        };
      }),
    ),
  );
}
