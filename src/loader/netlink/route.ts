// What routes ask for beside the way: RTM_GETROUTE, and of the answer the MTU alone.

import { encode } from '../../asm/data.ts';
import {
  AF_UNSPEC,
  RTA_METRICS,
  RTAX_LOCK,
  RTAX_MTU,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_UNICAST,
} from './abi.ts';
import { rtmsg } from './address.ts';
import { AttributeSet, malformed } from './attribute.ts';
import type { Message } from './message.ts';
import type { NetlinkSocket } from './socket.ts';

/**
 * The least MTU of all routes that have one, of both families and in every table; undefined where none has. Routes whose MTU is
 * locked do not count: bpf_fib_lookup heeds that of those alone (ip_mtu_from_fib_result of net/ipv4/route.c), where the
 * stack heeds it of all.
 */
export function leastRouteMtu(socket: NetlinkSocket): number | undefined {
  const header = encode(rtmsg, {
    family: AF_UNSPEC,
    dst_len: 0,
    src_len: 0,
    tos: 0,
    table: 0,
    protocol: 0,
    scope: 0,
    type: 0,
    flags: new Uint8Array(4),
  });
  const subject = { request: 'RTM_GETROUTE', what: 'cannot list the routes' };
  let least: number | undefined;
  for (const message of socket.dump(RTM_GETROUTE, header, subject)) {
    const mtu = message.type === RTM_NEWROUTE ? decodeRouteMtu(message) : undefined;
    if (mtu !== undefined && (least === undefined || mtu < least)) least = mtu;
  }
  return least;
}

/**
 * The MTU of a unicast route that has one which is not locked.
 *
 * @throws LoaderError with code `ENETLINK` for a message that is too short.
 */
export function decodeRouteMtu({ payload }: Pick<Message, 'payload'>): number | undefined {
  if (payload.length < rtmsg.size) throw malformed(`a route message of ${payload.length} bytes`);
  if (payload[rtmsg.offsets.type] !== RTN_UNICAST) return undefined;
  const metrics = AttributeSet.decode(payload.subarray(rtmsg.size)).nested(RTA_METRICS);
  const isLocked = ((metrics.u32(RTAX_LOCK) ?? 0) & (1 << RTAX_MTU)) !== 0;
  const mtu = metrics.u32(RTAX_MTU) ?? 0;
  return isLocked || mtu === 0 ? undefined : mtu;
}
