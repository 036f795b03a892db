// The classic set-up: NAT twice, with conntrack. Each slot has a transit address of its own; its namespace translates the
// clones' address to that, the gateway that to the outside address, and back.

import { addAddress, findInterface, ipv4 } from '../../../src/loader/index.ts';
import { addHostRoutes, addNeighbours } from '../neighbour.ts';
import {
  addressText,
  CLONE_MAC,
  INSIDE,
  INSIDE_GATEWAY,
  inside,
  macBytes,
  slotDevice,
  UPLINK,
  type World,
} from '../world.ts';

/** Transit addresses are given from here: 100.64.0.0/10 of RFC 6598. */
const TRANSIT = 0x6440_0000;

export const transitOf = (slot: number): string => addressText(TRANSIT + 1 + slot);

/** A slot and the outside address it is bound to, as text. */
export type Pair = readonly [slot: number, outside: string];

/** Gives the slots their transit addresses, and the gateway the way to them. */
export function addTransit(world: World): void {
  for (const [slot, fd] of world.slots.entries()) {
    inside(fd, (socket) => {
      const { index } = findInterface(socket, 'eth0')!;
      addAddress(socket, index, ipv4(transitOf(slot)), 32);
    });
  }
  inside(world.gateway, (socket) => {
    const ways = world.slotIndexes.map((ifindex, slot) => ({ ifindex, address: ipv4(transitOf(slot)) }));
    addHostRoutes(socket, ways);
    addNeighbours(
      socket,
      ways.map((way) => ({ ...way, mac: macBytes(CLONE_MAC) })),
    );
  });
  // Nothing answers ARP for the clones' gateway now.
  for (const [slot, fd] of world.slots.entries()) {
    const mac = inside(world.gateway, (socket) => findInterface(socket, slotDevice(slot))!.mac);
    inside(fd, (socket) => {
      const ifindex = findInterface(socket, 'eth0')!.index;
      addNeighbours(socket, [{ ifindex, address: ipv4(INSIDE_GATEWAY), mac }]);
    });
  }
}

/** What a slot needs at the gateway, as iptables takes it. */
export const gatewayRules = ([slot, outside]: Pair): [string, string] => [
  `POSTROUTING -s ${transitOf(slot)}/32 -o ${UPLINK} -j SNAT --to-source ${outside}`,
  `PREROUTING -d ${outside}/32 -i ${UPLINK} -j DNAT --to-destination ${transitOf(slot)}`,
];

/** What it needs in its own namespace. */
export const ownRules = (slot: number): [string, string] => [
  `POSTROUTING -s ${INSIDE}/32 -o eth0 -j SNAT --to-source ${transitOf(slot)}`,
  `PREROUTING -d ${transitOf(slot)}/32 -i eth0 -j DNAT --to-destination ${INSIDE}`,
];

/** For iptables-restore. */
export const restoreText = (rules: readonly string[]): string =>
  `*nat\n${rules.map((rule) => `-A ${rule}\n`).join('')}COMMIT\n`;
