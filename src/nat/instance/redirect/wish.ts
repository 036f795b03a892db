// What is asked of redirect, as far as a request says anything, and what is there already.

import {
  findClsact,
  findInterface,
  findMaster,
  type Interface,
  type NetlinkSocket,
} from '../../../loader/index.ts';
import { InstanceError } from '../error.ts';
import { requireInsides } from '../insides.ts';
import { type InstanceRecord, MOST_INSIDES, type RedirectRecord } from '../record.ts';
import type { AttachOptions } from '../types.ts';

/**
 * The record as it is to be; undefined where there is none.
 *
 * @param hook that the programs sit on
 * @param former of the instance that is to be replaced
 * @throws InstanceError for interfaces that cannot be used, or where there is XDP.
 */
export function redirectWish(
  { redirect, inside, netns, hook: asked = 'auto' }: AttachOptions,
  { socket, uplink }: { readonly socket: NetlinkSocket; readonly uplink: Interface },
  hook: InstanceRecord['hook'],
  former?: Pick<InstanceRecord, 'redirect' | 'xdp'>,
): RedirectRecord | undefined {
  const was = former?.redirect;
  const isOn = redirect ?? was !== undefined;
  if (!isOn) return was && planned(socket, hook, [], was);
  if (asked === 'xdp' || (asked === 'auto' && former?.xdp !== undefined)) {
    const remedy =
      asked === 'xdp'
        ? "leave '--redirect' out, or take it off with '--no-redirect'"
        : "take XDP off with '--hook tcx' or '--hook clsact'";
    throw new InstanceError(
      'ECONFLICT',
      `XDP and redirect are two ways past the stack, and do not go together: ${remedy}`,
    );
  }
  if (inside === undefined ? was === undefined : inside.length === 0) {
    throw new InstanceError(
      'EINTERFACE',
      "Redirect works between two sides: name the inside interfaces ('--inside')",
    );
  }
  const insides =
    inside === undefined && was !== undefined
      ? was.insides
      : requireInsides('Redirect', socket, uplink, inside ?? [], netns);
  for (const index of [uplink.index, ...insides]) requireNoPort(socket, index);
  return planned(socket, hook, insides, was);
}

/** A bridge takes what arrives on a port for itself, and routes are by the bridge: its ports have no addresses. */
function requireNoPort(socket: NetlinkSocket, index: number): void {
  const master = findMaster(socket, index);
  // Of a VRF the members are still what is routed by.
  if (master === undefined || master.kind === 'vrf') return;
  const name = findInterface(socket, index)?.name ?? `index ${index}`;
  throw new InstanceError(
    'EINTERFACE',
    `interface '${name}' is a port of '${master.name}', to which the routes lead: name '${master.name}' instead`,
  );
}

/** With what is to be cleaned up on interfaces that are inside no more. */
function planned(
  socket: NetlinkSocket,
  hook: InstanceRecord['hook'],
  insides: readonly number[],
  former: RedirectRecord | undefined,
): RedirectRecord | undefined {
  const before = former === undefined ? [] : [...former.insides, ...former.leaving];
  const leaving = before.filter((index) => !insides.includes(index));
  const all = [...insides, ...leaving];
  if (all.length === 0) return undefined;
  if (all.length > MOST_INSIDES) {
    throw new InstanceError(
      'EINTERFACE',
      `redirect takes ${MOST_INSIDES} inside interfaces at most, with those of before: ${all.length}; take them off first ('--no-redirect')`,
    );
  }
  const isMade = (index: number): boolean =>
    before.includes(index)
      ? former?.madeQdiscs.includes(index) === true
      : hook === 'clsact' && findClsact(socket, index) === undefined;
  return { insides, leaving, madeQdiscs: all.filter(isMade) };
}
