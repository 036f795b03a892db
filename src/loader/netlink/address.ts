// Addresses and routes of interfaces: RTM_GETADDR, RTM_NEWADDR, RTM_NEWROUTE.
// Addresses are bytes in network order. Left out: writing IPv6, deletion, everything but unicast routes by one hop.

import {
  type BytesType,
  bytes,
  decode,
  encode,
  type ScalarType,
  type StructType,
  struct,
  u8,
  u32 as u32Type,
} from '../../asm/data.ts';
import {
  AF_INET,
  AF_INET6,
  IFA_ADDRESS,
  IFA_LOCAL,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTA_DST,
  RTA_GATEWAY,
  RTA_OIF,
  RTM_GETADDR,
  RTM_NEWADDR,
  RTM_NEWROUTE,
  RTN_UNICAST,
  RTPROT_STATIC,
} from './abi.ts';
import { AttributeSet, encodeAttributes, malformed, u32 } from './attribute.ts';
import type { Message } from './message.ts';
import type { NetlinkSocket } from './socket.ts';

type U8 = ScalarType<'u8'>;

const ifaddrmsg = struct('ifaddrmsg', { family: u8, prefixlen: u8, flags: u8, scope: u8, index: u32Type });

/** `struct rtmsg` (include/uapi/linux/rtnetlink.h), 12 bytes. */
export const rtmsg: StructType<{
  family: U8;
  dst_len: U8;
  src_len: U8;
  tos: U8;
  table: U8;
  protocol: U8;
  scope: U8;
  type: U8;
  flags: BytesType;
}> = struct('rtmsg', {
  family: u8,
  dst_len: u8,
  src_len: u8,
  tos: u8,
  table: u8,
  protocol: u8,
  scope: u8,
  type: u8,
  flags: bytes(4),
});

const IPV4_SIZE = 4;
const IPV6_SIZE = 16;
const BYTE_BITS = 8;

/** An address of an interface. */
export interface InterfaceAddress {
  readonly ifindex: number;
  /** The interface's own address, 4 bytes or 16. */
  readonly local: Uint8Array;
  /** What the prefix is of: the same, or on a point-to-point interface the address of the other end. */
  readonly address: Uint8Array;
  readonly prefixLength: number;
}

/** `10.0.0.5` as 4 bytes. @throws RangeError for anything else than four decimal numbers up to 255. */
export function ipv4(text: string): Uint8Array {
  const parts = text.split('.');
  const valid =
    parts.length === IPV4_SIZE &&
    parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
  if (!valid) throw new RangeError(`'${text}' is not an IPv4 address`);
  return Uint8Array.from(parts, Number);
}

type Family = 4 | 6;
const FAMILIES: { readonly [F in Family]: number } = { 4: AF_INET, 6: AF_INET6 };

/** The addresses of one interface. */
export function listAddresses(
  socket: NetlinkSocket,
  ifindex: number,
  family: Family = 4,
): InterfaceAddress[] {
  const header = { family: FAMILIES[family], prefixlen: 0, flags: 0, scope: 0, index: ifindex };
  const subject = { request: 'RTM_GETADDR', what: `cannot list the addresses of interface ${ifindex}` };
  return (
    socket
      .dump(RTM_GETADDR, encode(ifaddrmsg, header), subject)
      .filter(({ type }) => type === RTM_NEWADDR)
      .map((message) => decodeAddress(message, family))
      .filter((address) => address !== undefined)
      // Kernels without strict checking list every interface.
      .filter((address) => address.ifindex === ifindex)
  );
}

/** Undefined for an address of another family. @throws LoaderError with code `ENETLINK` for a message that is too short. */
export function decodeAddress(
  { payload }: Pick<Message, 'payload'>,
  wanted: Family = 4,
): InterfaceAddress | undefined {
  if (payload.length < ifaddrmsg.size) throw malformed(`an address message of ${payload.length} bytes`);
  const { family, prefixlen, index } = decode(ifaddrmsg, payload);
  if (family !== FAMILIES[wanted]) return undefined;
  const attributes = AttributeSet.decode(payload.subarray(ifaddrmsg.size));
  const address = attributes.bytes(IFA_ADDRESS) ?? attributes.bytes(IFA_LOCAL);
  const local = attributes.bytes(IFA_LOCAL) ?? address;
  const size = wanted === 6 ? IPV6_SIZE : IPV4_SIZE;
  if (address?.length !== size || local?.length !== size || prefixlen > size * BYTE_BITS) {
    throw malformed(`an IPv${wanted} address that is none`);
  }
  return { ifindex: index, local, address, prefixLength: prefixlen };
}

export function addAddress(
  socket: NetlinkSocket,
  ifindex: number,
  address: Uint8Array,
  prefixLength: number,
): void {
  const header = encode(ifaddrmsg, {
    family: AF_INET,
    prefixlen: prefixLength,
    flags: 0,
    scope: RT_SCOPE_UNIVERSE,
    index: ifindex,
  });
  const attributes = encodeAttributes([
    { type: IFA_LOCAL, value: address },
    { type: IFA_ADDRESS, value: address },
  ]);
  socket.request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, Buffer.concat([header, attributes]), {
    request: 'RTM_NEWADDR',
    what: `cannot add ${address.join('.')}/${prefixLength} to interface ${ifindex}`,
    object: address.join('.'),
  });
}

export interface Route {
  /** 4 bytes; left out for the default route. */
  readonly destination?: Uint8Array;
  readonly prefixLength?: number;
  /** Left out where the destination is on the link itself. */
  readonly gateway?: Uint8Array;
  readonly ifindex?: number;
}

export function addRoute(
  socket: NetlinkSocket,
  { destination, prefixLength = 0, gateway, ifindex }: Route,
): void {
  const header = encode(rtmsg, {
    family: AF_INET,
    dst_len: prefixLength,
    src_len: 0,
    tos: 0,
    table: RT_TABLE_MAIN,
    protocol: RTPROT_STATIC,
    scope: gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
    type: RTN_UNICAST,
    flags: new Uint8Array(4),
  });
  const attributes = encodeAttributes([
    ...(destination === undefined ? [] : [{ type: RTA_DST, value: destination }]),
    ...(gateway === undefined ? [] : [{ type: RTA_GATEWAY, value: gateway }]),
    ...(ifindex === undefined ? [] : [{ type: RTA_OIF, value: u32(ifindex) }]),
  ]);
  const name =
    destination === undefined ? 'the default route' : `the route to ${destination.join('.')}/${prefixLength}`;
  socket.request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, Buffer.concat([header, attributes]), {
    request: 'RTM_NEWROUTE',
    what: `cannot add ${name}`,
    object: name,
  });
}
