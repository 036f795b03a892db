// One run from beginning to end: the world, the proof, the changes, and with peers the figures. Whatever it has made is gone
// when it is over, however that came about.

import { openInstance } from '../../src/index.ts';
import { type Binder, type ChurnOptions, churn, poolAddress } from './churn.ts';
import { allowDescriptors } from './engine/native.ts';
import { Traffic } from './engine/traffic.ts';
import { machine } from './machine.ts';
import { attachMeasured } from './measure/attach.ts';
import { bindAll, bindEach, releaseAll, type Wish } from './measure/bind.ts';
import { compareSetUp } from './measure/connections.ts';
import { slab } from './measure/memory.ts';
import { bindVnis } from './measure/vni.ts';
import { Ours } from './ours.ts';
import { measurePeers } from './peers/measured.ts';
import { LibNftables } from './peers/nft.ts';
import type { Progress } from './progress.ts';
import { type Proof, prove } from './proof.ts';
import type { Figures, Quick, Results } from './results.ts';
import { awaitRemoval, namespaceCount } from './sweep.ts';
import { addressText, makeWorld, slotDevice, type World } from './world.ts';

export interface RunOptions {
  readonly slots: number;
  readonly churn: ChurnOptions;
  readonly peers: boolean;
  /** For tests: what does the changes in place of tsnat. */
  readonly binder?: (ours: Ours) => Binder;
}

/** Besides one for each slot: connections on both sides, and what Node has open. */
const DESCRIPTORS = 6_000;
/** Devices for the figures of attaching. */
const MOST_DEVICES = 10_000;

export const CHURN: ChurnOptions = {
  seconds: 60,
  changes: 500,
  datagrams: 10_000,
  connections: 200,
  pushes: 2_000,
  quarantine: 2,
};

interface Stage {
  readonly world: World;
  readonly traffic: Traffic;
  readonly ours: Ours;
  readonly wishes: readonly Wish[];
  readonly progress: Progress;
}

/** @throws Interrupted, and whatever else went wrong */
export async function run(options: RunOptions, progress: Progress): Promise<Quick | Results> {
  const { slots } = options;
  allowDescriptors(slots + DESCRIPTORS);
  const before = namespaceCount();
  const on = machine();
  const undo: (() => void | Promise<void>)[] = [];
  try {
    await progress.phase(`${slots} namespaces`);
    let library: LibNftables | undefined;
    undo.push(() => library?.[Symbol.dispose]());
    const world = await makeWorld(slots, {
      gatewayMade: (gateway) => {
        if (options.peers) library = new LibNftables(gateway);
      },
      slotsMade: (done) => progress.step(`${done} of ${slots}`),
    });
    undo.push(() => world.close());
    progress.finish();
    await progress.phase('traffic');
    const traffic = await progress.race(Traffic.start(world, options.churn.quarantine * 1_000));
    undo.push(() => traffic.end());
    await progress.phase('attach');
    const ours = Ours.attach(world.gateway, slots);
    let attached = true;
    const detach = (): void => {
      if (attached) ours.detach();
      attached = false;
    };
    undo.push(detach);
    const wishes = Array.from({ length: slots }, (_, slot): Wish => [slot, poolAddress(slot)]);
    const stage = { world, traffic, ours, wishes, progress };
    const mapsBefore = ours.mapBytes();
    const setUp = options.peers ? await growing(stage) : undefined;
    if (setUp === undefined) await bindFirst(stage);
    const quick = await proofs(stage, options);
    if (setUp === undefined || library === undefined || quick.problems.length > 0) return quick;
    const figures = await ownFigures(stage, quick, setUp, mapsBefore);
    await progress.phase('detach');
    detach();
    const peers = await measurePeers(world, traffic, wishes, progress, library);
    await progress.phase('attach, by the number of devices');
    const attaching = await attachMeasured(MOST_DEVICES, progress);
    progress.finish();
    return {
      ...quick,
      date: new Date().toISOString(),
      machine: on,
      phases: progress.phases,
      figures,
      peers,
      attaching,
    };
  } finally {
    progress.removing();
    for (const step of undo.reverse()) await step();
    await awaitRemoval(before);
    progress.finish();
  }
}

/** The first thing all slots do: reserved in one go, bound in one call. */
async function bindFirst({ ours, traffic, wishes, progress }: Stage): Promise<void> {
  await progress.phase('reserve and bind');
  ours.reserve(wishes.map(([slot]) => slot));
  bindAll(ours, traffic.ledger, wishes);
}

