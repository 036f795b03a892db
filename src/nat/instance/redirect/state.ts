// What redirect is doing, and what is not as it should be.

import { findInterface, NetlinkSocket, withNetns } from '../../../loader/index.ts';
import { ANY_MTU } from '../../maps.ts';
import { attempt } from '../attempt.ts';
import { namesOf } from '../insides.ts';
import type { Where } from '../namespace.ts';
import type { Pins } from '../pins.ts';
import type { InstanceRecord } from '../record.ts';
import { openRedirect, routeMtu } from '../stations.ts';
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
  const { redirect } = record;
  if (redirect === undefined || redirect.insides.length === 0) return [];
  const again = `'tsnat attach ${record.interface} --name ${pins.name} --replace'`;
  using map = attempt(() => openRedirect(pins));
  const known = map?.get(0)?.mtu ?? 0;
  const problems = withNetns(enter, () => {
    using socket = new NetlinkSocket();
    return redirect.insides.flatMap((index) => {
      const name = findInterface(socket, index)?.name;
      if (name === undefined)
        return [`inside interface (index ${index}) is gone; ${again} with --inside names others`];
      if (!runs(socket, pins, record, index))
        return [`redirect is not attached to interface '${name}' any more: ${again} repairs it`];
      return [];
    });
  });
  const now = routeMtu(record) ?? ANY_MTU;
  if (known === 0) problems.push(`redirect is at rest: ${again} wakes it`);
  else if (now < known) {
    problems.push(
      `a route has an MTU of ${now}, which redirect does not know of: ${again} takes it into account, or lock it ('mtu lock ${now}')`,
    );
  }
  return problems;
}
