// The world: N namespaces with the same inner address and the same MAC, each at the other end of a veth of the gateway's,
// and in front of the gateway an outside host.
//
//   172.16.0.2 eth0 -- slot0  \
//   172.16.0.2 eth0 -- slot1  - gateway 203.0.113.1 up0 -- eth0 203.0.113.2 outside
//   ...                       /
//
// The slots' namespaces have no names: each is there as long as its clone's socket, so that nothing of them outlives this
// process, whatever ends it; the veths go with them. Gateway and outside have names, by which they are looked at and, should this process be killed,
// swept up.

import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import {
  addAddress,
  addRoute,
  changeInterface,
  createNetns,
  createVeth,
  deleteNetns,
  findInterface,
  ipv4,
  NetlinkSocket,
  openNetns,
  withNetns,
} from '../../src/loader/index.ts';
import { enterNamespace, namespaceOf, newNamespace, openSocket } from './engine/native.ts';
import { addNeighbours } from './neighbour.ts';

export const INSIDE = '172.16.0.2';
/** Nobody has it: what is on the slot's device answers for it. */
export const INSIDE_GATEWAY = '172.16.0.1';
export const GATEWAY = '203.0.113.1';
export const SERVER = '203.0.113.2';
export const UPLINK = 'up0';
/** Outside addresses are given from here: 198.18.0.0/15 of RFC 2544. */
export const POOL = 0xc612_0000;
export const POOL_LENGTH = 15;
/** Every clone's. */
export const CLONE_MAC = '02:00:00:00:00:02';
/** Slots whose neighbours are found as ever, both ways: the kernel's table is one for all namespaces and holds 1,024. */
const MOST_RESOLVED = 200;
const RESOLVED_EVERY = 10;
const SOCKET_BUFFER = 32 * 1024;
const OWN = '/proc/thread-self/ns/net';
const PREFIX = 'tsnat-density';

export const slotDevice = (slot: number): string => `slot${slot}`;
export const macBytes = (mac: string): Uint8Array =>
  Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16));
