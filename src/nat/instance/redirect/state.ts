// What redirect is doing, and what is not as it should be.

import { findInterface, NetlinkSocket, withNetns } from '../../../loader/index.ts';
import { NO_ROUTE_MTU } from '../../maps.ts';
import { namesOf } from '../insides.ts';
import type { Where } from '../namespace.ts';
import type { Pins } from '../pins.ts';
import { attempt } from '../placement.ts';
import type { InstanceRecord } from '../record.ts';
import { openStations, stationsOf } from '../stations.ts';
import type { RedirectState } from '../types.ts';
import { runs } from './change.ts';

/** Undefined where an instance has none. */
export function redirectState(
  { redirect }: InstanceRecord,
  where: Where | undefined,
): RedirectState | undefined {
  if (redirect === undefined || redirect.insides.length === 0) return undefined;
  const { insides } = redirect;
  if (where === undefined) return { inside: insides.map((index) => `index ${index}`) };
  return withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    return { inside: namesOf(socket, insides) };
  });
}

/** Missing pins are a problem of their own. */
export function redirectProblems(pins: Pins, record: InstanceRecord, { enter }: Where): string[] {
  const { redirect, ifindex: outside } = record;
  if (redirect === undefined || redirect.insides.length === 0) return [];
  const again = `'tsnat attach ${record.interface} --name ${pins.name} --replace'`;
  using stations = attempt(() => openStations(pins));
  const live = stationsOf(record);
  const problems = withNetns(enter, () => {
    using socket = new NetlinkSocket();
    return [outside, ...redirect.insides].flatMap((index) => {
      const name = findInterface(socket, index)?.name;
      if (name === undefined)
        return [`inside interface (index ${index}) is gone; ${again} with --inside names others`];
      if (index !== outside && !runs(socket, pins, record, index))
        return [`redirect is not attached to interface '${name}' any more: ${again} repairs it`];
      if (stations?.get(index) === undefined)
        return [`redirect is at rest on interface '${name}': ${again} wakes it`];
      return [];
    });
  });
  const [known, now] = [stations?.get(outside)?.mtu ?? NO_ROUTE_MTU, live.get(outside)?.mtu ?? NO_ROUTE_MTU];
  if (now < known) {
    problems.push(
      `a route has an MTU of ${now}, which redirect does not know of: ${again} takes it into account, or lock it ('mtu lock ${now}')`,
    );
  }
  return problems;
}
