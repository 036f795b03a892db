// The real programs in the kernel, run on one packet at a time (BPF_PROG_TEST_RUN), with what their counters say.

import type { ExecutionContext } from 'ava';
import { type IsaLevel, inIsa, NEWEST_ISA } from '../../../../src/asm/index.ts';
import { BpfMap, type BpfProgram, loadProgram, type MapDescriptor } from '../../../../src/loader/index.ts';
import { type Datapath, datapath } from '../../../../src/nat/datapath/index.ts';
import { DIRECTIONS, type Direction, REASONS, reasonIndex } from '../../../../src/nat/reason.ts';
import { type Outcome, reference, type Station } from './reference.ts';
import { type Address, type Bytes, ETHERNET, ip4 } from './wire.ts';

/** Offset of `gso_size` in struct __sk_buff (include/uapi/linux/bpf.h), and its size as far as that. */
const GSO_SIZE = 176;
const SK_BUFF = 192;
const VERDICTS: ReadonlyMap<number, Outcome['verdict']> = new Map([
  [0xffff_ffff, 'next'], // TC_ACT_UNSPEC
  [2, 'drop'], // TC_ACT_SHOT
  [7, 'answer'], // TC_ACT_REDIRECT
]);
const UNUSED = { network: 0, mask: 0 };
const SUBNETS = 16;

/** Everything there is to see of one packet's way through a program; frames in hexadecimal. */
export interface Seen {
  readonly verdict: string;
  readonly frame: string;
  /** `direction reason` of every counter that moved, and by how much. */
  readonly reasons: { readonly [name: string]: number };
  /** `table address: packets, bytes` of every mapping whose counters moved. */
  readonly mappings: readonly string[];
}

export interface RigOptions {
  readonly unmapped?: 'pass' | 'drop';
  /** Dotted. */
  readonly map: readonly (readonly [inside: string, outside: string])[];
  readonly station?: Station;
  /** The newest instructions the programs may have. */
  readonly isa?: IsaLevel;
}

export class Rig {
  readonly programs: { readonly [D in Direction]: BpfProgram };
  readonly maps: {
    readonly [N in keyof Datapath['maps']]: BpfMap<Datapath['maps'][N]['key'], Datapath['maps'][N]['value']>;
  };
  readonly unmapped: 'pass' | 'drop';
  readonly #tables: { readonly [D in Direction]: Map<Address, Address> } = {
    outbound: new Map(),
    inbound: new Map(),
  };
  #station: Station | undefined;
  #counted: { readonly [name: string]: number } = {};

  constructor({ unmapped = 'pass', map, station, isa = NEWEST_ISA }: RigOptions) {
    const { outbound, inbound, maps } = datapath({ unmapped, capacity: Math.max(map.length, 1) });
    this.maps = {
      outbound: BpfMap.create(maps.outbound),
      inbound: BpfMap.create(maps.inbound),
      reasons: BpfMap.create(maps.reasons),
      interface: BpfMap.create(maps.interface),
    };
    const byName: { [name: string]: MapDescriptor } = { ...this.maps };
    this.programs = {
      outbound: loadProgram(inIsa(outbound, isa)!, byName),
      inbound: loadProgram(inIsa(inbound, isa)!, byName),
    };
    this.unmapped = unmapped;
    this.remap(map.map(([inside, outside]) => [ip4(inside), ip4(outside)]));
    if (station) this.place(station);
  }

  /** These mappings and no other, from now on. */
  remap(pairs: readonly (readonly [inside: Address, outside: Address])[]): void {
    for (const direction of DIRECTIONS) {
      const table = this.#tables[direction];
      for (const key of table.keys()) this.maps[direction].delete(key);
      table.clear();
      for (const pair of pairs) {
        const [key, address] = direction === 'outbound' ? pair : pair.toReversed();
        table.set(key!, address!);
        this.maps[direction].set(key!, record(address!));
      }
    }
  }

  /** Says what ingress is to know of its interface from now on. */
  place(station: Station): void {
    this.#station = station;
    const subnets = Array.from({ length: SUBNETS }, (_, i) => station.subnets[i] ?? UNUSED);
    this.maps.interface.set(0, { mac: station.mac, reserved: new Uint8Array(2), subnets });
  }

  /** Runs the program and says what came of it. */
  run(direction: Direction, frame: Bytes, options: { gsoSize?: number } = {}): Seen {
    this.take();
    const result = this.programs[direction].testRun({ data: frame, ...context(options.gsoSize) });
    return {
      verdict: VERDICTS.get(result.returnValue) ?? `unknown verdict ${result.returnValue}`,
      frame: hex(result.data),
      ...this.take(),
    };
  }

  /** Which counters have moved since the last time, and by how much. */
  take(): Pick<Seen, 'reasons' | 'mappings'> {
    const before = this.#counted;
    this.#counted = this.#reasons();
    const moved = Object.entries(this.#counted)
      .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
      .filter(([, count]) => count !== 0);
    const mappings = DIRECTIONS.flatMap((table) => this.#takeCounters(table));
    return { reasons: Object.fromEntries(moved), mappings };
  }

  /** The bytes that come out; for chains of programs. The counters move on. */
  through(direction: Direction, frame: Bytes): Bytes {
    return this.programs[direction].testRun({ data: frame }).data;
  }

  /** What the reference makes of the same frame. */
  expected(direction: Direction, frame: Bytes): Seen {
    const { unmapped } = this;
    const station = this.#station;
    const world = { direction, unmapped, table: this.#tables[direction], ...(station ? { station } : {}) };
    return seen(direction, frame, reference(frame, world));
  }

  #reasons(): { [name: string]: number } {
    const counters = new Map(this.maps.reasons.entriesPerCpu());
    return Object.fromEntries(
      DIRECTIONS.flatMap((direction) =>
        REASONS.map(({ name }) => [
          `${direction} ${name}`,
          Number((counters.get(reasonIndex(direction, name)) ?? []).reduce((sum, one) => sum + one, 0n)),
        ]),
      ),
    );
  }

  #takeCounters(table: Direction): string[] {
    const moved = [...this.maps[table]].filter(([, { packets, bytes }]) => packets !== 0n || bytes !== 0n);
    for (const [key, { address }] of moved) this.maps[table].set(key, record(address));
    return moved.map(([key, { packets, bytes }]) => counter(table, key, packets, bytes));
  }
}

