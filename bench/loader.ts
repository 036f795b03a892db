// What the loader's maps cost: look-ups and updates against a C loop that does the same system calls, and a million
// entries loaded, listed and drained.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  defineMap,
  type MapDefinition,
  type ScalarType,
  type StructType,
  struct,
  u32,
  u64,
} from '../src/asm/index.ts';
import { BpfMap } from '../src/loader/index.ts';
import { ROOT } from '../test/support/root.ts';
import { interleave, summarize, timed } from './measure.ts';
import type { Row, Section } from './report.ts';

const COUNT = 100_000;
const MANY = 1_000_000;
const LOOP_TARGET = 2;
const LOAD_TARGET_MS = 1_000;

type Counters = StructType<{ packets: ScalarType<'u64'>; bytes: ScalarType<'u64'> }>;
const counters: Counters = struct('counters', { packets: u64, bytes: u64 });
const table = (maxEntries: number): MapDefinition<ScalarType<'u32'>, Counters> =>
  defineMap({ name: 'bench_table', type: 'hash', key: u32, value: counters, maxEntries });

/** Nanoseconds for one. */
const each = (run: () => void): number => (timed(run) * 1_000) / COUNT;

async function loops(rounds: number, program: string): Promise<{ rows: Row[]; data: object }> {
  using map = BpfMap.create(table(COUNT));
  const inC = (what: string) => () => Number(execFileSync(program, [what, `${COUNT}`], { encoding: 'utf8' }));
  for (let key = 0; key < COUNT; key++) map.set(key, { packets: 0n, bytes: 0n });
  const update = await interleave(rounds, {
    tsnat: () =>
      each(() => {
        for (let key = 0; key < COUNT; key++) map.set(key, { packets: 1n, bytes: 2n });
      }),
    c: inC('update'),
  });
  const lookup = await interleave(rounds, {
    tsnat: () =>
      each(() => {
        for (let key = 0; key < COUNT; key++) if (map.get(key) === undefined) throw new Error('it is there');
      }),
    c: inC('lookup'),
  });
  const row = (what: string, { tsnat, c }: typeof update): Row => {
    const ratio = tsnat.median / c.median;
    return {
      what,
      ours: `${tsnat.median.toFixed(0)} ns`,
      peer: `${c.median.toFixed(0)} ns`,
      ratio: `${ratio.toFixed(2)}x the time`,
      target: `<= ${LOOP_TARGET}x`,
      reached: ratio <= LOOP_TARGET,
    };
  };
  return {
    rows: [row('map look-up, a loop in C', lookup), row('map update, a loop in C', update)],
    data: { lookup, update },
  };
}

function million(rounds: number): { rows: Row[]; data: object } {
  const entries = Array.from({ length: MANY }, (_, key): [number, { packets: bigint; bytes: bigint }] => [
    key,
    { packets: 1n, bytes: 2n },
  ]);
  const samples = { load: [] as number[], cpu: [] as number[], list: [] as number[], drain: [] as number[] };
  for (let round = -1; round < rounds; round++) {
    using map = BpfMap.create(table(MANY));
    const before = process.cpuUsage();
    const load = timed(() => map.setBatch(entries)) / 1_000;
    const { user, system } = process.cpuUsage(before);
    let size = 0;
    const list = timed(() => {
      for (const [, { packets }] of map) size += Number(packets);
    });
    if (size !== MANY) throw new Error(`${size} of ${MANY} entries`);
    const drain = timed(() => map.raw.drain());
    if (round < 0) continue;
    samples.load.push(load);
    samples.cpu.push((user + system) / 1_000);
    samples.list.push(list / 1_000);
    samples.drain.push(drain / 1_000);
  }
  const [load, cpu] = [summarize(samples.load), summarize(samples.cpu)];
  const [list, drain] = [summarize(samples.list), summarize(samples.drain)];
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  const many = MANY.toLocaleString('en');
  return {
    rows: [
      {
        what: `${many} entries loaded`,
        ours: `${ms(load.median)}, of CPU ${ms(cpu.median)}`,
        peer: '',
        ratio: '',
        target: `<= ${LOAD_TARGET_MS} ms`,
        reached: load.median <= LOAD_TARGET_MS,
      },
      { what: `${many} entries listed, keys and values decoded`, ours: ms(list.median), peer: '', ratio: '' },
      { what: `${many} entries drained, in bytes`, ours: ms(drain.median), peer: '', ratio: '' },
    ],
    data: { load, cpu, list, drain },
  };
}

export async function loader(rounds: number): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'tsnat-bench-'));
  try {
    const program = join(folder, 'map-loop');
    execFileSync('clang', ['-O2', '-o', program, join(ROOT, 'bench/map-loop.c')]);
    const single = await loops(rounds, program);
    const bulk = million(Math.ceil(rounds / 2));
    return {
      title: 'Maps through the loader',
      rows: [...single.rows, ...bulk.rows],
      data: { ...single.data, ...bulk.data },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
