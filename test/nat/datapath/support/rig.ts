// The real programs with everything there is to see of them: bytes, verdict, counters; and what the reference says there
// should be.

import type { ExecutionContext } from 'ava';
import type { IsaLevel } from '../../../../src/asm/index.ts';
import type { BpfProgram } from '../../../../src/loader/index.ts';
import { type DatapathOptions, datapath } from '../../../../src/nat/datapath/index.ts';
import { DIRECTIONS, REASONS } from '../../../../src/nat/reason.ts';
import { USES, type Use } from '../../../../src/nat/uses.ts';
import {
  countersAt,
  destinationEntries,
  type Entry,
  entriesOf,
  interfaceValue,
  outsidesOf,
} from './entries.ts';
import { type Hook, KernelMachine, type Machine, type RunOptions, VmMachine } from './machine.ts';
import { type Destination, ip, type Mapping, mapping, widthOf, within } from './reference/mappings.ts';
import { packetAt, reference } from './reference/reference.ts';
import { slotReference } from './reference/slots.ts';
import {
  type Direction,
  leave,
  type Outcome,
  type Policy,
  type SlotList,
  type Station,
  type World,
} from './reference/world.ts';
import { SlotTables, slotName } from './slot-tables.ts';
import type { SlotEntry } from './slots.ts';
import { type Address, type Bytes, be32 } from './wire.ts';

const VERDICTS: ReadonlyMap<number, Outcome['verdict']> = new Map([
  [0xffff_ffff, 'next'], // TC_ACT_UNSPEC
  [2, 'drop'], // TC_ACT_SHOT
  [7, 'turn'], // TC_ACT_REDIRECT
]);

/** Everything there is to see of one packet's way through a program; frames in hexadecimal. */
export interface Seen {
  readonly verdict: string;
  readonly frame: string;
  /** `direction reason` of every counter that moved, and by how much. */
  readonly reasons: { readonly [name: string]: number };
  /** `direction mapping: packets, bytes` of every mapping whose counters moved. */
  readonly mappings: readonly string[];
  /** Where a turned packet goes, as far as that can be seen. */
  readonly to?: string;
}

export interface RigOptions {
  readonly unmapped?: Policy | { readonly [D in Direction]: Policy };
  readonly spoofed?: Policy;
  readonly link?: 'ethernet' | 'none';
  readonly mss?: number;
  /** All there are, where left out. */
  readonly uses?: readonly Use[];
  /** Mappings as text, or pairs of addresses. */
  readonly map?: readonly (string | readonly [inside: string, outside: string])[];
  readonly destinations?: readonly Destination[];
  readonly station?: Station;
  readonly slots?: 'device' | 'uplink';
  /** The newest instructions the programs may have. */
  readonly isa?: IsaLevel;
  /** What runs the programs; or what else does the same. */
  readonly machine?: 'kernel' | 'interpreter' | Machine;
}

const CAPACITY = 4_096;

function machineOf(kind: 'kernel' | 'interpreter', options: DatapathOptions, isa?: IsaLevel): Machine {
  const { outbound, inbound, slot, slotBare, maps } = datapath(options);
  const { link = 'ethernet' } = options;
  const own = link === 'none' ? slotBare : slot;
  return kind === 'kernel'
    ? new KernelMachine({ outbound, inbound, slot: own, maps: { ...maps } }, isa)
    : new VmMachine({ outbound, inbound, ...(own && { slot: own }), maps }, link);
}

export class Rig {
  readonly machine: Machine;
  #world: World;
  #entries: readonly Entry[] = [];
  readonly #slots: SlotTables;
  readonly #knowsLists: boolean;
  #destinations: readonly { readonly map: string; readonly key: Bytes }[] = [];
  #counted: readonly bigint[];

