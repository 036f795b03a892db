// Puts the way past the stack to work and to rest, XDP or redirect. The map `xdp` names the interfaces it may go between;
// without an entry everything is left to TC and the stack, which do the same. So it rests while an instance changes, and is
// woken when all is as it is to be: whoever finds a change unfinished finds it at rest, and wakes it when the change is
// settled.

import {
  findInterface,
  leastRouteMtu,
  NetlinkSocket,
  waitForPrograms,
  withNetns,
} from '../../loader/index.ts';
import { instanceMaps, NO_ROUTE_MTU, XDP_SIDES } from '../maps.ts';
import type { Owned } from './contents.ts';
import { findNamespace } from './namespace.ts';
import type { Pins } from './pins.ts';
import { attempt } from './placement.ts';
import { type InstanceRecord, insidesOf } from './record.ts';

type Stations = Owned['xdp'];

/**
 * From here on TC and the stack do everything. What redirect has sent out is known at the outside interface by where it
 * has come from, so that nothing may be sent there any more when that is forgotten.
 */
export function rest(stations: Stations): void {
  const known = [...stations.entries()];
  for (const side of [XDP_SIDES.outside, XDP_SIDES.inside]) {
    const ours = known.filter(([, station]) => station.side === side);
    for (const [ifindex] of ours) stations.delete(ifindex);
    // What is on its way in a program still has seen the entries.
    if (ours.length > 0) waitForPrograms();
  }
}

/** The same for an instance of which there may be only a part. */
export function restIfThere(pins: Pins): void {
  using stations = attempt(() => openStations(pins));
  if (stations !== undefined) rest(stations);
}

/** It takes part again, on the interfaces of the record that are there: the outside one last. */
export function wake(pins: Pins, record: InstanceRecord): void {
  if (insidesOf(record).length === 0) return;
  using stations = openStations(pins);
  for (const [ifindex, station] of [...stationsOf(record)].reverse()) stations.set(ifindex, station);
}

/** What the map is to say of the interfaces of the record, as they are now. */
export function stationsOf(record: InstanceRecord): Map<number, Station> {
  const where = findNamespace(record);
  const insides = insidesOf(record);
  if (where === undefined || insides.length === 0) return new Map();
  return withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    const mtu = (record.redirect && leastRouteMtu(socket)) ?? NO_ROUTE_MTU;
    return new Map(
      [record.ifindex, ...insides].flatMap((index): [number, Station][] => {
        const mac = findInterface(socket, index)?.mac;
        const side = index === record.ifindex ? XDP_SIDES.outside : XDP_SIDES.inside;
        return mac === undefined ? [] : [[index, { mac: wordsOf(mac), side, mtu }]];
      }),
    );
  });
}

interface Station {
  readonly mac: number[];
  readonly side: number;
  readonly mtu: number;
}

export const openStations = (pins: Pins): Stations => pins.map('xdp', instanceMaps().xdp);

/** A MAC as the map has it. */
const wordsOf = (mac: Uint8Array): number[] => [0, 2, 4].map((at) => mac[at]! * 256 + mac[at + 1]!);
