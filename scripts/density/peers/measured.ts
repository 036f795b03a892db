// The peers on the same namespaces: what it takes them to bind one slot when the others are bound, and all of them at once;
// connections and conntrack entries of theirs.

import type { Traffic } from '../engine/traffic.ts';
import type { Timed, Wish } from '../measure/bind.ts';
import { compareSetUp, type SetUp } from '../measure/connections.ts';
import { type Slab, slab } from '../measure/memory.ts';
import { sampleOf, timedUs } from '../measure/sample.ts';
import type { Progress } from '../progress.ts';
import { type Proof, prove } from '../proof.ts';
import { addressText, type World } from '../world.ts';
import { addTransit, type Pair } from './classic.ts';
import { type Make, RuleList } from './iptables.ts';
import { dropMaps, elements, FLUSH, type LibNftables, makeMaps, nftFile } from './nft.ts';
import { timedMs } from './run.ts';

/** All slots, at once. */
export interface Batch {
  readonly name: string;
  /** Milliseconds, the median of the rounds. */
  readonly milliseconds: number;
  readonly rounds: number;
}

export interface Measured {
  readonly one: readonly Timed[];
  readonly all: readonly Batch[];
  readonly setUp: readonly SetUp[];
  /** Twice NAT with conntrack at work: every slot speaks. */
  readonly proof: Proof;
  readonly conntrack: { readonly before: Slab | undefined; readonly after: Slab | undefined };
  /** Rules in the slots' own namespaces: milliseconds for each, by iptables-restore, some at a time. */
  readonly inSlot: number;
}

/** Slots that are bound by commands of their own, the last of all: with lists that long, every command takes its time. */
const SAMPLES: { readonly [M in Make]: number } = { 'iptables-legacy': 30, 'iptables-nft': 12 };
const IN_SLOT_SAMPLES = 20;
const NFT_SAMPLES = 60;
const LIBRARY_SAMPLES = 400;
const ROUNDS = 3;
/** Processes at a time that fill the namespaces' own lists. */
const ABREAST = 4;

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** @param library of the gateway's namespace */
export async function measurePeers(
  world: World,
  traffic: Traffic,
  wishes: readonly Wish[],
  progress: Progress,
  library: LibNftables,
): Promise<Measured> {
  const pairs = wishes.map(([slot, address]): Pair => [slot, addressText(address)]);
  const one: Timed[] = [];
  const all: Batch[] = [];
  const setUp: SetUp[] = [];
  const batches = (name: string, fill: () => void, empty: () => void): void => {
    const took: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) empty();
      took.push(timedMs(fill));
    }
    all.push({ name, milliseconds: median(took), rounds: ROUNDS });
  };

  await progress.phase('classic: the rules in each namespace');
  addTransit(world);
  const legacy = new RuleList('iptables-legacy', world);
  const inSlot = await ownRules(legacy, world, one, progress);

  await progress.phase('classic: iptables-legacy');
  batches(
    'iptables-legacy-restore',
    () => legacy.restore(pairs),
    () => legacy.flush(),
  );
  await progress.step('every slot speaks');
  const before = slab('nf_conntrack');
  traffic.ledger.change(wishes, () => {});
  const proof = await progress.race(prove(world, traffic));
  const after = slab('nf_conntrack');
  if (proof.problems.length > 0)
    throw new Error(`twice NAT does not work here: ${proof.problems.join('; ')}`);
  await progress.step('connections');
  setUp.push(await lists(legacy, 'iptables-legacy', traffic, pairs, progress));
  one.push(oneByOne(legacy, 'iptables-legacy', pairs));
  legacy.flush();

  await progress.phase('classic: iptables-nft');
  const nft = new RuleList('iptables-nft', world);
  batches(
    'iptables-nft-restore',
    () => nft.restore(pairs),
    () => nft.flush(),
  );
  await progress.step('connections');
  setUp.push(await lists(nft, 'iptables-nft', traffic, pairs, progress));
  await progress.step('one by one');
  one.push(oneByOne(nft, 'iptables-nft', pairs));
  nft.flush();

  await progress.phase('classic: nft maps');
  makeMaps(world.gateway);
  batches(
    'nft map, nft -f',
    () => nftFile(world.gateway, elements(pairs)),
    () => library.run(FLUSH),
  );
  library.run(FLUSH);
  batches(
    'nft map, libnftables',
    () => library.run(elements(pairs)),
    () => library.run(FLUSH),
  );
  const last = pairs.slice(-1);
  const some = (): void => {
    library.run(FLUSH);
    library.run(elements(last));
  };
  const full = (): void => library.run(elements(pairs.slice(0, -1)));
  setUp.push(await progress.race(compareSetUp('nft map', traffic, pairs.length - 1, some, full)));
  one.push(...oneElement(world, library, pairs));
  dropMaps(world.gateway);
  return { one, all, setUp, proof, conntrack: { before, after }, inSlot };
}