  constructor(options: RigOptions = {}) {
    const { unmapped = 'pass', map = [], isa, machine = 'kernel', station, uses = USES } = options;
    const { spoofed, link = 'ethernet', mss, destinations = [] } = options;
    const { slots } = options;
    const rest = { ...(spoofed && { spoofed }), ...(mss !== undefined && { mss }), link };
    const given: DatapathOptions = {
      unmapped,
      capacity: CAPACITY,
      uses: new Set(uses),
      ...rest,
      ...(slots && { slots }),
    };
    this.machine = typeof machine === 'string' ? machineOf(machine, given, isa) : machine;
    this.#slots = new SlotTables(this.machine.tables);
    const policies = typeof unmapped === 'string' ? { outbound: unmapped, inbound: unmapped } : unmapped;
    const ipv6 = uses.some((use) => use.endsWith('6'));
    this.#world = {
      ...{ unmapped: policies, ...rest, ipv6, mappings: [] },
      ...{ ipv4Slots: uses.includes('slots'), ipv6Slots: uses.includes('slots6') },
      ...(slots && { slotsAt: slots }),
    };
    this.#knowsLists = uses.some((use) => use.startsWith('slot_lists'));
    this.#counted = this.machine.reasons();
    this.remap(map.map((one) => mapping(typeof one === 'string' ? one : one.join('='))));
    this.exclude(destinations);
    if (station) this.place(station);
  }

  get world(): World {
    return this.#world;
  }

  /** Of a rig in the kernel. */
  get programs(): { readonly [D in Direction]: BpfProgram } {
    if (this.machine instanceof KernelMachine) return this.machine.programs;
    throw new Error('the interpreter has no programs in the kernel');
  }

  /** These mappings and no other, from now on. */
  remap(mappings: readonly Mapping[]): void {
    const { tables } = this.machine;
    for (const { map, key } of this.#entries) tables[map]!.delete(key);
    this.#entries = entriesOf(mappings);
    for (const { map, key, value } of this.#entries) tables[map]!.set(key, value);
    this.#world = { ...this.#world, mappings };
    this.#tellInterface();
  }

  /** Says what the programs are to know of their interface from now on. */
  place(station: Station): void {
    this.#world = { ...this.#world, station };
    this.#tellInterface();
  }

  exclude(destinations: readonly Destination[]): void {
    const { tables } = this.machine;
    for (const { map, key } of this.#destinations) tables[map]!.delete(key);
    const entries = destinationEntries(destinations);
    for (const { map, key, value } of entries) tables[map]!.set(key, value);
    this.#destinations = entries;
    this.#world = { ...this.#world, destinations };
  }

  /** These slots and no other, from now on. */
  reslot(slots: readonly SlotEntry[], lists: readonly SlotList[] = []): void {
    this.#slots.set(slots, lists);
    this.#world = { ...this.#world, slots, ...(this.#knowsLists && { slotLists: lists }) };
    this.#tellInterface();
  }

  #tellInterface(): void {
    const { station, mappings, slots = [] } = this.#world;
    const outsides = slots
      .filter(({ at }) => at === 0)
      .map(({ of }): Mapping => ({ kind: 'address', inside: of, outside: of }));
    const all = [...mappings, ...outsides];
    this.machine.tables.interface!.set(be32(0), interfaceValue(station, all));
    const isNearOutsides = (address: Address): boolean => {
      const subnet = outsidesOf(all, widthOf(address));
      return subnet !== undefined && within(address, subnet.network, subnet.length);
    };
    this.#world = { ...this.#world, isNearOutsides };
  }

  /** Runs the program and says what came of it. */
  run(hook: Hook, frame: Bytes, options: RunOptions = {}): Seen {
    this.take();
    const { returnValue, frame: out, redirect } = this.machine.run(hook, frame, options);
    return {
      verdict: VERDICTS.get(returnValue) ?? `unknown verdict ${returnValue}`,
      frame: hex(out),
      ...this.take(),
      ...(redirect === undefined ? {} : { to: redirect }),
    };
  }

  /** Which counters have moved since the last time, and by how much. */
  take(): Pick<Seen, 'reasons' | 'mappings'> {
    const before = this.#counted;
    this.#counted = this.machine.reasons();
    const reasons = this.#counted
      .map((count, index) => [nameOf(index), Number(count - before[index]!)] as const)
      .filter(([, moved]) => moved !== 0);
    return {
      reasons: Object.fromEntries(reasons),
      mappings: [...this.#takeCounters(), ...this.#slots.take()],
    };
  }

  /** The entries of one mapping count together. */
  #takeCounters(): string[] {
    const { tables } = this.machine;
    const moved = new Map<string, [packets: number, bytes: number]>();
    for (const { map, key, value, direction, mapping: index } of this.#entries) {
      const now = tables[map]!.get(key)!;
      if (now.every((byte, i) => byte === value[i])) continue;
      const view = new DataView(now.buffer, now.byteOffset + countersAt(map));
      const name = `${direction} ${index ?? 'marker'}`;
      const [packets, octets] = moved.get(name) ?? [0, 0];
      moved.set(name, [
        packets + Number(view.getBigUint64(0, true)),
        octets + Number(view.getBigUint64(8, true)),
      ]);
      tables[map]!.set(key, value);
    }
    return [...moved].map(([name, [packets, octets]]) => `${name}: ${packets}, ${octets}`);
  }

  /** The bytes that come out; for chains of programs. The counters move on. */
  through(direction: Direction, frame: Bytes): Bytes {
    return this.machine.run(direction, frame).frame;
  }

  /** What the reference makes of the same frame. */
  expected(hook: Hook, frame: Bytes, options: RunOptions = {}): Seen {
    const about = { ...options, super: (options.gsoSize ?? 0) > 0 };
    if (hook === 'slot') return this.seen('outbound', frame, slotReference(frame, this.#world, about));
    return this.seen(hook, frame, reference(frame, hook, this.#world, about));
  }

  /** Which mapping has this address on the near side. */
  indexOf(direction: Direction, address: string): number {
    const near = direction === 'outbound' ? 'inside' : 'outside';
    return this.#world.mappings.findIndex((one) => one[near] === ip(address));
  }

  /** An outcome in the form of what a run shows. Bytes count from the IP header on. */
  seen(direction: Direction, frame: Bytes, outcome: Outcome): Seen {
    const { verdict, reason, counted, countedSlot, to } = outcome;
    const octets = frame.length - packetAt(frame, this.#world.link);
    const visible = to !== undefined && this.machine instanceof VmMachine;
    return {
      verdict,
      frame: hex(outcome.frame),
      reasons: reason === undefined ? {} : { [`${direction} ${reason}`]: 1 },
      mappings: [
        ...(counted === undefined ? [] : [`${direction} ${counted}: 1, ${octets}`]),
        ...(countedSlot ? [`${slotName(countedSlot)}: 1, ${octets}`] : []),
      ],
      ...(visible ? { to } : {}),
    };
  }
}

const nameOf = (index: number): string =>
  `${DIRECTIONS[Math.floor(index / REASONS.length)]} ${REASONS[index % REASONS.length]!.name}`;

export const hex = (data: Bytes): string => Buffer.from(data).toString('hex');

/** The program does to `before` what turns it into `after`, and counts it on the mapping with the address `counted`. */
export function translates(
  t: ExecutionContext,
  rig: Rig,
  direction: Direction,
  before: Bytes,
  after: Bytes,
  counted: string,
  message?: string,
): void {
  const outcome = { verdict: 'next', frame: after, counted: rig.indexOf(direction, counted) } as const;
  t.deepEqual(rig.run(direction, before), rig.seen(direction, before, outcome), message);
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
  const outcome = leave(frame, rig.world, direction, reason);
  t.deepEqual(rig.run(direction, frame), rig.seen(direction, frame, outcome), message);
}
