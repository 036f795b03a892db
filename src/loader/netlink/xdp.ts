// XDP by rtnetlink: what is attached (RTM_GETLINK), and attaching without a link (RTM_SETLINK), which is how kernels
// before 5.9 do it and how the driver says in words what it does not like. Left out: offload to hardware.

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import * as abi from './abi.ts';
import { type Attribute, type AttributeSet, nested, u32 } from './attribute.ts';
import { decodeLinkAttributes, encodeLink, lookUpLink } from './link.ts';
import type { BatchRequest } from './request.ts';
import type { NetlinkSocket } from './socket.ts';

/** Where the program runs: `native` in the driver, `generic` on finished skbs, `offload` in the hardware. */
export type XdpMode = 'native' | 'generic';
export type XdpPlace = XdpMode | 'offload';

/** What is attached to an interface, by mode; empty where nothing is. */
export type XdpPrograms = { readonly [P in XdpPlace]?: number };

const ATTACHED: { readonly [attached: number]: XdpPlace } = {
  [abi.XDP_ATTACHED_DRV]: 'native',
  [abi.XDP_ATTACHED_SKB]: 'generic',
  [abi.XDP_ATTACHED_HW]: 'offload',
};

/** XDP_FLAGS_* by mode. */
export const XDP_MODE_FLAGS: { readonly [M in XdpMode]: number } = {
  native: abi.XDP_FLAGS_DRV_MODE,
  generic: abi.XDP_FLAGS_SKB_MODE,
};

/** The identifiers of the XDP programs of an interface; undefined where there is no such interface. */
export function queryXdp(socket: NetlinkSocket, ifindex: number): XdpPrograms | undefined {
  const message = lookUpLink(socket, ifindex);
  return message === undefined ? undefined : decodeXdp(decodeLinkAttributes(message).nested(abi.IFLA_XDP));
}

/** Reads the contents of IFLA_XDP. */
export function decodeXdp(xdp: AttributeSet): XdpPrograms {
  const programs: { [P in XdpPlace]?: number } = {};
  const add = (place: XdpPlace | undefined, id: number | undefined): void => {
    if (place !== undefined && id !== undefined && id !== 0) programs[place] = id;
  };
  add('native', xdp.u32(abi.IFLA_XDP_DRV_PROG_ID));
  add('generic', xdp.u32(abi.IFLA_XDP_SKB_PROG_ID));
  add('offload', xdp.u32(abi.IFLA_XDP_HW_PROG_ID));
  // Before Linux 4.19 there is this one only.
  const attached = xdp.bytes(abi.IFLA_XDP_ATTACHED)?.[0] ?? 0;
  if (Object.keys(programs).length === 0) add(ATTACHED[attached], xdp.u32(abi.IFLA_XDP_PROG_ID));
  return programs;
}

export interface XdpChange {
  readonly ifindex: number;
  readonly mode: XdpMode;
  /** Descriptor of the new program; undefined takes the old one off. */
  readonly fd: number | undefined;
  /**
   * Descriptor of the program that must be there now, `none` for no program; otherwise the request fails with
   * EEXIST. Since Linux 5.7.
   */
  readonly expected: number | 'none';
}

/** A request to attach, swap or detach, for a batch. */
export function xdpRequest({ ifindex, mode, fd, expected }: XdpChange): BatchRequest {
  const flags = XDP_MODE_FLAGS[mode] | abi.XDP_FLAGS_REPLACE;
  const attributes: Attribute[] = [
    { type: abi.IFLA_XDP_FD, value: i32(fd ?? -1) },
    { type: abi.IFLA_XDP_EXPECTED_FD, value: i32(expected === 'none' ? -1 : expected) },
    { type: abi.IFLA_XDP_FLAGS, value: u32(flags) },
  ];
  return {
    type: abi.RTM_SETLINK,
    flags: 0,
    payload: encodeLink(ifindex, {}, [nested(abi.IFLA_XDP, attributes)]),
  };
}

/** Attaches, swaps or detaches. @throws LoaderError with the driver's words. */
export function changeXdp(socket: NetlinkSocket, change: XdpChange): void {
  const { type, flags, payload } = xdpRequest(change);
  const { ifindex, mode, fd } = change;
  const object = `interface ${ifindex}`;
  const what = `cannot ${fd === undefined ? 'detach' : 'attach'} ${mode} XDP ${fd === undefined ? 'from' : 'to'} ${object}`;
  socket.request(type, flags, payload, { request: 'RTM_SETLINK', what, object });
}

function i32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setInt32(0, value, LITTLE_ENDIAN);
  return out;
}
