// Slots: what it takes to put the program on thousands of devices, against `tc -batch` with a program for each; to bind
// one and all; and a packet's way where slots are translated at their devices and at the uplink.

import { spawnSync } from 'node:child_process';
import { attach, detach, openSlots, type Slots } from '../src/nat/instance/index.ts';
import { Namespace } from '../test/support/namespace.ts';
import { ownFolder, PINS, uniqueName } from '../test/support/registry.ts';
import { interleave, type Summary, summarize, timed } from './measure.ts';
import type { Row, Section } from './report.ts';
import { slotted, tsnat } from './traffic/contestants.ts';
import { passage } from './traffic/passage.ts';
import { type FloodOptions, Router } from './traffic/router.ts';

const INSIDE = '172.16.0.2';
const ATTACH_TARGET = 10;
const MANY = 4_000;
const FEW_ROUNDS = 5;

/** A namespace with so many devices, and an instance on its uplink. */
class Host implements AsyncDisposable {
  readonly namespace: Namespace;
  readonly devices: readonly string[];
  readonly name: string;
  readonly slots: Slots;

  private constructor(namespace: Namespace, devices: readonly string[], name: string) {
    this.namespace = namespace;
    this.devices = devices;
    this.name = name;
    this.slots = openSlots(name);
  }

  static async make(count: number): Promise<Host> {
    const namespace = await Namespace.make('bench');
    const devices = Array.from({ length: count }, (_, i) => `tap${i}`);
    const pairs = ['out0', ...devices].map((device) => `link add ${device} type veth peer name p${device}`);
    await namespace.ip(...pairs);
    const name = uniqueName('bench');
    ownFolder(`${PINS}/${name}`);
    attach({ interface: 'out0', netns: namespace.name, name });
    const host = new Host(namespace, devices, name);
    // The programs that know slots are made with the first of them.
    host.reserve(1);
    host.remove(1);
    return host;
  }

  reserve(count: number): void {
    this.slots.reserve(this.devices.slice(0, count).map((device) => ({ interface: device, inside: INSIDE })));
  }

  remove(count: number): void {
    this.slots.remove(this.devices.slice(0, count));
  }