/** The number as an address: 0xc6120001 is 198.18.0.1. */
export const addressText = (address: number): string =>
  [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
export const addressNumber = (text: string): number => new DataView(ipv4(text).buffer).getUint32(0);

/** Whether this slot's ARP is real, instead of written down beforehand. */
export const isResolved = (slot: number): boolean =>
  slot % RESOLVED_EVERY === 0 && slot < MOST_RESOLVED * RESOLVED_EVERY;

/** Of a namespace made here that no name says. */
export const nameOf = (role: string): string => `${PREFIX}-${process.pid}-${role}`;
/** The process that gave a name of ours, undefined for other names. */
export function makerOf(name: string): number | undefined {
  const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

export interface World {
  readonly gateway: string;
  readonly outside: string;
  /** The clones' UDP sockets, which are nowhere bound yet. */
  readonly slots: readonly number[];
  readonly slotIndexes: readonly number[];
  close(): void;
}

/** A namespace by its name, or a slot's by its socket. */
export type Where = string | number;

/** Runs in a namespace. */
export function within<T>(where: Where, run: () => T): T {
  if (typeof where === 'string') return withNetns(where, run);
  const fd = namespaceOf(where);
  try {
    return withNetns({ fd }, run);
  } finally {
    closeSync(fd);
  }
}

/** Runs in a namespace, with a netlink socket of it. */
export function inside<T>(where: Where, run: (socket: NetlinkSocket) => T): T {
  return within(where, () => {
    using socket = new NetlinkSocket({ bufferSize: SOCKET_BUFFER });
    return run(socket);
  });
}

/** Sets /proc/sys/net of the namespace that this thread is in. */
function set(values: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(values)) {
    try {
      writeFileSync(`/proc/sys/net/${key}`, `${value}`);
    } catch (error) {
      // A kernel without IPv6 has nothing to turn off.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

const QUIET = { 'ipv6/conf/default/disable_ipv6': 1, 'ipv6/conf/all/disable_ipv6': 1 };
const PERMISSIVE = {
  'ipv4/conf/all/rp_filter': 0,
  'ipv4/conf/default/rp_filter': 0,
  'ipv4/conf/all/send_redirects': 0,
  'ipv4/conf/default/send_redirects': 0,
};

/** Connections whose client has lost its address meanwhile are forgotten soon. */
const FORGETFUL = { 'ipv4/tcp_synack_retries': 1 };

/** Makes a namespace without a name. @returns a UDP socket in it */
function anonymous(): number {
  newNamespace();
  set({ 'ipv6/conf/default/disable_ipv6': 1 });
  return openSocket('udp');
}

export interface Making {
  /** What is to be opened in the gateway before thousands of descriptors are. */
  readonly gatewayMade?: (gateway: string) => void;
  /** Is told now and then how many slots there are; what it throws ends the work. */
  readonly slotsMade: (count: number) => Promise<void>;
}

/** Makes all of it, or nothing of it stays. */
export async function makeWorld(count: number, { gatewayMade, slotsMade }: Making): Promise<World> {
  const [gateway, outside] = [nameOf('gateway'), nameOf('outside')];
  const slots: number[] = [];
  const named: string[] = [];
  const close = (): void => {
    for (const name of named.splice(0)) deleteNetns(name);
    for (const fd of slots.splice(0)) closeSync(fd);
  };
  try {
    for (const name of [gateway, outside]) {
      createNetns(name);
      named.push(name);
      withNetns(name, () => set({ ...QUIET, ...PERMISSIVE, ...FORGETFUL }));
    }
    gatewayMade?.(gateway);
    connectOutside(gateway, outside);
    const slotIndexes: number[] = [];
    const home = openSync(OWN, 'r');
    try {
      for (let slot = 0; slot < count; slot++) {
        try {
          slots.push(anonymous());
        } finally {
          enterNamespace(home);
        }
        slotIndexes.push(connectSlot(gateway, slots[slot] as number, slot));
        if (slot % 32 === 0) await slotsMade(slot);
      }
    } finally {
      closeSync(home);
    }
    return { gateway, outside, slots, slotIndexes, close };
  } catch (error) {
    close();
    throw error;
  }
}

function connectOutside(gateway: string, outside: string): void {
  const netnsFd = openNetns(outside);
  try {
    inside(gateway, (socket) => {
      createVeth(socket, { name: UPLINK }, { name: 'eth0', netnsFd });
      const { index } = findInterface(socket, UPLINK)!;
      addAddress(socket, index, ipv4(GATEWAY), 24);
      changeInterface(socket, index, { up: true });
      set({ 'ipv4/ip_forward': 1 });
    });
  } finally {
    closeSync(netnsFd);
  }
  inside(outside, (socket) => {
    const { index } = findInterface(socket, 'eth0')!;
    addAddress(socket, index, ipv4(SERVER), 24);
    changeInterface(socket, index, { up: true });
    addRoute(socket, {
      destination: ipv4(addressText(POOL)),
      prefixLength: POOL_LENGTH,
      gateway: ipv4(GATEWAY),
    });
  });
}

/** @returns the index of its device at the gateway */
function connectSlot(gateway: string, where: number, slot: number): number {
  const name = slotDevice(slot);
  const netnsFd = namespaceOf(where);
  try {
    const { index, mac } = inside(gateway, (socket) => {
      createVeth(socket, { name }, { name: 'eth0', netnsFd, mac: macBytes(CLONE_MAC) });
      const link = findInterface(socket, name)!;
      changeInterface(socket, link.index, { up: true });
      return link;
    });
    inside(where, (socket) => {
      const own = findInterface(socket, 'eth0')!.index;
      addAddress(socket, own, ipv4(INSIDE), 24);
      changeInterface(socket, own, { up: true });
      addRoute(socket, { gateway: ipv4(INSIDE_GATEWAY), ifindex: own });
      if (!isResolved(slot)) addNeighbours(socket, [{ ifindex: own, address: ipv4(INSIDE_GATEWAY), mac }]);
    });
    return index;
  } finally {
    closeSync(netnsFd);
  }
}

/** Conntrack entries of the namespace that this thread is in. */
const trackedHere = (): number => Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_count', 'utf8'));

/** Conntrack entries: in the gateway, and in all the slots together. */
export function tracked(world: World): { readonly gateway: number; readonly slots: number } {
  const slots = world.slots.reduce((sum, slot) => sum + within(slot, trackedHere), 0);
  return { gateway: withNetns(world.gateway, trackedHere), slots };
}
