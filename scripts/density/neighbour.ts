// Permanent neighbours and host routes, thousands at a time: RTM_NEWNEIGH and RTM_NEWROUTE. The kernel's neighbour table is
// one for all namespaces, and permanent entries alone do not count against its limit (net.ipv4.neigh.default.gc_thresh3).

import { bytes, encode, struct, u8, u16, u32 as u32Type } from '../../src/asm/index.ts';
import type { NetlinkSocket } from '../../src/loader/index.ts';
import {
  AF_INET,
  NLM_F_CREATE,
  RT_SCOPE_LINK,
  RT_TABLE_MAIN,
  RTA_DST,
  RTA_OIF,
  RTM_NEWROUTE,
  RTN_UNICAST,
  RTPROT_STATIC,
} from '../../src/loader/netlink/abi.ts';
import { encodeAttributes, u32 } from '../../src/loader/netlink/attribute.ts';
import type { BatchRequest } from '../../src/loader/netlink/request.ts';

/** include/uapi/linux/neighbour.h */
const RTM_NEWNEIGH = 28;
const NLM_F_REPLACE = 0x100;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_PERMANENT = 0x80;

const ndmsg = struct('ndmsg', {
  family: u8,
  pad: bytes(3),
  ifindex: u32Type,
  state: u16,
  flags: u8,
  type: u8,
});

const rtmsg = struct('rtmsg', {
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

export interface Neighbour {
  readonly ifindex: number;
  /** 4 bytes. */
  readonly address: Uint8Array;
  readonly mac: Uint8Array;
}

/** Adds them, or replaces those that are there. @throws LoaderError of the first that failed */
export function addNeighbours(socket: NetlinkSocket, neighbours: readonly Neighbour[]): void {
  const requests = neighbours.map(({ ifindex, address, mac }): BatchRequest => {
    const header = encode(ndmsg, {
      family: AF_INET,
      pad: new Uint8Array(3),
      ifindex,
      state: NUD_PERMANENT,
      flags: 0,
      type: 0,
    });
    const attributes = encodeAttributes([
      { type: NDA_DST, value: address },
      { type: NDA_LLADDR, value: mac },
    ]);
    return {
      type: RTM_NEWNEIGH,
      flags: NLM_F_CREATE | NLM_F_REPLACE,
      payload: Buffer.concat([header, attributes]),
    };
  });
  batch(socket, requests, 'add a neighbour');
}

/** Routes to single addresses on a link. */
export function addHostRoutes(socket: NetlinkSocket, routes: readonly Omit<Neighbour, 'mac'>[]): void {
  const requests = routes.map(({ ifindex, address }): BatchRequest => {
    const header = encode(rtmsg, {
      family: AF_INET,
      dst_len: 32,
      src_len: 0,
      tos: 0,
      table: RT_TABLE_MAIN,
      protocol: RTPROT_STATIC,
      scope: RT_SCOPE_LINK,
      type: RTN_UNICAST,
      flags: new Uint8Array(4),
    });
    const attributes = encodeAttributes([
      { type: RTA_DST, value: address },
      { type: RTA_OIF, value: u32(ifindex) },
    ]);
    return {
      type: RTM_NEWROUTE,
      flags: NLM_F_CREATE | NLM_F_REPLACE,
      payload: Buffer.concat([header, attributes]),
    };
  });
  batch(socket, requests, 'add a route');
}

function batch(socket: NetlinkSocket, requests: readonly BatchRequest[], what: string): void {
  const [failure] = socket
    .batch(requests, () => ({ request: 'a batch', what: `cannot ${what}` }))
    .filter((error) => error !== undefined);
  if (failure !== undefined) throw failure;
}
