// TCP through a router: connections a second (connect, one byte each way, close), and bulk with segmentation offload.
// Client, router and server share one core, and rates are of its time, so that they say what all of it costs. The hosts' own
// TCP is most of that: ratios are milder than for packets alone.

import { readFileSync } from 'node:fs';
import { interleave, type Summary } from './measure.ts';
import type { Row, Section } from './report.ts';
import { CONTESTANTS, type ContestantName } from './traffic/contestants.ts';
import { SERVER } from './traffic/hosts.ts';
import { type Lab, NAMES, withLabs } from './traffic/labs.ts';

const PORT = '5000';
const ON_ONE_CORE = ['taskset', '-c', '1'];
const STATEFUL_TARGET = 1.3;

type Rates = { readonly [N in ContestantName]: Summary };

export function tcp(rounds: number, seconds: number): Promise<Section> {
  const serve = (tool: string): string[] => [...ON_ONE_CORE, tool, 'serve', PORT];
  return withLabs('tcp', serve, async (labs, tool) => {
    const rates = async (mode: 'connect' | 'bulk'): Promise<Rates> => {
      const turn =
        ({ client, server }: Lab) =>
        async () => {
          const { pid } = server.process;
          const before = busy(pid!);
          const said = await client.must([...ON_ONE_CORE, tool, mode, SERVER, PORT, `${seconds}`]);
          const [count, own] = said.split(' ').map(Number) as [number, number];
          return count / (own + busy(pid!) - before);
        };
      const turns = Object.fromEntries(NAMES.map((name) => [name, turn(labs.get(name)!)]));
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
  });
}

/** Processor time of a process so far, in seconds. */
const busy = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;

function rowsOf(what: string, rates: Rates, shown: (rate: number) => string, stateful?: number): Row[] {
  const peers = NAMES.filter((peer) => !peer.startsWith('tsnat'));
  return NAMES.filter((ours) => ours.startsWith('tsnat')).flatMap((ours) =>
    peers.map((peer): Row => {
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
