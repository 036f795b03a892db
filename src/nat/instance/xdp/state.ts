// What XDP is doing, and what is not as it should be.

import { findInterface, NetlinkSocket, takesXdp, withNetns } from '../../../loader/index.ts';
import { attempt } from '../attempt.ts';
import type { Where } from '../namespace.ts';
import { pinnedXdpLink } from '../pinned.ts';
import type { Pins } from '../pins.ts';
import type { InstanceRecord } from '../record.ts';
import { openStations, stationsOf, wordsOf } from '../stations.ts';
import type { XdpState } from '../types.ts';
import { SLOW_IF_NATIVE } from './links.ts';

/** Undefined where an instance has none. */
export function xdpState({ ifindex, xdp }: InstanceRecord, where: Where | undefined): XdpState | undefined {
  if (xdp === undefined) return undefined;
  const { mode, insides } = xdp;
  if (where === undefined) return { mode, inside: insides.map((index) => `index ${index}`), veths: [] };
  return withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    const found = [ifindex, ...insides].map((index) => findInterface(socket, index));
    const veths = found.flatMap((each) => (each?.kind === SLOW_IF_NATIVE ? [each.name] : []));
    return { mode, inside: insides.map((index, i) => found[i + 1]?.name ?? `index ${index}`), veths };
  });
}

/** Missing pins are a problem of their own. */
export function xdpProblems(pins: Pins, record: InstanceRecord, { enter }: Where): string[] {
  const { xdp, ifindex: outside } = record;
  if (xdp === undefined) return [];
  const indexes = [outside, ...xdp.insides];
  const live = stationsOf(record);
  const again = `'tsnat attach ${record.interface} --name ${pins.name} --replace'`;
  using stations = attempt(() => openStations(pins));
  const takes = withNetns(enter, () => takesXdp(indexes));
  return indexes.flatMap((index, i) => {
    const mac = live.get(index);
    if (mac === undefined)
      return [`inside interface (index ${index}) is gone; ${again} with --inside names others`];
    const name = nameOf(enter, index);
    if (!isRunning(pins, index))
      return [`XDP is not attached to interface '${name}' any more: ${again} repairs it`];
    const known = stations?.get(index)?.mac;
    if (known === undefined) return [`XDP is at rest on interface '${name}': ${again} wakes it`];
    if (`${known}` !== `${wordsOf(mac)}`) {
      return [
        `the MAC of interface '${name}' has changed, so that XDP leaves everything to TC: ${again} takes the new one`,
      ];
    }
    // Without interfaces inside nothing is sent to the outside one.
    if (xdp.mode === 'generic' || xdp.insides.length === 0 || takes[i] !== false) return [];
    return [
      `interface '${name}' cannot take what native XDP sends to it, which is lost: of a veth the peer needs GRO or XDP`,
    ];
  });
}

function isRunning(pins: Pins, index: number): boolean {
  using link = attempt(() => pinnedXdpLink(pins, index));
  return link === undefined || link.info.ifindex === index;
}

const nameOf = (enter: string | undefined, index: number): string =>
  withNetns(enter, () => {
    using socket = new NetlinkSocket();
    return findInterface(socket, index)?.name ?? `${index}`;
  });
