// One run from beginning to end: the world, the proof, the changes, and with peers the figures. Whatever it has made is gone
// when it is over, however that came about.

import { openInstance } from '../../src/index.ts';
import { type ChurnOptions, churn, poolAddress } from './churn.ts';
import { allowDescriptors } from './engine/native.ts';
import { Traffic } from './engine/traffic.ts';
import { machine } from './machine.ts';
import { attachMeasured } from './measure/attach.ts';
import { bindAll, bindEach, releaseAll, type Wish } from './measure/bind.ts';
import { compareSetUp } from './measure/connections.ts';
import { slab } from './measure/memory.ts';
import { Ours } from './ours.ts';
import { measurePeers } from './peers/measured.ts';
import type { Progress } from './progress.ts';
import { prove } from './proof.ts';
import type { Figures, Quick, Results } from './results.ts';
import { awaitRemoval } from './sweep.ts';
import { makeWorld, slotDevice, tracked, type World } from './world.ts';

export interface RunOptions {
  readonly slots: number;
  readonly churn: ChurnOptions;
  readonly peers: boolean;
  /** For tests: what comes between a change and tsnat. */
  readonly meddle?: (ours: Ours, slot: number, outside: string) => void;
}

/** A namespace, a UDP socket, connections on both sides, and what Node has open besides. */
const DESCRIPTORS_EACH = 4;
const DESCRIPTORS = 2_000;
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
  allowDescriptors(slots * DESCRIPTORS_EACH + DESCRIPTORS);
  const undo: (() => void | Promise<void>)[] = [];
  try {
    await progress.phase(`${slots} namespaces`);
    const world = await makeWorld(slots, (done) => progress.step(`${done} of ${slots}`));
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
    const setUp = options.peers ? await growing(stage) : undefined;
    if (setUp === undefined) await bindFirst(stage);
    const quick = await proofs(stage, options);
    if (setUp === undefined || quick.wrong.length > 0) return quick;
    const figures = await ownFigures(stage, quick, setUp);
    await progress.phase('detach');
    detach();
    const peers = await measurePeers(world, traffic, wishes, progress);
    await progress.phase('attach, by the number of devices');
    const scaled = await attachMeasured(MOST_DEVICES, progress);
    progress.finish();
    return {
      ...quick,
      date: new Date().toISOString(),
      machine: machine(),
      phases: progress.phases,
      figures,
      peers,
      attached: scaled,
    };
  } finally {
    for (const step of undo.reverse()) await step();
    await awaitRemoval(progress);
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
