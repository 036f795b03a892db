// Interfaces: RTM_GETLINK, and making and changing veth pairs with RTM_NEWLINK.
// Left out: every other kind, statistics, alternative names.

import { decode, encode, struct, u8, u16, u32 as u32Type } from '../../asm/data.ts';
import { interfaceNameProblem } from '../../interface-name.ts';
import { LoaderError } from '../errors.ts';
import {
  AF_BRIDGE,
  AF_UNSPEC,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_EXT_MASK,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  VETH_INFO_PEER,
} from './abi.ts';
import {
  type Attribute,
  AttributeSet,
  encodeAttributes,
  malformed,
  nested,
  string,
  u32,
} from './attribute.ts';
import type { Message } from './message.ts';
import type { NetlinkSocket } from './socket.ts';

const ifinfomsg = struct('ifinfomsg', {
  family: u8,
  pad: u8,
  type: u16,
  index: u32Type,
  flags: u32Type,
  change: u32Type,
});

/** An interface. */
export interface Interface {
  readonly index: number;
  readonly name: string;
  /** ARPHRD_* of include/uapi/linux/if_arp.h: 1 is Ethernet. */
  readonly type: number;
  /** IFF_* bits. */
  readonly flags: number;
  /** 6 bytes on Ethernet; may be empty elsewhere. */
  readonly mac: Uint8Array;
  readonly mtu: number;
  /** `veth`, `bridge`, ...; undefined for hardware. */
  readonly kind: string | undefined;
  /** Index of the bridge, bond or other interface that it is a port of. */
  readonly master: number | undefined;
}

/** @throws RangeError for a name that no interface can have. */
export function requireInterfaceName(name: string): void {
  const problem = interfaceNameProblem(name);
  if (problem !== undefined) {
    throw new RangeError(
      `interface '${name}': its name ${problem}; a name has 1 to 15 bytes without blanks, '/', ':' or '%'`,
    );
  }
}

/** The interface of this name or index; undefined where there is none in the socket's network namespace. */
export function findInterface(socket: NetlinkSocket, which: string | number): Interface | undefined {
  const message = lookUpLink(socket, which);
  return message === undefined ? undefined : decodeInterface(message);
}

/** What an interface is a port of (a bridge, a bond, a VRF); undefined where of nothing. */
export function findMaster(socket: NetlinkSocket, index: number): Interface | undefined {
  const message = lookUpLink(socket, index);
  const master = message && decodeLinkAttributes(message).u32(IFLA_MASTER);
  return master === undefined ? undefined : findInterface(socket, master);
}

/** What the kernel says of one interface; undefined where there is none. */
export function lookUpLink(socket: NetlinkSocket, which: string | number): Message | undefined {
  const byName = typeof which === 'string';
  if (byName) requireInterfaceName(which);
  const attributes = byName ? [{ type: IFLA_IFNAME, value: string(which) }] : [];
  const payload = encodeLink(byName ? 0 : which, {}, [
    ...attributes,
    { type: IFLA_EXT_MASK, value: u32(RTEXT_FILTER_SKIP_STATS) },
  ]);
  try {
    const subject = {
      request: 'RTM_GETLINK',
      what: `cannot look up interface '${which}'`,
      object: `${which}`,
    };
    return socket.request(RTM_GETLINK, 0, payload, subject).find(({ type }) => type === RTM_NEWLINK);
  } catch (error) {
    if (error instanceof LoaderError && error.code === 'ENODEV') return undefined;
    throw error;
  }
}

/** Every interface in the socket's network namespace. */
export function listInterfaces(socket: NetlinkSocket): Interface[] {
  const subject = { request: 'RTM_GETLINK', what: 'cannot list the interfaces' };
  const payload = encodeLink(0, {}, [{ type: IFLA_EXT_MASK, value: u32(RTEXT_FILTER_SKIP_STATS) }]);
  return socket
    .dump(RTM_GETLINK, payload, subject)
    .filter(({ type }) => type === RTM_NEWLINK)
    .map(decodeInterface);
}

/** The ports of bridges: their indexes, and the index of each one's bridge. The kernel lists nothing else of them. */
export function listBridgePorts(socket: NetlinkSocket): Map<number, number> {
  const payload = encodeLink(0, {}, [], AF_BRIDGE);
  const subject = { request: 'RTM_GETLINK', what: 'cannot list the ports of bridges' };
  const found = new Map<number, number>();
  for (const message of socket.dump(RTM_GETLINK, payload, subject)) {
    if (message.type !== RTM_NEWLINK) continue;
    const { index, master } = decodeInterface(message);
    // Bridges list themselves as well.
    if (master !== undefined) found.set(index, master);
  }
  return found;
}

