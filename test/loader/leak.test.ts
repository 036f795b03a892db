// Each call to the kernel fails in turn while maps, programs, a link and a reader are made, used and closed: a typed error
// or a way around it, and no descriptor, map, program or link is left.

import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import {
  be16,
  defineMap,
  defineMapOfMaps,
  defineRingBuffer,
  program,
  struct,
  u32,
  u64,
} from '../../src/asm/index.ts';
import { interpose } from '../../src/loader/ffi.ts';
import {
  attach,
  BpfBtf,
  BpfMap,
  ERRNO,
  LoaderError,
  loadCollection,
  RunStatistics,
} from '../../src/loader/index.ts';
import { PATIENCE } from '../support/emulation.ts';
import { json } from './support/commands.ts';
import { site } from './support/site.ts';

const counts = defineMap({
  name: 'ldrleak_counts',
  type: 'hash',
  key: be16,
  value: struct('ldrleak_count', { packets: u64 }),
  maxEntries: 16,
});
const events = defineRingBuffer({
  name: 'ldrleak_events',
  event: struct('ldrleak_event', { length: u32 }),
  size: 4096,
});
const inner = defineMap({ name: 'ldrleak_inner', type: 'array', key: u32, value: u64, maxEntries: 4 });
const tables = defineMapOfMaps({
  name: 'ldrleak_tables',
  type: 'hash_of_maps',
  key: u32,
  inner,
  maxEntries: 2,
});
const counter = program('sched_cls', 'ldrleak_prog', (p) => {
  p.update(counts, 1, { packets: 1 });
  p.output(events, { length: p.skb.len.get() });
  p.next();
});
const passer = program('xdp', 'ldrleak_pass', (p) => p.pass());

/** Of the programs that were linked: links have no names. */
const linked = new Set<number>();

/** What anybody does with these, in short. */
async function life(netns: string): Promise<void> {
  using statistics = RunStatistics.enable();
  using loaded = loadCollection({ maps: { counts, events, tables }, programs: { counter, passer } });
  const { maps, programs } = loaded;
  linked.add(programs.passer.info.id);
  using link = attach({
    netns,
    interface: 'out0',
    hook: 'xdp',
    mode: 'generic',
    program: programs.passer,
  }).link;
  await using reader = maps.events.reader();
  programs.counter.testRun({ data: new Uint8Array(64) });
  maps.counts.setBatch([[7, { packets: 7n }]]);
  if (maps.counts.size !== 2 || maps.counts.drain().length !== 2) throw new Error('not what was put there');
  maps.tables.replace(1, [[0, 1n]]);
  using table = maps.tables.get(1);
  using again = BpfMap.openById(maps.counts.raw.id, counts);
  using types = BpfBtf.openById(programs.counter.info.btfId ?? 0);
  types?.parse();
  if (statistics === undefined || table === undefined || again === undefined) throw new Error('gone');
  if (link === undefined || link.info.programId !== programs.passer.info.id) throw new Error('not linked');
  reader.stats();
}

const descriptors = () => readdirSync('/proc/self/fd').length;
const threads = () => readdirSync('/proc/self/task').length;
const there = (): string[] => [
  ...['map', 'prog'].flatMap((kind) =>
    (json('bpftool', '-j', kind, 'list') as { name?: string }[])
      .map(({ name = '' }) => name)
      .filter((name) => name.startsWith('ldrleak_')),
  ),
  ...(json('bpftool', '-j', 'link', 'list') as { id: number; prog_id: number }[])
    .filter(({ prog_id: id }) => linked.has(id))
    .map(({ id }) => `link ${id}`),
];

async function until(what: () => boolean): Promise<boolean> {
  for (let i = 0; i < 400; i++) {
    if (what()) return true;
    await sleep(10);
  }
  return false;
}

test.serial('every call fails in turn, and nothing is left', async (t) => {
  t.timeout(280_000 * PATIENCE);
  using place = site('ldrl');
  await life(place.name);
  const before = { descriptors: descriptors(), threads: threads() };
  const outcomes: { [outcome: string]: number } = {};
  let failed = true;
  for (let step = 0; failed; step++) {
    let calls = 0;
    let entered = 0;
    failed = false;
    interpose((call, run) => {
      // What a thread does to come home is left alone.
      const homeward = call === 'setns' && ++entered % 2 === 0;
      if (homeward || calls++ !== step) return run();
      failed = true;
      return -(step % 2 === 0 ? ERRNO.ENOMEM : ERRNO.EINVAL);
    });
    let outcome = 'went another way';
    try {
      await life(place.name);
    } catch (error) {
      const typed = error instanceof LoaderError;
      t.true(typed, `step ${step}: ${error}`);
      outcome = typed ? error.code : 'untyped';
    } finally {
      interpose(undefined);
    }
    if (failed) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    t.is(descriptors(), before.descriptors, `step ${step}: ${outcome}`);
  }
  t.log(outcomes);
  t.true(Object.values(outcomes).reduce((sum, count) => sum + count, 0) > 25);
  t.true(await until(() => threads() <= before.threads));
  t.true(await until(() => there().length === 0), there().join());
});