/** The same, but the last slot comes first, alone: connections from it are measured then and with all the others. */
async function growing(stage: Stage): Promise<Figures['setUp']> {
  const { ours, traffic, wishes, progress } = stage;
  const { ledger } = traffic;
  await progress.phase('connections from one slot and from the last of all');
  const others = wishes.slice(0, -1);
  const last = wishes.slice(-1);
  ours.reserve(last.map(([slot]) => slot));
  bindAll(ours, ledger, last);
  let grown = false;
  const shrink = (): void => {
    if (!grown) return;
    releaseAll(ours, ledger, others);
    ours.slots.remove(others.map(([slot]) => slotDevice(slot)));
    grown = false;
  };
  const grow = (): void => {
    ours.reserve(others.map(([slot]) => slot));
    ledger.change(others, () => ours.slots.bindAll(others.map(([slot, address]) => pair(slot, address))));
    grown = true;
  };
  return await progress.race(compareSetUp('tsnat', traffic, wishes.length - 1, shrink, grow));
}

const pair = (slot: number, address: number): [string, string] => [slotDevice(slot), addressText(address)];

/** What has to hold: all different, nothing tracked; then changes under traffic, and all again. */
async function proofs(stage: Stage, options: RunOptions): Promise<Quick> {
  const { world, traffic, ours, progress } = stage;
  await progress.phase('every slot speaks, over UDP and TCP');
  const proof = await progress.race(prove(world, traffic));
  progress.finish(
    `${proof.udp} and ${proof.tcp} different addresses, ${conntrackOf(proof)} conntrack entries`,
  );
  await progress.phase(`changes under traffic, ${options.churn.seconds} s`);
  const churned = await churn(traffic, (options.binder ?? binderOf)(ours), options.churn, progress);
  progress.finish(`${traffic.wrongs} wrong packets`);
  await progress.phase('every slot that is bound speaks again');
  const proofAfter = await progress.race(prove(world, traffic));
  progress.finish();
  const problems = [
    ...proof.problems,
    ...proofAfter.problems.map((problem) => `after the changes: ${problem}`),
    ...traffic.wrong.map(({ side, what }) => `the ${side}: ${what}`),
  ];
  if (traffic.wrongs > 0) problems.unshift(`${traffic.wrongs} packets were where they should not have been`);
  const entries = conntrackOf(proof) + conntrackOf(proofAfter);
  if (entries > 0) problems.push(`there were ${entries} conntrack entries`);
  const { slots } = options;
  if (proof.udp !== slots || proof.tcp !== slots) {
    problems.push(`the server saw ${proof.udp} addresses by UDP and ${proof.tcp} by TCP, of ${slots}`);
  }
  return { slots, proof, churned, proofAfter, reasons: reasonsOf(ours), problems };
}

const conntrackOf = ({ tracked: { gateway, slots } }: Proof): number => gateway + slots;

const binderOf = (ours: Ours): Binder => {
  const { slots } = ours;
  return {
    bind: (slot, outside) => slots.bind(slotDevice(slot), outside),
    rebind: (slot, outside, quarantine) => slots.rebind(slotDevice(slot), outside, { quarantine }),
    release: (slot, quarantine) => slots.release(slotDevice(slot), { quarantine }),
  };
};

/** Packets that the programs dropped or left alone, by reason, both directions together. */
function reasonsOf({ name }: Ours): Quick['reasons'] {
  using instance = openInstance(name);
  const { reasons } = instance.status();
  const sums = new Map<string, number>();
  for (const each of Object.values(reasons)) {
    for (const [reason, count] of Object.entries(each))
      sums.set(reason, (sums.get(reason) ?? 0) + Number(count));
  }
  return Object.fromEntries([...sums].filter(([, count]) => count > 0));
}

/** Times of binding, and memory; all slots are bound to their first addresses afterwards. */
async function ownFigures(
  stage: Stage,
  quick: Quick,
  setUp: Figures['setUp'],
  mapsBefore: number,
): Promise<Figures> {
  const { world, traffic, ours, wishes, progress } = stage;
  const { ledger } = traffic;
  await progress.phase('binding, one by one and all at once');
  const bound = wishes.filter(([slot]) => ledger.addressOf(slot) !== 0);
  releaseAll(ours, ledger, bound);
  const all = bindAll(ours, ledger, wishes);
  await progress.step('one by one');
  const one = { name: 'tsnat', sample: bindEach(ours, ledger, wishes) };
  const mapsAfter = ours.mapBytes();
  await progress.step('tunnels');
  const vni = { name: 'tsnat', sample: bindVnis(ours.name, wishes.length) };
  const before = slab('nf_conntrack');
  const proof = await progress.race(prove(world, traffic));
  progress.finish();
  return {
    one,
    all,
    setUp,
    vni,
    memory: {
      mapsBefore,
      mapsAfter,
      conntrackBefore: before,
      conntrackAfter: slab('nf_conntrack'),
      flows: proof.udp + proof.tcp,
      tracked: conntrackOf(proof) + conntrackOf(quick.proof),
    },
  };
}
