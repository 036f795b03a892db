// What the project set out to reach, and what was seen.

import type { Results } from '../results.ts';
import { duration } from './plots.ts';

export interface Target {
  readonly what: string;
  readonly seen: string;
  readonly target: string;
  /** Undefined where there was nothing to measure. */
  readonly met: boolean | undefined;
}

const RULES = 1_000;
const ELEMENT = 50;
const P99_US = 100;
/** For each of all: 20 ms for 4,000. */
const EACH_US = 5;
const BATCH = 10;
const VNI_US = 20;
const SET_UP = 1.1;
/** Per device at 10,000 against 1,000: what passes as no growth. */
const LINEAR = 1.1;

export const times = (value: number): string =>
  `${value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value < 10 ? 2 : 1)}x`;

/** The fastest of the peers by name. */
const peer = (results: Results, name: string): number =>
  results.peers.one.find((one) => one.name === name)?.sample.p50 ?? Number.NaN;

export function targets(results: Results): Target[] {
  const { figures, peers, slots } = results;
  const attached = results.attaching.counts;
  const ours = figures.one.sample;
  const list: Target[] = [];
  const add = (what: string, seen: string, target: string, met: boolean | undefined): void => {
    list.push({ what, seen, target, met });
  };
  for (const make of ['iptables-legacy', 'iptables-nft']) {
    const ratio = peer(results, make) / ours.p50;
    add(
      `bind one slot against adding its two rules, ${make}`,
      `${times(ratio)} faster`,
      `${times(RULES)}`,
      ratio >= RULES,
    );
  }
  const element =
    Math.min(peer(results, 'nft map, nft -f'), peer(results, 'nft map, libnftables')) / ours.p50;
  add(
    'bind one slot against its nft elements by the fastest path',
    `${times(element)} faster`,
    `${times(ELEMENT)}`,
    element >= ELEMENT,
  );
  add('bind one slot, p99', duration(ours.p99), `< ${P99_US} us`, ours.p99 < P99_US);
  const all = figures.all.p50;
  const most = slots * EACH_US;
  add(`bind all ${slots.toLocaleString('en')}`, duration(all), `<= ${duration(most)}`, all <= most);
  const best = [...peers.all].sort((a, b) => a.milliseconds - b.milliseconds)[0];
  const batch = ((best?.milliseconds ?? Number.NaN) * 1_000) / all;
  add(
    `bind all against the best batch of the peers (${best?.name})`,
    `${times(batch)} faster`,
    `${times(BATCH)}`,
    batch >= BATCH,
  );
  const large = attached.at(-1);
  const medium = attached.find(({ devices }) => devices === 1_000);
  if (large !== undefined && medium !== undefined && large !== medium) {
    const growth = large.ours / large.devices / (medium.ours / medium.devices);
    add(
      `attach: a device of ${large.devices.toLocaleString('en')} against one of 1,000`,
      times(growth),
      `no worse than linear: ${times(LINEAR)}`,
      growth <= LINEAR,
    );
  }
  const counted = attached.filter(({ devices }) => devices >= 1_000);
  for (const { devices, ours: milliseconds, tcEach, tc } of counted) {
    for (const [peer, took] of [
      ['a program loaded for each', tcEach],
      ['one program, pinned', tc],
    ] as const) {
      const ratio = took / milliseconds;
      add(
        `attach to ${devices.toLocaleString('en')} devices against tc -batch, ${peer}`,
        `${times(ratio)} faster`,
        `${times(BATCH)}`,
        ratio >= BATCH,
      );
    }
  }
  const { vni } = figures;
  add(
    'bind a VNI, p50',
    vni === undefined ? 'not measured yet' : duration(vni.sample.p50),
    `<= ${VNI_US} us`,
    vni === undefined ? undefined : vni.sample.p50 <= VNI_US,
  );
  const ratio = figures.setUp.all.p50 / figures.setUp.one.p50;
  add(
    `a new connection from the last of ${slots.toLocaleString('en')} slots against one of one`,
    times(ratio),
    `<= ${times(SET_UP)}`,
    ratio <= SET_UP,
  );
  add('conntrack entries', `${figures.memory.tracked}`, '0', figures.memory.tracked === 0);
  return list;
}
