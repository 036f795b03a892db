// What it takes to put the programs on the devices at boot, by the number of devices: tsnat's reservation, entries in its maps
// included, against `tc -batch` with a clsact qdisc and a filter for each. In a namespace of its own, on veths.

import { mkdirSync, rmSync } from 'node:fs';
import {
  changeInterface,
  createNetns,
  createVeth,
  deleteNetns,
  findBpffs,
  findInterface,
  loadProgram,
  type NetlinkSocket,
} from '../../../src/loader/index.ts';
import { returning, TC_ACT_UNSPEC } from '../../../test/loader/support/programs.ts';
import { Ours } from '../ours.ts';
import { must, timedMs } from '../peers/run.ts';
import type { Progress } from '../progress.ts';
import { INSIDE, inside, nameOf, UPLINK } from '../world.ts';
import { usedMemory } from './memory.ts';

export interface Attached {
  readonly devices: number;
  /** Milliseconds for all of them, the best of the rounds: on a busy machine everything else says more of the others. */
  readonly ours: number;
  readonly tc: number;
  readonly rounds: number;
  /** Bytes of memory in use that came with them, the most of the rounds: what the last round has freed is used again. */
  readonly oursBytes: number;
  readonly tcBytes: number;
}

const COUNTS = [1, 100, 1_000, 4_000, 10_000];
/** Rounds by how many devices there are: small counts are noisy, large ones slow. */
const roundsOf = (count: number): number => (count <= 100 ? 9 : count <= 1_000 ? 5 : count <= 4_000 ? 3 : 2);
/** The other end of the uplink. */
const FAR = 'far';

export interface Attaching {
  /** Milliseconds of the first reservation of an instance, one device: it brings the programs that know slots. */
  readonly first: number;
  readonly counts: readonly Attached[];
}

/** All counts, up to `most` devices. */
export async function attachMeasured(most: number, progress: Progress): Promise<Attaching> {
  const netns = nameOf('attach');
  const folder = `${findBpffs()}/${nameOf('tc')}`;
  const counts = COUNTS.filter((count) => count <= most);
  const devices = Math.max(...counts);
  createNetns(netns);
  let ours: Ours | undefined;
  try {
    const names = await makeDevices(netns, devices, progress);
    ours = Ours.attach(netns, devices, 'attach');
    mkdirSync(folder, { mode: 0o700 });
    using program = loadProgram(returning('density', TC_ACT_UNSPEC), {});
    program.pin(`${folder}/program`);
    const { slots } = ours;
    const first = timedMs(() => slots.reserve([{ interface: FAR, inside: INSIDE }]));
    const results: Attached[] = [];
    for (const count of counts) {
      results.push(await measure(ours, netns, `${folder}/program`, names.slice(0, count), progress));
    }
    return { first, counts: results };
  } finally {
    ours?.detach();
    rmSync(folder, { recursive: true, force: true });
    deleteNetns(netns);
  }
}

/** Both ends of each veth are a device. */
async function makeDevices(netns: string, count: number, progress: Progress): Promise<string[]> {
  const names: string[] = [];
  const make = (socket: NetlinkSocket): void => {
    const pair = [`d${names.length}`, `d${names.length + 1}`] as const;
    createVeth(socket, { name: pair[0] }, { name: pair[1] });
    names.push(...pair);
  };
  inside(netns, (socket) => {
    createVeth(socket, { name: UPLINK }, { name: FAR });
    changeInterface(socket, findInterface(socket, UPLINK)!.index, { up: true });
  });
  while (names.length < count) {
    inside(netns, (socket) => {
      for (let some = 0; some < 32 && names.length < count; some++) make(socket);
    });
    await progress.step(`${names.length} devices made`);
  }
  return names;
}

async function measure(
  ours: Ours,
  netns: string,
  pin: string,
  names: readonly string[],
  progress: Progress,
): Promise<Attached> {
  const took = {
    ours: [] as number[],
    tc: [] as number[],
    oursBytes: [] as number[],
    tcBytes: [] as number[],
  };
  const wishes = names.map((name) => ({ interface: name, inside: INSIDE }));
  const batch = (line: (name: string) => string): string => `${names.map(line).join('\n')}\n`;
  const adding =
    batch((name) => `qdisc add dev ${name} clsact`) +
    batch((name) => `filter add dev ${name} ingress bpf object-pinned ${pin} da`);
  const removing = batch((name) => `qdisc del dev ${name} clsact`);
  const tc = (input: string): string => must(netns, 'tc', ['-batch', '-'], input);
  const rounds = roundsOf(names.length);
  for (let round = 0; round < rounds; round++) {
    await progress.step(`${names.length} devices, round ${round + 1}`);
    let before = usedMemory();
    took.ours.push(timedMs(() => ours.slots.reserve(wishes)));
    took.oursBytes.push(usedMemory() - before);
    ours.slots.remove(names);
    await progress.step(`${names.length} devices, round ${round + 1}, tc`);
    before = usedMemory();
    took.tc.push(timedMs(() => tc(adding)));
    took.tcBytes.push(usedMemory() - before);
    tc(removing);
  }
  return {
    devices: names.length,
    ours: Math.min(...took.ours),
    tc: Math.min(...took.tc),
    rounds,
    oursBytes: Math.max(...took.oursBytes),
    tcBytes: Math.max(...took.tcBytes),
  };
}
