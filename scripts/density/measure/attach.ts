// What it takes to put the programs on the devices at boot, by the number of devices: tsnat's reservation, entries in its maps
// included, against `tc -batch` with a clsact qdisc and a filter for each, the program loaded for each or once for all. In a
// namespace of its own, on veths.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatElf } from '../../../src/asm/index.ts';
import {
  changeInterface,
  createNetns,
  createVeth,
  deleteNetns,
  findBpffs,
  findInterface,
  loadProgram,
  type NetlinkSocket,
  waitForPrograms,
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
  /** A program for each device, as an object file has it; one for all, loaded beforehand and pinned. */
  readonly tcEach: number;
  readonly tc: number;
  readonly rounds: number;
  /** Bytes of memory in use that came with them, the most of the rounds: what the last round has freed is used again. */
  readonly oursBytes: number;
  readonly tcBytes: number;
}

const COUNTS = [1, 100, 1_000, 4_000, 10_000];
/** Rounds by how many devices there are: small counts are noisy, large ones slow. */
const roundsOf = (count: number): number => (count <= 100 ? 9 : count <= 1_000 ? 5 : count <= 4_000 ? 3 : 2);
/** One tc keeps a descriptor of every program that it loads, and has 1,024 as a rule. */
const MOST_LOADED = 500;
/** From so many devices on a program for each takes seconds: one round. */
const SLOW = 1_000;
/** Grace periods until what was removed is gone: qdiscs are freed after one, what they held after another. */
const GRACES = 4;
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
  const objects = mkdtempSync(join(tmpdir(), 'tsnat-density-'));
  const counts = COUNTS.filter((count) => count <= most);
  const devices = Math.max(...counts);
  createNetns(netns);
  let ours: Ours | undefined;
  try {
    const names = await makeDevices(netns, devices, progress);
    ours = Ours.attach(netns, devices, 'attach');
    mkdirSync(folder, { mode: 0o700 });
    const nothing = returning('density', TC_ACT_UNSPEC);
    using program = loadProgram(nothing, {});
    const peer = { pin: `${folder}/program`, object: join(objects, 'program.o') };
    program.pin(peer.pin);
    writeFileSync(peer.object, formatElf(nothing));
    const { slots } = ours;
    const first = timedMs(() => slots.reserve([{ interface: FAR, inside: INSIDE }]));
    const results: Attached[] = [];
    for (const count of counts) {
      results.push(await measure(ours, netns, peer, names.slice(0, count), progress));
    }
    return { first, counts: results };
  } finally {
    ours?.detach();
    rmSync(folder, { recursive: true, force: true });
    rmSync(objects, { recursive: true, force: true });
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
  { pin, object }: { readonly pin: string; readonly object: string },
  names: readonly string[],
  progress: Progress,
): Promise<Attached> {
  const took = { ours: [] as number[], tc: [] as number[], tcEach: [] as number[] };
  const grew = { ours: [] as number[], tc: [] as number[] };
  const wishes = names.map((name) => ({ interface: name, inside: INSIDE }));
  const batch = (line: (name: string) => string): string => `${names.map(line).join('\n')}\n`;
  const tc = (input: string): string => must(netns, 'tc', ['-batch', '-'], input);
  const qdiscs = batch((name) => `qdisc add dev ${name} clsact`);
  const filters = (some: readonly string[], program: string): string =>
    some.map((name) => `filter add dev ${name} ingress bpf ${program} da\n`).join('');
  const addEach = (): void => {
    tc(qdiscs);
    for (let from = 0; from < names.length; from += MOST_LOADED) {
      tc(filters(names.slice(from, from + MOST_LOADED), `object-file ${object} section tc`));
    }
  };
  const pinned = qdiscs + filters(names, `object-pinned ${pin}`);
  const removing = batch((name) => `qdisc del dev ${name} clsact`);
  const rounds = roundsOf(names.length);
  /** A turn begins when what the one before has removed is freed as well, which the kernel puts off. */
  const step = async (what: string): Promise<void> => {
    await progress.step(what);
    for (let i = 0; i < GRACES; i++) waitForPrograms();
  };
  for (let round = 0; round < rounds; round++) {
    const where = `${names.length} devices, round ${round + 1} of ${rounds}`;
    await step(where);
    let before = usedMemory();
    took.ours.push(timedMs(() => ours.slots.reserve(wishes)));
    grew.ours.push(usedMemory() - before);
    ours.slots.remove(names);
    await step(`${where}, tc`);
    before = usedMemory();
    took.tc.push(timedMs(() => tc(pinned)));
    grew.tc.push(usedMemory() - before);
    tc(removing);
    if (round > 0 && names.length > SLOW) continue;
    await step(`${where}, tc with a program each`);
    took.tcEach.push(timedMs(addEach));
    tc(removing);
  }
  return {
    devices: names.length,
    ours: Math.min(...took.ours),
    tcEach: Math.min(...took.tcEach),
    tc: Math.min(...took.tc),
    rounds,
    oursBytes: Math.max(...grew.ours),
    tcBytes: Math.max(...grew.tc),
  };
}
