// Puts XDP to work and to rest. The map `xdp` names the interfaces it may work between; without an entry a program leaves
// everything to TC, which does the same. So XDP rests while an instance changes, and is woken when all is as it is to be:
// whoever finds a change unfinished finds XDP at rest, and wakes it when the change is settled.

import { findInterface, NetlinkSocket, waitForPrograms, withNetns } from '../../../loader/index.ts';
import { instanceMaps, XDP_SIDES } from '../../maps.ts';
import type { Owned } from '../contents.ts';
import { findNamespace } from '../namespace.ts';
import type { Pins } from '../pins.ts';
import { attempt } from '../placement.ts';
import type { InstanceRecord } from '../record.ts';

type Stations = Owned['xdp'];

/** From here on TC translates everything. */
export function rest(stations: Stations): void {
  const known = [...stations.keys()];
  for (const ifindex of known) stations.delete(ifindex);
  // What is on its way in a program still has seen the entries.
  if (known.length > 0) waitForPrograms();
}

/** The same for an instance of which there may be only a part. */
export function restIfThere(pins: Pins): void {
  using stations = attempt(() => openStations(pins));
  if (stations !== undefined) rest(stations);
}

/** XDP takes part again, on the interfaces of the record that are there. */
export function wake(pins: Pins, record: InstanceRecord): void {
  if (record.xdp === undefined) return;
  using stations = openStations(pins);
  for (const [ifindex, mac] of stationsOf(record)) {
    const side = ifindex === record.ifindex ? XDP_SIDES.outside : XDP_SIDES.inside;
    stations.set(ifindex, { mac: wordsOf(mac), side });
  }
}

/** Interfaces of the record and their MACs, as they are now. */
export function stationsOf(record: InstanceRecord): Map<number, Uint8Array> {
  const where = findNamespace(record);
  if (where === undefined || record.xdp === undefined) return new Map();
  const indexes = [record.ifindex, ...record.xdp.insides];
  return withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    return new Map(
      indexes.flatMap((index) => {
        const mac = findInterface(socket, index)?.mac;
        return mac === undefined ? [] : [[index, mac]];
      }),
    );
  });
}

export const openStations = (pins: Pins): Stations => pins.map('xdp', instanceMaps().xdp);

/** A MAC as the map has it. */
export const wordsOf = (mac: Uint8Array): number[] => [0, 2, 4].map((at) => mac[at]! * 256 + mac[at + 1]!);
