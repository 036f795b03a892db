// What an interface can do for XDP, by generic netlink: the family "netdev" (include/uapi/linux/netdev.h, since Linux 6.3),
// whose number has to be asked for first. Some drivers, such as veth, can do more or less as they are set up.

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import { LoaderError } from '../errors.ts';
import { NETLINK_GENERIC } from './abi.ts';
import { type Attribute, AttributeSet, encodeAttributes, string, u32 } from './attribute.ts';
import type { Message } from './message.ts';
import { NetlinkSocket } from './socket.ts';

/** include/uapi/linux/genetlink.h */
const GENL_ID_CTRL = 0x10;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
/** struct genlmsghdr: command, version, two bytes of nothing. */
const GENL_HEADER = 4;
const VERSION = 1;

const NETDEV_FAMILY = 'netdev';
const NETDEV_CMD_DEV_GET = 1;
const NETDEV_A_DEV_IFINDEX = 1;
const NETDEV_A_DEV_XDP_FEATURES = 3;
/** Packets can be redirected to it. */
const NETDEV_XDP_ACT_NDO_XMIT = 4n;

/** Codes of kernels that do not say, and of an interface that is gone. */
const UNKNOWN: ReadonlySet<string> = new Set(['ENOENT', 'EOPNOTSUPP', 'EPROTONOSUPPORT', 'ENODEV']);

/**
 * Whether native XDP of other interfaces can send to each of these, in the network namespace of the calling thread;
 * undefined where the kernel does not say.
 */
export function takesXdp(ifindexes: readonly number[]): (boolean | undefined)[] {
  const found = whereKnown(() => {
    using socket = new NetlinkSocket({ protocol: NETLINK_GENERIC });
    const family = familyNumber(socket);
    return ifindexes.map((ifindex) => whereKnown(() => canTransmit(socket, family, ifindex)));
  });
  return found ?? ifindexes.map(() => undefined);
}

function whereKnown<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof LoaderError && UNKNOWN.has(error.code)) return undefined;
    throw error;
  }
}

function familyNumber(socket: NetlinkSocket): number {
  const name = { type: CTRL_ATTR_FAMILY_NAME, value: string(NETDEV_FAMILY) };
  const answer = ask(socket, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, name, `the netlink family '${NETDEV_FAMILY}'`);
  const id = answer.bytes(CTRL_ATTR_FAMILY_ID) ?? new Uint8Array(2);
  return new DataView(id.buffer, id.byteOffset).getUint16(0, LITTLE_ENDIAN);
}

function canTransmit(socket: NetlinkSocket, family: number, ifindex: number): boolean {
  const which = { type: NETDEV_A_DEV_IFINDEX, value: u32(ifindex) };
  const answer = ask(socket, family, NETDEV_CMD_DEV_GET, which, `XDP of interface ${ifindex}`);
  return ((answer.u64(NETDEV_A_DEV_XDP_FEATURES) ?? 0n) & NETDEV_XDP_ACT_NDO_XMIT) !== 0n;
}

function ask(
  socket: NetlinkSocket,
  family: number,
  command: number,
  attribute: Attribute,
  what: string,
): AttributeSet {
  const attributes = encodeAttributes([attribute]);
  const payload = new Uint8Array(GENL_HEADER + attributes.length);
  payload.set([command, VERSION]);
  payload.set(attributes, GENL_HEADER);
  const subject = { request: 'netlink(NETLINK_GENERIC)', what: `cannot ask about ${what}` };
  const answer: Message | undefined = socket.request(family, 0, payload, subject)[0];
  return AttributeSet.decode(answer?.payload.subarray(GENL_HEADER) ?? new Uint8Array());
}
