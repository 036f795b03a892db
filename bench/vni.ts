// How long it takes to give a tunnel its VNI: a bind when 4,000 slots are there, for both ways of telling them apart, against
// making the tunnel anew, since the kernel changes no VNI of one that is there.

import { spawnSync } from 'node:child_process';
import { attach, detach, openTunnels, type TunnelMark } from '../src/index.ts';
import { Namespace } from '../test/support/namespace.ts';
import { ownFolder, PINS, uniqueName } from '../test/support/registry.ts';
import { type Summary, summarize, timed } from './measure.ts';
import type { Section } from './report.ts';

const SLOTS = 4_000;
const WARM_UP = 1_000;
const TARGET_US = 20;
const FIRST = 9_000_000;
/** 10.64.0.0: none of it is anybody's. */
const REMOTES = 0x0a40_0000;

interface Bound {
  readonly bind: Summary;
  readonly release: Summary;
  /** 99 of 100 binds take no longer. */
  readonly p99: number;
}

function binds(namespace: Namespace, by: readonly TunnelMark[], samples: number): Bound {
  const name = uniqueName('bench');
  ownFolder(`${PINS}/${name}`);
  attach({ interface: 'out0', name, netns: namespace.name });
  try {
    using tunnels = openTunnels(name);
    const slots = Array.from({ length: SLOTS }, (_, i) => ({ placeholder: FIRST + i, remote: REMOTES + i }));
    tunnels.reserve(slots, { by });
    const [bind, release]: [number[], number[]] = [[], []];
    for (let i = 0; i < WARM_UP + samples; i++) {
      const { placeholder } = slots[(i * 7) % SLOTS]!;
      bind.push(timed(() => tunnels.bind(placeholder, 5_000 + (i % 1_000))));
      release.push(timed(() => tunnels.release([placeholder])));
    }
    const kept = bind.slice(WARM_UP);
    const p99 = kept.toSorted((a, b) => a - b)[Math.floor(kept.length * 0.99)] ?? Number.NaN;
    return { bind: summarize(kept), release: summarize(release.slice(WARM_UP)), p99 };
  } finally {
    detach(name);
  }
}

/** Takes a VXLAN device away and makes it with another VNI; in microseconds, less what `ip` takes for nothing. */
function anew(namespace: Namespace, rounds: number): Summary {
  const batch = (lines: string): number =>
    timed(() => {
      const { status, stderr } = spawnSync('ip', ['-n', namespace.name, '-batch', '-'], { input: lines });
      if (status !== 0) throw new Error(`ip -batch: exit ${status}: ${stderr}`);
    });
  const make = (id: number): string =>
    `link add vx0 type vxlan id ${id} remote 10.64.0.1 dstport 4789\nlink set vx0 up\n`;
  batch(make(1));
  const samples = Array.from({ length: rounds }, (_, i) => {
    const nothing = batch('link show lo\n');
    return batch(`link del vx0\n${make(2 + i)}`) - nothing;
  });
  return summarize(samples);
}

export async function vni(samples: number, rounds: number): Promise<Section> {
  const namespace = await Namespace.make('bench');
  try {
    await namespace.ip('link add out0 type veth peer name out1', 'link set out0 up', 'link set out1 up');
    const remote = binds(namespace, ['remote'], samples);
    const marked = binds(namespace, ['remote', 'vni'], samples);
    const device = anew(namespace, rounds);
    const us = (value: number): string => `${value.toFixed(1)} us`;
    const row = (what: string, { bind, p99 }: Bound) => ({
      what: `${what}, 99 of 100 within ${us(p99)}`,
      ours: us(bind.median),
      peer: us(device.median),
      ratio: `${(device.median / bind.median).toFixed(0)}x faster`,
      better: 'more' as const,
      target: `<= ${TARGET_US} us`,
      reached: bind.median <= TARGET_US,
    });
    return {
      title: `Giving a tunnel its VNI, one of ${SLOTS.toLocaleString('en')} slots; a VXLAN device made anew`,
      rows: [
        row('a bind, slots told apart by remote', remote),
        row('a bind, slots told apart by remote and VNI', marked),
        { what: 'a release', ours: us(marked.release.median), peer: '', ratio: '' },
      ],
      data: { remote, marked, device },
    };
  } finally {
    await namespace.remove();
  }
}
