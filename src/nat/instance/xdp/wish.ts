// What is asked of XDP, as far as a request says anything, and what is there already.

import type { Interface, NetlinkSocket } from '../../../loader/index.ts';
import { InstanceError } from '../error.ts';
import type { XdpRecord } from '../record.ts';
import type { AttachOptions } from '../types.ts';
import type { XdpWish } from './change.ts';
import { requireInsides } from './interfaces.ts';

/**
 * Undefined where nothing is asked and nothing is there; `none` where a hook without XDP is asked for.
 *
 * @param former of the instance that is to be replaced
 * @throws InstanceError for interfaces that cannot be used, or options that are about XDP where there is none.
 */
export function xdpWish(
  { hook = 'auto', inside, xdpMode, netns }: AttachOptions,
  { socket, uplink }: { readonly socket: NetlinkSocket; readonly uplink: Interface },
  former?: XdpRecord,
): XdpWish | 'none' | undefined {
  const isAsked = inside !== undefined || xdpMode !== undefined;
  const isOn = hook === 'xdp' || (hook === 'auto' && former !== undefined);
  if (!isOn) {
    if (isAsked) {
      throw new InstanceError(
        'ECONFLICT',
        "inside interfaces and a mode are of XDP: ask for it with '--hook xdp'",
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
      : requireInsides(socket, uplink, inside ?? [], netns);
  return { mode: former?.mode ?? xdpMode ?? 'auto', insides };
}
