// A gateway with slots that all have the same addresses: each a namespace behind a veth of its own, the programs on the
// gateway's ends and on its uplink. The interfaces of the slots have no addresses.

import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type BpfProgram, loadProgram, RawMap } from '../../../../src/loader/index.ts';
import { type DatapathOptions, datapath } from '../../../../src/nat/datapath/index.ts';
import { REASONS } from '../../../../src/nat/reason.ts';
import { veth } from '../../../support/lab.ts';
import { Namespace } from '../../../support/namespace.ts';
import { BPF_FS, ownFolder, removeFolder, uniqueName } from '../../../support/registry.ts';
import { interfaceValue } from './entries.ts';
import { ip, mapping } from './reference/mappings.ts';
import { mac } from './shapes.ts';
import {
  listKeyBytes,
  type SlotEntry,
  slotCountersAt,
  slotKeyBytes,
  slotMap,
  slotValueBytes,
} from './slots.ts';
import { type Bytes, be32, ip4 } from './wire.ts';

export const INSIDE = '172.16.0.2';
export const INSIDE6 = 'fd00::2';
/** Nobody has these; slots only have to believe in them. */
export const GATEWAY = '172.16.0.1';
export const GATEWAY6 = 'fd00::1';
/** The gateway's own addresses, and the server's. */
export const UPLINK = '203.0.113.1';
export const UPLINK6 = '2001:db8::1';
export const SERVER = '203.0.113.2';
export const SERVER6 = '2001:db8::2';

export interface SlotLabOptions extends Partial<DatapathOptions> {
  readonly outsides: readonly string[];
  /** Of the slots' links. */
  readonly linkMtu?: number;
  /** Where the programs sit; `out0` where left out. */
  readonly uplink?: string;
  /** Devices without Ethernet that are slots too, and what is to be done first for that. */
  readonly bare?: readonly string[];
  readonly prepare?: (gateway: Namespace) => Promise<void>;
}

export interface SlotOptions extends Partial<Pick<SlotEntry, 'flags' | 'list' | 'mtu'>> {
  /** Whether the record has the slot's MAC, or the kernel is to find it. */
  readonly hasStation?: boolean;
}

interface Made {
  readonly name: string;
  readonly namespace: Namespace;
  readonly ifindex: number;
  readonly station: Bytes;
  readonly mac: Bytes;
}

export class SlotLab {
  readonly gateway: Namespace;
  readonly outside: Namespace;
  readonly slots: ReadonlyMap<string, Made>;
  readonly maps: { readonly [name: string]: RawMap };

  private constructor(
    gateway: Namespace,
    outside: Namespace,
    slots: ReadonlyMap<string, Made>,
    maps: { readonly [name: string]: RawMap },
  ) {
    [this.gateway, this.outside, this.slots, this.maps] = [gateway, outside, slots, maps];
  }

  static async make(
    t: ExecutionContext,
    names: readonly string[],
    options: SlotLabOptions,
  ): Promise<SlotLab> {
    const gateway = await Namespace.make('gateway');
    const outside = await Namespace.make('outside');
    t.teardown(() => Promise.all([gateway.remove(), outside.remove()]));
    for (const host of [gateway, outside]) await host.sysctl(WITH_IPV6);
    await gateway.sysctl({ 'ipv4/ip_forward': 1, 'ipv6/conf/all/forwarding': 1 });
    await veth([gateway, 'out0'], [outside, 'down0']);
    await gateway.ip(`addr add ${UPLINK}/24 dev out0`, `addr add ${UPLINK6}/64 dev out0 nodad`);
    await outside.ip(`addr add ${SERVER}/24 dev down0`, `addr add ${SERVER6}/64 dev down0 nodad`);

    const { outsides, linkMtu = 1500, uplink = 'out0', bare = [], prepare, ...rest } = options;
    await prepare?.(gateway);
    const slots = new Map<string, Made>();
    for (const name of names) slots.set(name, await makeSlot(t, gateway, name, linkMtu));
    for (const name of bare) slots.set(name, await bareSlot(gateway, name));
    // Without an address of the link no neighbour is looked for.
    const hosts = [gateway, outside, ...[...slots.values()].map(({ namespace }) => namespace)];
    const settled = 'until [ -z "$(ip -6 addr show tentative)" ]; do sleep 0.05; done';
    await Promise.all(hosts.map((host) => host.must(['sh', '-c', settled])));
    const {
      outbound,
      inbound,
      slot,
      slotBare,
      maps: definitions,
    } = datapath({ unmapped: 'pass', capacity: 64, ...rest });
    const maps = Object.fromEntries(
      Object.entries(definitions).map(([name, definition]) => [name, RawMap.create(definition)]),
    );
    const byName = Object.fromEntries(Object.values(maps).map((map) => [map.spec.name, map]));
    const folder = join(BPF_FS, uniqueName('slots'));
    ownFolder(folder);
    t.teardown(() => {
      removeFolder(folder);
      for (const map of Object.values(maps)) map.close();
    });
    await gateway.must(['mkdir', folder]);
    const attach = async (
      prog: BpfProgram,
      ...ends: readonly (readonly [string, string])[]
    ): Promise<void> => {
      const pin = join(folder, prog.name);
      prog.pin(pin);
      for (const [device, way] of ends) {
        await gateway.run(['tc', 'qdisc', 'add', 'dev', device, 'clsact']);
        const filter = ['tc', 'filter', 'add', 'dev', device, way, 'bpf', 'direct-action'];
        await gateway.must([...filter, 'object-pinned', pin]);
      }
      prog.close();
    };
    await attach(loadProgram(outbound, byName), [uplink, 'egress']);
    await attach(loadProgram(inbound, byName), [uplink, 'ingress']);
    if (slot) await attach(loadProgram(slot, byName), ...names.map((name) => [name, 'ingress'] as const));
    if (slotBare && bare.length > 0)
      await attach(loadProgram(slotBare, byName), ...bare.map((name) => [name, 'ingress'] as const));

    const all = outsides.map((one) => mapping(`${one}=${one}`));
    const station = {
      mac: mac(await gateway.mac('out0')),
      subnets: [{ network: ip4('203.0.113.0'), mask: 0xffff_ff00 }],
      subnets6: [{ network: ip('2001:db8::') as bigint, length: 64 }],
    };
    maps.interface!.set(be32(0), interfaceValue(station, all));
    return new SlotLab(gateway, outside, slots, maps);
  }