/** @throws LoaderError with code `ENETLINK` for a message that is too short. */
export function decodeInterface({ payload }: Pick<Message, 'payload'>): Interface {
  if (payload.length < ifinfomsg.size) throw malformed(`a link message of ${payload.length} bytes`);
  const { index, type, flags } = decode(ifinfomsg, payload);
  const attributes = decodeLinkAttributes({ payload });
  return {
    index,
    type,
    flags,
    name: attributes.string(IFLA_IFNAME) ?? '',
    mac: attributes.bytes(IFLA_ADDRESS) ?? new Uint8Array(),
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    kind: attributes.nested(IFLA_LINKINFO).string(IFLA_INFO_KIND),
    master: attributes.u32(IFLA_MASTER),
  };
}

/** The attributes of a link message. @throws LoaderError with code `ENETLINK` for one that is too short. */
export function decodeLinkAttributes({ payload }: Pick<Message, 'payload'>): AttributeSet {
  if (payload.length < ifinfomsg.size) throw malformed(`a link message of ${payload.length} bytes`);
  return AttributeSet.decode(payload.subarray(ifinfomsg.size));
}

/** One end of a veth pair. */
export interface VethEnd {
  readonly name: string;
  readonly mac?: Uint8Array;
  readonly mtu?: number;
  /** Descriptor of the network namespace it is born in; the socket's own where left out. */
  readonly netnsFd?: number;
}

/** Makes a veth pair, both ends down. */
export function createVeth(socket: NetlinkSocket, end: VethEnd, peer: VethEnd): void {
  const info = nested(IFLA_LINKINFO, [
    { type: IFLA_INFO_KIND, value: string('veth') },
    nested(IFLA_INFO_DATA, [{ type: VETH_INFO_PEER, value: encodeLink(0, {}, endAttributes(peer)) }]),
  ]);
  const payload = encodeLink(0, {}, [...endAttributes(end), info]);
  const what = `cannot make the veth pair '${end.name}' and '${peer.name}'`;
  socket.request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, payload, {
    request: 'RTM_NEWLINK',
    what,
    object: end.name,
  });
}

export interface LinkChange {
  readonly up?: boolean;
  readonly mac?: Uint8Array;
  readonly mtu?: number;
  /** Moves it into another network namespace. */
  readonly netnsFd?: number;
}

export function changeInterface(socket: NetlinkSocket, index: number, change: LinkChange): void {
  const flags = change.up === undefined ? {} : { flags: change.up ? IFF_UP : 0, change: IFF_UP };
  const payload = encodeLink(index, flags, settings(change));
  const what = `cannot change interface ${index}`;
  socket.request(RTM_NEWLINK, 0, payload, { request: 'RTM_NEWLINK', what, object: `${index}` });
}

/** Deletes an interface; of a veth pair both ends go. */
export function deleteInterface(socket: NetlinkSocket, index: number): void {
  const what = `cannot delete interface ${index}`;
  socket.request(RTM_DELLINK, 0, encodeLink(index, {}, []), {
    request: 'RTM_DELLINK',
    what,
    object: `${index}`,
  });
}

function endAttributes(end: VethEnd): Attribute[] {
  requireInterfaceName(end.name);
  return [{ type: IFLA_IFNAME, value: string(end.name) }, ...settings(end)];
}

function settings({ mac, mtu, netnsFd }: Omit<LinkChange, 'up'>): Attribute[] {
  return [
    ...(mac === undefined ? [] : [{ type: IFLA_ADDRESS, value: mac }]),
    ...(mtu === undefined ? [] : [{ type: IFLA_MTU, value: u32(mtu) }]),
    ...(netnsFd === undefined ? [] : [{ type: IFLA_NET_NS_FD, value: u32(netnsFd) }]),
  ];
}

/** The payload of a request about one interface. */
export function encodeLink(
  index: number,
  { flags = 0, change = 0 }: { flags?: number; change?: number },
  attributes: readonly Attribute[],
  family: number = AF_UNSPEC,
): Uint8Array {
  const header = encode(ifinfomsg, { family, pad: 0, type: 0, index, flags, change });
  return Buffer.concat([header, encodeAttributes(attributes)]);
}
