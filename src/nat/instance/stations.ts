// Puts the way past the stack to work and to rest. The map `xdp` names the interfaces that XDP may work between, the map
// `redirect` says how long what redirect takes may be; without an entry, or with no length, everything is left to TC and the stack, which
// do the same. So the way rests while an instance changes, and is woken when all is as it is to be: whoever finds a change
// unfinished finds it at rest, and wakes it when the change is settled.

import {
  findInterface,
  leastRouteMtu,
  NetlinkSocket,
  waitForPrograms,
  withNetns,
} from '../../loader/index.ts';
import { ANY_MTU, instanceMaps, XDP_SIDES } from '../maps.ts';
import { attempt } from './attempt.ts';
import type { Owned } from './contents.ts';
import { findNamespace } from './namespace.ts';
import type { Pins } from './pins.ts';
import { type InstanceRecord, sidesOf } from './record.ts';
import { markSlots } from './slots/xdp-marks.ts';

type Switches = Pick<Owned, 'xdp' | 'redirect'>;

const AT_REST = 0;

/** From here on TC and the stack do everything. */
export function rest({ xdp, redirect }: Switches): void {
  const known = [...xdp.keys()];
  for (const ifindex of known) xdp.delete(ifindex);
  const redirects = redirect.get(0)?.mtu !== AT_REST;
  if (redirects) redirect.set(0, { mtu: AT_REST });
  // What is on its way in a program still has seen the entries.
  if (known.length > 0 || redirects) waitForPrograms();
}

/** The same for an instance of which there may be only a part. */
export function restIfThere(pins: Pins): void {
  using xdp = attempt(() => openStations(pins));
  using redirect = attempt(() => openRedirect(pins));
  if (xdp !== undefined && redirect !== undefined) rest({ xdp, redirect });
}

/** It takes part again, on the interfaces of the record that are there. */
export function wake(pins: Pins, record: InstanceRecord): void {
  if (record.xdp !== undefined) {
    const definitions = instanceMaps(record.capacity);
    using slots = pins.map('slots', definitions.slots);
    using slots6 = pins.map('slots6', definitions.slots6);
    markSlots({ slots, slots6 }, record);
    using stations = openStations(pins);
    for (const [ifindex, mac] of stationsOf(record)) {
      const side = ifindex === record.ifindex ? XDP_SIDES.outside : XDP_SIDES.inside;
      stations.set(ifindex, { mac: wordsOf(mac), side });
    }
  }
  const mtu = routeMtu(record);
  if (mtu === undefined) return;
  using redirect = openRedirect(pins);
  redirect.set(0, { mtu });
}

/** Interfaces that XDP works on and their MACs, as they are now. */
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

/** What redirect may take as routes are now; undefined where there is no redirect. */
export function routeMtu(record: InstanceRecord): number | undefined {
  const where = findNamespace(record);
  if (where === undefined || sidesOf(record) === undefined) return undefined;
  return withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    return Math.min(leastRouteMtu(socket) ?? ANY_MTU, ANY_MTU);
  });
}

export const openStations = (pins: Pins): Owned['xdp'] => pins.map('xdp', instanceMaps().xdp);
export const openRedirect = (pins: Pins): Owned['redirect'] => pins.map('redirect', instanceMaps().redirect);

/** A MAC as the map has it. */
export const wordsOf = (mac: Uint8Array): number[] => [0, 2, 4].map((at) => mac[at]! * 256 + mac[at + 1]!);