  /** The namespace of a slot. */
  in(name: string): Namespace {
    return this.slots.get(name)!.namespace;
  }

  reserve(name: string, inside: string = INSIDE, options: SlotOptions = {}): void {
    const { ifindex } = this.slots.get(name)!;
    const zero = inside.includes(':') ? 0n : 0;
    this.#set(name, { at: ifindex, of: zero, state: 'interface', ...options });
    this.#set(name, { at: ifindex, of: ip(inside), state: 'reserved', ...options });
  }

  bind(name: string, outside: string, inside: string = INSIDE, options: SlotOptions = {}): void {
    this.reserve(name, inside, options);
    const { ifindex } = this.slots.get(name)!;
    const [far, near] = [ip(outside), ip(inside)];
    this.#set(name, { at: 0, of: far, address: near, state: 'bound', ...options });
    this.#set(name, { at: ifindex, of: near, address: far, state: 'bound', ...options });
  }

  quarantine(name: string, outside: string, until: bigint): void {
    this.#set(name, { at: 0, of: ip(outside), state: 'quarantined', since: until });
  }

  allow(list: number, network: string, length: number): void {
    const address = ip(network);
    const map = this.maps[slotMap(address) === 'slots' ? 'slot_lists' : 'slot_lists6']!;
    map.set(listKeyBytes({ list, network: address, length }), Uint8Array.of(1, 0, 0, 0));
  }

  #set(name: string, entry: Omit<SlotEntry, 'interface' | 'mac' | 'station'> & SlotOptions): void {
    const { ifindex, station, mac: own } = this.slots.get(name)!;
    const { hasStation = false, ...rest } = entry;
    const whole: SlotEntry = { ...rest, interface: ifindex, mac: own, ...(hasStation && { station }) };
    this.maps[slotMap(entry.of)]!.set(slotKeyBytes(whole), slotValueBytes(whole));
  }

  /** Packets that an entry has counted. */
  packets(name: string | undefined, of: string): number {
    const at = name === undefined ? 0 : this.slots.get(name)!.ifindex;
    const address = ip(of);
    const map = slotMap(address);
    const value = this.maps[map]!.get(slotKeyBytes({ at, of: address, interface: 0, state: 'bound' }))!;
    return Number(new DataView(value.buffer, value.byteOffset).getBigUint64(slotCountersAt(map), true));
  }

  /** How often what has happened, both directions together. */
  reasons(): { readonly [reason: string]: number } {
    const { count, values } = this.maps.reasons!.elements();
    const view = new DataView(values.buffer, values.byteOffset, values.length);
    const cpus = values.length / 8 / count;
    const sums: { [reason: string]: number } = {};
    for (let i = 0; i < count * cpus; i++) {
      const { name } = REASONS[Math.floor(i / cpus) % REASONS.length]!;
      const moved = Number(view.getBigUint64(8 * i, true));
      if (moved > 0) sums[name] = (sums[name] ?? 0) + moved;
    }
    return sums;
  }
}

const WITH_IPV6 = { 'ipv6/conf/all/disable_ipv6': 0, 'ipv6/conf/default/disable_ipv6': 0 } as const;

/** Its other end is a program. */
async function bareSlot(gateway: Namespace, name: string): Promise<Made> {
  const [link] = await linkOf(gateway, name);
  return {
    name,
    namespace: gateway,
    ifindex: link.ifindex,
    station: new Uint8Array(6),
    mac: new Uint8Array(6),
  };
}

const linkOf = async (gateway: Namespace, name: string): Promise<[{ ifindex: number; address: string }]> =>
  JSON.parse(await gateway.must(['ip', '-j', 'link', 'show', 'dev', name]));

async function makeSlot(t: ExecutionContext, gateway: Namespace, name: string, mtu: number): Promise<Made> {
  const namespace = await Namespace.make(name);
  t.teardown(() => namespace.remove());
  await namespace.sysctl(WITH_IPV6);
  await veth([namespace, 'eth0'], [gateway, name], mtu);
  await namespace.ip(
    `addr add ${INSIDE}/24 dev eth0`,
    `addr add ${INSIDE6}/64 dev eth0 nodad`,
    `route add default via ${GATEWAY}`,
    `route add default via ${GATEWAY6}`,
  );
  const [link] = await linkOf(gateway, name);
  const station = mac(await namespace.mac('eth0'));
  return { name, namespace, ifindex: link.ifindex, station, mac: mac(link.address) };
}
