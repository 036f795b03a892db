// The demo's little network, made through rtnetlink: an inside host behind a gateway, an outside host in front of it.
//
//   inside 10.0.0.5/24 -- 10.0.0.1 gateway 203.0.113.1 -- 203.0.113.9/24 outside

import { closeSync, writeFileSync } from 'node:fs';
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

const PREFIX = 24;

export const ADDRESS = {
  inside: '10.0.0.5',
  gatewayInside: '10.0.0.1',
  gatewayOutside: '203.0.113.1',
  outside: '203.0.113.9',
  /** What the inside host is known as outside. */
  mapped: '203.0.113.5',
} as const;

/** Names of the three namespaces; the outside interface of the gateway is `out0`. */
export interface World extends Disposable {
  readonly inside: string;
  readonly gateway: string;
  readonly outside: string;
}

export function createWorld(): World {
  const name = (role: string): string => `tsnat-demo-${process.pid}-${role}`;
  const world = { inside: name('inside'), gateway: name('gateway'), outside: name('outside') };
  const made: string[] = [];
  const remove = (): void => {
    for (let netns = made.pop(); netns; netns = made.pop()) deleteNetns(netns);
  };
  try {
    for (const netns of Object.values(world)) {
      createNetns(netns);
      made.push(netns);
    }
    connect(world.gateway, 'in0', world.inside, 'eth0');
    connect(world.gateway, 'out0', world.outside, 'eth0');
    give(world.gateway, 'in0', ADDRESS.gatewayInside);
    give(world.gateway, 'out0', ADDRESS.gatewayOutside);
    give(world.inside, 'eth0', ADDRESS.inside, ADDRESS.gatewayInside);
    give(world.outside, 'eth0', ADDRESS.outside);
    withNetns(world.gateway, () => writeFileSync('/proc/sys/net/ipv4/ip_forward', '1'));
  } catch (error) {
    remove();
    throw error;
  }
  return { ...world, [Symbol.dispose]: remove };
}

function connect(netns: string, end: string, peerNetns: string, peer: string): void {
  const netnsFd = openNetns(peerNetns);
  try {
    inside(netns, (socket) => createVeth(socket, { name: end }, { name: peer, netnsFd }));
  } finally {
    closeSync(netnsFd);
  }
}

/** An address, the interface up, and a default route where a gateway is named. */
function give(netns: string, name: string, address: string, gateway?: string): void {
  inside(netns, (socket) => {
    const index = findInterface(socket, name)!.index;
    addAddress(socket, index, ipv4(address), PREFIX);
    changeInterface(socket, index, { up: true });
    if (gateway !== undefined) addRoute(socket, { gateway: ipv4(gateway), ifindex: index });
  });
}

function inside(netns: string, run: (socket: NetlinkSocket) => void): void {
  withNetns(netns, () => {
    using socket = new NetlinkSocket();
    run(socket);
  });
}