const record = (address: Address) => ({ address, reserved: 0, packets: 0n, bytes: 0n });
const counter = (table: string, key: Address, packets: bigint, bytes: bigint | number): string =>
  `${table} ${key.toString(16)}: ${packets}, ${bytes}`;
export const hex = (data: Bytes): string => Buffer.from(data).toString('hex');

function context(gsoSize: number | undefined): { context?: Uint8Array } {
  if (gsoSize === undefined) return {};
  const bytes = new Uint8Array(SK_BUFF);
  new DataView(bytes.buffer).setUint32(GSO_SIZE, gsoSize, true);
  return { context: bytes };
}

/** An outcome in the form of what a run shows. Bytes count from the IP header on. */
export function seen(direction: Direction, frame: Bytes, outcome: Outcome): Seen {
  const { verdict, reason, counted } = outcome;
  return {
    verdict,
    frame: hex(outcome.frame),
    reasons: reason === undefined ? {} : { [`${direction} ${reason}`]: 1 },
    mappings: counted === undefined ? [] : [counter(direction, counted, 1n, frame.length - ETHERNET)],
  };
}

/** The program does to `before` what turns it into `after`, byte for byte, and counts it on the mapping of `counted`. */
export function translates(
  t: ExecutionContext,
  rig: Rig,
  direction: Direction,
  before: Bytes,
  after: Bytes,
  counted: string,
  message?: string,
): void {
  const outcome = { verdict: 'next', frame: after, counted: ip4(counted) } as const;
  t.deepEqual(rig.run(direction, before), seen(direction, before, outcome), message);
}

/** The program leaves every byte as it was, and counts the reason. */
export function leaves(
  t: ExecutionContext,
  rig: Rig,
  direction: Direction,
  frame: Bytes,
  reason: string,
  message?: string,
): void {
  const verdict = rig.unmapped === 'drop' && reason !== 'arp' ? 'drop' : 'next';
  t.deepEqual(rig.run(direction, frame), seen(direction, frame, { verdict, frame, reason }), message);
}
