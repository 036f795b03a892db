// A running instance under load: numbered datagrams both ways while its programs and its mappings are exchanged again
// and again. Each packet has to arrive and to be counted. Against it the plain way: detach, then attach.

import { mkdirSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import { attach, detach, openInstance } from '../src/nat/instance/index.ts';
import { parseMapping } from '../src/nat/mapping.ts';
import { sleep } from '../test/support/command.ts';
import { type Lab, makeLab } from '../test/support/lab.ts';
import { BPF_FS, ownFolder, uniqueName } from '../test/support/registry.ts';
import { type Flow, INSIDE, ON_LINK, underStreams } from '../test/support/stream.ts';
import { timed } from './measure.ts';
import type { Row, Section } from './report.ts';

/** Datagrams a second, each way. */
const RATE = 55_000;
const TARGET_RATE = 50_000;
const PAUSE_MS = 30;
const NAME = 'swap';

type Hook = 'tcx' | 'clsact';

interface Outcome {
  readonly rate: number;
  readonly sent: number;
  readonly lost: number;
  /** Packets that arrived and were not counted, or were counted and did not arrive. */
  readonly miscounted: number;
  /** Milliseconds, each exchange. */
  readonly programs: readonly number[];
  readonly mappings: readonly number[];
}

interface Site {
  readonly lab: Lab;
  readonly root: string;
  readonly undo: { teardown(run: () => unknown): void };
}

const mapped = (...more: readonly string[]) =>
  [`${INSIDE}=${ON_LINK}`, ...more].map((text) => parseMapping(text));

function optionsOf({ lab }: Site, hook: Hook) {
  return { interface: lab.device, netns: lab.gateway.name, hook, name: NAME };
}

async function underLoad(
  site: Site,
  hook: Hook,
  count: number,
  exchange: (turn: number, outcome: { programs: number[]; mappings: number[] }) => void,
): Promise<Outcome> {
  const { lab, root, undo } = site;
  attach({ ...optionsOf(site, hook), mappings: mapped() }, { root });
  const times = { programs: [] as number[], mappings: [] as number[] };
  try {
    const { outward, inward } = await underStreams(undo, lab, RATE, async () => {
      for (let turn = 0; turn < count; turn++) {
        exchange(turn, times);
        await sleep(PAUSE_MS);
      }
    });
    const counted = countersOf(root);
    const lost = (flow: Flow): number => flow.sent - flow.received.received + flow.received.duplicates;
    return {
      rate: Math.min(outward.sent / outward.seconds, inward.sent / inward.seconds),
      sent: outward.sent + inward.sent,
      lost: lost(outward) + lost(inward),
      miscounted: Math.abs(outward.sent - counted.outbound) + Math.abs(inward.sent - counted.inbound),
      ...times,
    };
  } finally {
    detach(NAME, { root });
  }
}

function countersOf(root: string): { outbound: number; inbound: number } {
  using instance = openInstance(NAME, { root });
  const ours = instance.listMappings().find(({ mapping }) => mapping.outside === mapped()[0]?.outside);
  return { outbound: Number(ours?.outbound.packets ?? 0), inbound: Number(ours?.inbound.packets ?? 0) };
}

/** New programs, then new mappings around the one in use. */
function swapping(site: Site, hook: Hook): Parameters<typeof underLoad>[3] {
  const { root } = site;
  return (turn, times) => {
    const unmapped = turn % 2 === 0 ? 'drop' : 'pass';
    times.programs.push(
      timed(() => attach({ ...optionsOf(site, hook), replace: true, unmapped }, { root })) / 1_000,
    );
    using instance = openInstance(NAME, { root });
    const list = mapped(`10.9.0.${turn % 200}=203.0.113.${20 + (turn % 200)}`);
    times.mappings.push(timed(() => instance.replaceMappings(list)) / 1_000);
  };
}

function reattaching(site: Site, hook: Hook): Parameters<typeof underLoad>[3] {
  const { root } = site;
  return () => {
    detach(NAME, { root });
    attach({ ...optionsOf(site, hook), mappings: mapped() }, { root });
  };
}

const median = (values: readonly number[]): string => {
  const sorted = [...values].sort((a, b) => a - b);
  return `${(sorted[Math.floor(sorted.length / 2)] ?? Number.NaN).toFixed(1)} ms`;
};

export async function swaps(count: number): Promise<Section> {
  const rows: Row[] = [];
  const data: { [name: string]: Outcome } = {};
  for (const hook of ['tcx', 'clsact'] as const) {
    const undo: (() => unknown)[] = [];
    const t = { teardown: (run: () => unknown) => undo.push(run) };
    try {
      const root = `${BPF_FS}/${uniqueName('swap')}`;
      mkdirSync(root, { mode: 0o700 });
      ownFolder(root);
      const lab = await makeLab(t as unknown as ExecutionContext);
      const site: Site = { lab, root, undo: { teardown: (run) => undo.push(run) } };
      const ours = await underLoad(site, hook, count, swapping(site, hook));
      const plain = await underLoad(site, hook, Math.ceil(count / 4), reattaching(site, hook));
      data[hook] = ours;
      data[`${hook}, detach and attach`] = plain;
      const fast = ours.rate >= TARGET_RATE;
      rows.push(
        {
          what: `${hook}: packets lost in ${2 * count} swaps, ${Math.round(ours.rate / 1000)},000 a second each way`,
          ours: `${ours.lost} of ${ours.sent}`,
          peer: `${plain.lost} of ${plain.sent} in ${Math.ceil(count / 4)} (detach and attach)`,
          ratio: '-',
          target: `0 at >= ${TARGET_RATE} a second`,
          reached: ours.lost === 0 && fast,
        },
        {
          what: `${hook}: packets counted wrong by then`,
          ours: `${ours.miscounted}`,
          peer: '-',
          ratio: '-',
          target: '0',
          reached: ours.miscounted === 0,
        },
        {
          what: `${hook}: new programs; new mappings, under that load`,
          ours: `${median(ours.programs)}; ${median(ours.mappings)}`,
          peer: '-',
          ratio: '-',
        },
      );
    } finally {
      for (const run of undo.reverse()) await run();
    }
  }
  return { title: 'Swaps under load', rows, data };
}
