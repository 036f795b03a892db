// What is asked of XDP, as far as a request says anything, and what is there already.

import type { Interface, NetlinkSocket } from '../../../loader/index.ts';
import { formatMapping, type Mapping } from '../../mapping.ts';
import { InstanceError } from '../error.ts';
import { requireInsides } from '../insides.ts';
import type { RedirectRecord, XdpRecord } from '../record.ts';
import type { AttachOptions } from '../types.ts';
import type { XdpWish } from './change.ts';

/**
 * Undefined where nothing is asked and nothing is there; `none` where a hook without XDP is asked for.
 *
 * @param former of the instance that is to be replaced
 * @throws InstanceError for interfaces that cannot be used, or options that are about XDP where there is none.
 */
export function xdpWish(
  { hook = 'auto', inside, xdpMode, netns, mappings = [] }: AttachOptions,
  { socket, uplink }: { readonly socket: NetlinkSocket; readonly uplink: Interface },
  former?: XdpRecord,
): XdpWish | 'none' | undefined {
  const isAsked = inside !== undefined || xdpMode !== undefined;
  const isOn = hook === 'xdp' || (hook === 'auto' && former !== undefined);
  if (!isOn) {
    if (isAsked) {
      throw new InstanceError(
        'ECONFLICT',
        "inside interfaces are of XDP and redirect, a mode is of XDP: ask for them with '--hook xdp' or '--redirect'",
      );
    }
    return former && 'none';
  }
  if (former !== undefined && xdpMode !== undefined && xdpMode !== 'auto' && xdpMode !== former.mode) {
    throw new InstanceError(
      'ECONFLICT',
      `XDP is ${former.mode} here and cannot become ${xdpMode} while it is on: '--hook auto' is not enough, take it off with '--hook tcx' or '--hook clsact' first`,
    );
  }
  const insides =
    inside === undefined && former !== undefined
      ? former.insides
      : requireInsides('XDP', socket, uplink, inside ?? [], netns);
  if (insides.length === 0 && former === undefined) requireSlotsOnly(mappings);
  return { mode: former?.mode ?? xdpMode ?? 'auto', insides };
}

/** What is for slots is sent to their interfaces; what is for anybody else goes to one that has to be named. */
function requireSlotsOnly(mappings: readonly Mapping[]): void {
  const plain = mappings.find(({ kind }) => kind !== 'slot');
  if (plain === undefined) return;
  throw new InstanceError(
    'EINTERFACE',
    `XDP takes what is for mappings such as ${formatMapping(plain)} between two sides: name the inside interfaces ('--inside'); only slots need none`,
  );
}

/** A request without the inside interfaces, where they are those of redirect. */
export const xdpPart = (request: AttachOptions, redirect: RedirectRecord | undefined): AttachOptions => {
  const { inside, ...rest } = request;
  return redirect === undefined || redirect.insides.length === 0 ? request : rest;
};
