// Packets through a router, translated by tsnat and by its peers: one flow, many, and a new one with every packet.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Namespace } from '../test/support/namespace.ts';
import { interleave, type Summary } from './measure.ts';
import type { Row, Section } from './report.ts';
import { CONTESTANTS, type Contestant, type ContestantName } from './traffic/contestants.ts';
import { NAMES } from './traffic/labs.ts';
import { passage } from './traffic/passage.ts';
import { type FloodOptions, Router } from './traffic/router.ts';

/** Connections that the kernel may follow; more than a turn makes. */
const MOST_CONNECTIONS = 1 << 20;

interface Case {
  readonly title: string;
  readonly flood: FloodOptions;
  /** So many times the packets in a turn, and as much fewer turns. */
  readonly longer?: number;
  readonly targets: readonly Target[];
}

/** `ours` is to be at least `factor` times as fast as `peer`. */
interface Target {
  readonly ours: ContestantName;
  readonly peer: ContestantName;
  readonly factor?: number;
}

const FEWEST_ROUNDS = 2;
const SMALL = 64;
const ONE = { nearCount: 1, flows: 1, size: SMALL };
const MANY = { nearCount: 1, flows: 2 ** 16, size: SMALL };
const NEW = { nearCount: 1, flows: 2 ** 31, size: SMALL };

const toPlain: readonly Target[] = [
  { ours: 'tsnat', peer: 'plain', factor: 0.9 },
  { ours: 'tsnat redirect', peer: 'plain', factor: 1.05 },
  { ours: 'tsnat xdp', peer: 'plain', factor: 2 },
  { ours: 'tsnat', peer: 'C twin' },
  { ours: 'tsnat', peer: 'nft stateless' },
];
/** The way in, which leads past the routing table. */
const slotsToPlain: readonly Target[] = [
  { ours: 'tsnat slot', peer: 'plain', factor: 1.2 },
  { ours: 'tsnat slot xdp', peer: 'plain', factor: 2.5 },
];
const toStateful = (ours: ContestantName, factor: number): Target[] =>
  (['iptables-legacy', 'iptables-nft', 'nft stateful'] as const).map((peer) => ({ ours, peer, factor }));

const CASES: readonly Case[] = [
  { title: 'outbound, one flow', flood: { direction: 'outbound', ...ONE }, targets: toPlain },
  { title: 'inbound, one flow', flood: { direction: 'inbound', ...ONE }, targets: toPlain },
  {
    title: 'outbound, 65,536 flows',
    flood: { direction: 'outbound', ...MANY },
    targets: [...toPlain, ...toStateful('tsnat', 1.6), ...toStateful('tsnat redirect', 1.9)],
  },
  {
    title: 'outbound, every packet a new flow',
    flood: { direction: 'outbound', ...NEW },
    // The more connections are known, the longer a new one takes; what never ends does not stop at a few.
    longer: 3,
    targets: toStateful('tsnat', 4),
  },
];

/** As many hosts inside as a switch has; packets for them take turns. */
const HOSTS = 64;

interface Group {
  readonly contestants: readonly ContestantName[];
  /** Address mappings. */
  readonly mappings: number;
  readonly cases: readonly Case[];
}

const GROUPS: readonly Group[] = [
  { contestants: NAMES, mappings: 1, cases: CASES },
  {
    contestants: ['plain', 'tsnat slot', 'tsnat slot xdp'],
    mappings: 1,
    cases: [
      { title: 'for slots, one flow', flood: { direction: 'inbound', ...ONE }, targets: slotsToPlain },
      { title: 'for slots, 65,536 flows', flood: { direction: 'inbound', ...MANY }, targets: slotsToPlain },
    ],
  },
  {
    // The stack keeps a route as long as one destination follows the other (ip_sublist_rcv).
    contestants: ['plain', 'tsnat', 'tsnat redirect', 'tsnat xdp', 'tsnat slot', 'tsnat slot xdp'],
    mappings: HOSTS,
    cases: [
      {
        title: `inbound, ${HOSTS} hosts in turn`,
        flood: { direction: 'inbound', nearCount: HOSTS, flows: 1, size: SMALL },
        targets: [...toPlain.filter(({ factor }) => factor !== undefined), ...slotsToPlain],
      },
    ],
  },
];