  /** `tc -batch` in this namespace. */
  tc(lines: readonly string[]): void {
    const { status, stderr } = spawnSync('nsenter', [`--net=${this.namespace.path}`, 'tc', '-batch', '-'], {
      encoding: 'utf8',
      input: `${lines.join('\n')}\n`,
    });
    if (status !== 0) throw new Error(`tc -batch: exit ${status}: ${stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.slots.close();
    detach(this.name);
    await this.namespace.remove();
  }
}

export async function slots(rounds: number, counts: readonly number[], packets: number): Promise<Section> {
  const most = Math.max(...counts);
  const host = await Host.make(most);
  try {
    const [attached, bound] = [await attachments(host, rounds, counts), bindings(host, most)];
    const way = await forwarding(rounds, packets);
    return {
      title: 'Slots',
      rows: [...attached.rows, ...bound.rows, ...way.rows],
      data: { attached: attached.data, bound: bound.data, way: way.data },
    };
  } finally {
    await host[Symbol.asyncDispose]();
  }
}

const shown = (count: number): string => count.toLocaleString('en');
const perDevice = ({ median }: Summary, count: number): string =>
  `${(median / count).toFixed(1)} us a device`;

async function attachments(
  host: Host,
  rounds: number,
  counts: readonly number[],
): Promise<{ readonly rows: Row[]; readonly data: unknown }> {
  const pinned = `${PINS}/${host.name}/progs/slot_entry`;
  const rows: Row[] = [];
  const data: { [count: number]: unknown } = {};
  for (const count of counts) {
    const some = host.devices.slice(0, count);
    const qdiscs = some.map((device) => `qdisc add dev ${device} clsact`);
    const filters = some.map((device) => `filter add dev ${device} ingress bpf object-pinned ${pinned} da`);
    const gone = some.map((device) => `qdisc del dev ${device} clsact`);
    const tc = (lines: readonly string[]) => (): number => {
      const spent = timed(() => host.tc(lines));
      host.tc(gone);
      return spent;
    };
    const removals: number[] = [];
    // Those of many devices take seconds each, and vary less.
    const turns = await interleave(count < MANY ? rounds : Math.min(rounds, FEW_ROUNDS), {
      tsnat: () => {
        const spent = timed(() => host.reserve(count));
        removals.push(timed(() => host.remove(count)));
        return spent;
      },
      first: tc([...qdiscs, ...filters]),
      each: tc(qdiscs.flatMap((line, i) => [line, filters[i] ?? ''])),
    });
    const peer = turns.first.median <= turns.each.median ? turns.first : turns.each;
    const ratio = peer.median / turns.tsnat.median;
    rows.push({
      what: `${shown(count)} slots reserved, against a qdisc and a program for each by tc -batch`,
      ours: perDevice(turns.tsnat, count),
      peer: perDevice(peer, count),
      ratio: `${ratio.toFixed(1)}x faster`,
      ...(count >= 1_000 && { target: `>= ${ATTACH_TARGET}x`, reached: ratio >= ATTACH_TARGET }),
    });
    data[count] = { ...turns, removals: summarize(removals) };
  }
  return { rows, data };
}

/** How long one takes while all others exist, and all of them at once. */
function bindings(host: Host, count: number): { readonly rows: Row[]; readonly data: unknown } {
  host.reserve(count);
  const outside = (i: number, net: number): string => `${net}.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
  const one: number[] = [];
  for (const [i, device] of host.devices.slice(0, count).entries()) {
    one.push(timed(() => host.slots.bind(device, outside(i, 100))));
  }
  const all: number[] = [];
  for (const net of [101, 102, 103, 104, 105]) {
    host.slots.releaseAll(host.devices.slice(0, count));
    const list = host.devices.slice(0, count).map((device, i) => [device, outside(i, net)] as const);
    all.push(timed(() => host.slots.bindAll(list)));
  }
  host.remove(count);
  const sorted = one.sort((a, b) => a - b);
  const at = (part: number): string => `${sorted[Math.floor(part * (sorted.length - 1))]!.toFixed(0)} us`;
  const every = summarize(all);
  const row = (what: string, ours: string): Row => ({ what, ours, peer: '', ratio: '' });
  return {
    rows: [
      row(`one of ${shown(count)} slots bound: median, 99th percentile`, `${at(0.5)}, ${at(0.99)}`),
      row(`all ${shown(count)} slots bound at once`, `${(every.median / 1_000).toFixed(1)} ms`),
    ],
    data: { one: summarize(one), p99: sorted[Math.floor(0.99 * (sorted.length - 1))], all: every },
  };
}

const WAYS = {
  plain: async () => () => {},
  address: (namespace: Namespace) => tsnat({ hook: 'auto' })(namespace, 1),
  device: (namespace: Namespace) => slotted({ slots: 'device' })(namespace, 1),
  uplink: (namespace: Namespace) => slotted({ slots: 'uplink' })(namespace, 1),
} as const satisfies {
  readonly [name: string]: (namespace: Namespace) => Promise<() => void | Promise<void>>;
};
type Way = keyof typeof WAYS;

const SMALL = 64;

/** Processor time of a packet each way, side by side. */
async function forwarding(
  rounds: number,
  packets: number,
): Promise<{ readonly rows: Row[]; readonly data: unknown }> {
  const routers = new Map<Way, Router>();
  const undo: (() => void | Promise<void>)[] = [];
  try {
    for (const [way, setUp] of Object.entries(WAYS) as [Way, (typeof WAYS)[Way]][]) {
      const router = await Router.make();
      undo.unshift(() => router[Symbol.asyncDispose]());
      undo.unshift(await setUp(router.namespace));
      routers.set(way, router);
    }
    const rows: Row[] = [];
    const data: { [direction: string]: unknown } = {};
    for (const direction of ['outbound', 'inbound'] as const) {
      const flood: FloodOptions = { direction, nearCount: 1, flows: 1, size: SMALL };
      const turn = (way: Way) => (): number => passage(routers.get(way)!, packets, flood).nanoseconds;
      const turns = await interleave(rounds, {
        plain: turn('plain'),
        address: turn('address'),
        device: turn('device'),
        uplink: turn('uplink'),
      });
      const against = (ours: Way, peer: Way, what: string): Row => ({
        what: `${direction}, one flow: ${what}`,
        ours: `${turns[ours].median.toFixed(0)} ns`,
        peer: `${turns[peer].median.toFixed(0)} ns`,
        ratio: `${(turns[peer].median / turns[ours].median).toFixed(2)}x`,
      });
      rows.push(
        against('device', 'plain', 'slots at their devices against plain routing'),
        against('device', 'address', 'slots at their devices against an address mapping'),
        against('device', 'uplink', 'slots at their devices against slots at the uplink'),
      );
      data[direction] = turns;
    }
    return { rows, data };
  } finally {
    for (const step of undo) await step();
  }
}