/** In all namespaces, of which the last ones rule by rule. @returns milliseconds for each of the others */
async function ownRules(legacy: RuleList, world: World, one: Timed[], progress: Progress): Promise<number> {
  const singles = Math.min(IN_SLOT_SAMPLES, world.slots.length - 1);
  const bulk = world.slots.length - singles;
  const begun = performance.now();
  for (let slot = 0; slot < bulk; slot += ABREAST) {
    const some = Array.from({ length: Math.min(ABREAST, bulk - slot) }, (_, at) => slot + at);
    await Promise.all(some.map((each) => legacy.startInSlot(each)));
    await progress.step(`${slot} of ${world.slots.length}`);
  }
  const milliseconds = (performance.now() - begun) / bulk;
  const added: number[] = [];
  for (let slot = bulk; slot < world.slots.length; slot++) added.push(timedUs(() => legacy.addInSlot(slot)));
  one.push({
    name: "iptables-legacy in the slot's namespace",
    sample: sampleOf(added),
    note: 'two rules into empty chains, a command each',
  });
  return milliseconds;
}

/** The list at the gateway with the last slot alone, and with all, its rules at the end. */
function lists(
  list: RuleList,
  name: string,
  traffic: Traffic,
  pairs: readonly Pair[],
  progress: Progress,
): Promise<SetUp> {
  const fill = (some: readonly Pair[]) => () => {
    list.flush();
    list.restore(some);
  };
  const compared = compareSetUp(name, traffic, pairs.length - 1, fill(pairs.slice(-1)), fill(pairs));
  return progress.race(compared);
}

function oneByOne(list: RuleList, name: Make, pairs: readonly Pair[]): Timed {
  const count = Math.min(SAMPLES[name], pairs.length - 1);
  list.flush();
  list.restore(pairs.slice(0, -count));
  const took = pairs.slice(-count).map((pair) => timedUs(() => list.add(pair)));
  return { name, sample: sampleOf(took), note: `the last ${count} slots, two rules each, a command each` };
}

function oneElement(world: World, library: LibNftables, pairs: readonly Pair[]): Timed[] {
  const measure = (name: string, wanted: number, run: (commands: string) => void, note: string): Timed => {
    const count = Math.min(wanted, pairs.length - 1);
    library.run(FLUSH);
    library.run(elements(pairs.slice(0, -count)));
    const took = pairs.slice(-count).map((pair) => {
      const commands = elements([pair]);
      return timedUs(() => run(commands));
    });
    return { name, sample: sampleOf(took), note: `the last ${count} slots, ${note}` };
  };
  return [
    measure('nft map, nft -f', NFT_SAMPLES, (commands) => nftFile(world.gateway, commands), 'a process each'),
    measure('nft map, libnftables', LIBRARY_SAMPLES, (commands) => library.run(commands), 'in one process'),
  ];
}