interface Measured {
  /** Nanoseconds of processor time for a packet. */
  readonly nanoseconds: { readonly [N in ContestantName]?: Summary };
  /** The most that one of them lost of what was sent. */
  readonly lost: { readonly [N in ContestantName]?: number };
}

type Routers = ReadonlyMap<ContestantName, Router>;

/** Makes a router for each, and takes all away again. */
async function withRouters<T>(
  { contestants, mappings }: Group,
  use: (routers: Routers) => Promise<T>,
): Promise<T> {
  const made = new Map<ContestantName, Router>();
  const undo: (() => void | Promise<void>)[] = [];
  try {
    for (const name of contestants) {
      const router = await Router.make();
      undo.unshift(() => router[Symbol.asyncDispose]());
      undo.unshift(await CONTESTANTS[name].setUp(router.namespace, mappings));
      made.set(name, router);
    }
    return await use(made);
  } finally {
    for (const step of undo) await step();
  }
}

async function measure(
  routers: Routers,
  flood: FloodOptions,
  rounds: number,
  packets: number,
): Promise<Measured> {
  const lost: { [N in ContestantName]?: number } = {};
  const turn = (name: ContestantName, router: Router) => (): number => {
    const contestant: Contestant = CONTESTANTS[name];
    const passed = passage(router, packets, flood, () => {
      if (contestant.stateful) forget(router.namespace);
    });
    lost[name] = Math.max(lost[name] ?? 0, 1 - passed.arrived / passed.sent);
    return passed.nanoseconds;
  };
  const turns = Object.fromEntries([...routers].map(([name, router]) => [name, turn(name, router)]));
  return { nanoseconds: (await interleave(rounds, turns)) as Measured['nanoseconds'], lost };
}

/** Throws away what the kernel knows of connections in there. */
function forget({ path }: Namespace): void {
  const { status, stderr } = spawnSync('nsenter', [`--net=${path}`, 'conntrack', '-F'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`conntrack -F: exit ${status}: ${stderr}`);
}

const MAX_FILE = '/proc/sys/net/netfilter/nf_conntrack_max';

export async function forwarding(rounds: number, packets: number): Promise<Section> {
  const most = readFileSync(MAX_FILE, 'utf8');
  writeFileSync(MAX_FILE, `${Math.max(Number(most), MOST_CONNECTIONS)}`);
  try {
    const results: { [title: string]: Measured } = {};
    const rows: Row[] = [];
    for (const group of GROUPS) {
      await withRouters(group, async (routers) => {
        for (const { title, flood, targets, longer = 1 } of group.cases) {
          const turns = Math.max(FEWEST_ROUNDS, Math.ceil(rounds / longer));
          const measured = await measure(routers, flood, turns, packets * longer);
          results[title] = measured;
          rows.push(...targets.map((target) => rowOf(title, measured, target)));
        }
      });
    }
    return { title: 'Packets through a router, of one core', rows, data: results };
  } finally {
    writeFileSync(MAX_FILE, most);
  }
}

function rowOf(title: string, { nanoseconds, lost }: Measured, { ours, peer, factor }: Target): Row {
  // Packets a second to packets a second: more is better.
  const of = (name: ContestantName): number => nanoseconds[name]?.median ?? Number.NaN;
  const ratio = of(peer) / of(ours);
  const losses = ([ours, peer] as const).filter((name) => (lost[name] ?? 0) > 0);
  const shown = (name: ContestantName): string => `${(1_000 / of(name)).toFixed(2)} Mpps`;
  return {
    what: `${title}: ${ours} against ${peer}${losses.map((name) => `; ${name} lost ${((lost[name] ?? 0) * 100).toFixed(1)}%`).join('')}`,
    ours: shown(ours),
    peer: shown(peer),
    ratio: `${ratio.toFixed(2)}x`,
    better: 'more',
    ...(factor !== undefined && { target: `>= ${factor}x`, reached: ratio >= factor }),
  };
}
