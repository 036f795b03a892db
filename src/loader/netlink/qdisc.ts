// The clsact qdisc: RTM_GETQDISC, RTM_NEWQDISC, RTM_DELQDISC, and the header that all of traffic control shares.
// Deleting clsact deletes every filter on it, whoever made it: that is the caller's to consider.

import { bytes, decode, encode, LITTLE_ENDIAN, struct, u8, u32 } from '../../asm/data.ts';
import type { HookDirection } from '../bpf/mprog.ts';
import { LoaderError } from '../errors.ts';
import {
  AF_UNSPEC,
  NLM_F_CREATE,
  NLM_F_ECHO,
  NLM_F_EXCL,
  RTM_DELQDISC,
  RTM_GETQDISC,
  RTM_NEWQDISC,
  TC_H_CLSACT,
  TC_H_MAJ_CLSACT,
  TCA_EGRESS_BLOCK,
  TCA_INGRESS_BLOCK,
  TCA_KIND,
} from './abi.ts';
import {
  type Attribute,
  AttributeSet,
  encodeAttributes,
  malformed,
  scanAttributes,
  string,
  u32 as u32Bytes,
} from './attribute.ts';
import type { BatchRequest } from './request.ts';
import type { NetlinkSocket } from './socket.ts';

const tcmsg = struct('tcmsg', {
  family: u8,
  pad: bytes(3),
  ifindex: u32,
  handle: u32,
  parent: u32,
  /** Of a filter: priority << 16 | protocol in network byte order. */
  info: u32,
});

export interface TrafficControl {
  readonly ifindex: number;
  readonly handle: number;
  readonly parent: number;
  readonly info: number;
}

export function encodeTrafficControl(header: TrafficControl, attributes: readonly Attribute[]): Uint8Array {
  const { ifindex, handle, parent, info } = header;
  const bytesOfHeader = encode(tcmsg, {
    family: AF_UNSPEC,
    pad: new Uint8Array(3),
    ifindex,
    handle,
    parent,
    info,
  });
  return Buffer.concat([bytesOfHeader, encodeAttributes(attributes)]);
}

/** @throws LoaderError with code `ENETLINK` for a message that is too short. */
export function decodeTrafficControl(payload: Uint8Array): {
  header: TrafficControl;
  attributes: AttributeSet;
} {
  if (payload.length < tcmsg.size) throw malformed(`a traffic control message of ${payload.length} bytes`);
  const { ifindex, handle, parent, info } = decode(tcmsg, payload);
  return {
    header: { ifindex, handle, parent, info },
    attributes: AttributeSet.decode(payload.subarray(tcmsg.size)),
  };
}

const CLSACT: TrafficControl = { ifindex: 0, handle: TC_H_MAJ_CLSACT, parent: TC_H_CLSACT, info: 0 };

/** What sits where clsact goes: `clsact`, `ingress` (its older half), or nothing. */
export function findClsact(socket: NetlinkSocket, ifindex: number): string | undefined {
  // By parent, not by handle: the place is asked about, whatever sits there.
  const payload = encodeTrafficControl({ ...CLSACT, ifindex, handle: 0 }, []);
  const subject = {
    request: 'RTM_GETQDISC',
    what: `cannot look for the clsact qdisc of interface ${ifindex}`,
  };
  try {
    const message = socket
      .request(RTM_GETQDISC, NLM_F_ECHO, payload, subject)
      .find(({ type }) => type === RTM_NEWQDISC);
    return message === undefined
      ? undefined
      : decodeTrafficControl(message.payload).attributes.string(TCA_KIND);
  } catch (error) {
    if (error instanceof LoaderError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Requests to add and to delete clsact, for a batch. The one to delete takes every filter along. */
export const addClsactRequest = (ifindex: number): BatchRequest => ({
  type: RTM_NEWQDISC,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  payload: clsact(ifindex),
});
export const deleteClsactRequest = (ifindex: number): BatchRequest => ({
  type: RTM_DELQDISC,
  flags: 0,
  payload: clsact(ifindex),
});

/** Clsact whose filters are in blocks that other interfaces share. Since Linux 4.17. */
export const addSharedClsactRequest = (
  ifindex: number,
  { ingress, egress }: Required<ClsactBlocks>,
): BatchRequest => ({
  type: RTM_NEWQDISC,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  payload: encodeTrafficControl({ ...CLSACT, ifindex }, [
    { type: TCA_KIND, value: string('clsact') },
    { type: TCA_INGRESS_BLOCK, value: u32Bytes(ingress) },
    { type: TCA_EGRESS_BLOCK, value: u32Bytes(egress) },
  ]),
});

const clsact = (ifindex: number): Uint8Array =>
  encodeTrafficControl({ ...CLSACT, ifindex }, [{ type: TCA_KIND, value: string('clsact') }]);

/**
 * Makes sure that the interface has a clsact qdisc; for `ingress` its older half, the `ingress` qdisc, will do.
 *
 * @param direction what it is needed for; both where left out
 * @returns whether it was made now, so that whoever undoes this knows.
 * @throws LoaderError with code `EBUSY` where an `ingress` qdisc takes the place, which has no egress: the kernel
 * would put a filter for the egress on the ingress.
 */
export function ensureClsact(socket: NetlinkSocket, ifindex: number, direction?: HookDirection): boolean {
  const { type, flags, payload } = addClsactRequest(ifindex);
  const object = `interface ${ifindex}`;
  const what = `cannot add the clsact qdisc to ${object}`;
  try {
    socket.request(type, flags, payload, { request: 'RTM_NEWQDISC', what, object });
    return true;
  } catch (error) {
    if (!(error instanceof LoaderError && error.code === 'EEXIST')) throw error;
    const kind = findClsact(socket, ifindex);
    if (kind === 'clsact' || (kind === 'ingress' && direction === 'ingress')) return false;
    throw clsactTaken(ifindex, kind, error);
  }
}

/** What is said where something else sits in the place of clsact. */
export function clsactTaken(ifindex: number, kind: string | undefined, cause: LoaderError): LoaderError {
  const object = `interface ${ifindex}`;
  const why = kind === 'ingress' ? ', which has no egress,' : '';
  const what = `cannot add the clsact qdisc to ${object}: a qdisc '${kind ?? 'of unknown kind'}'${why} takes its place`;
  return new LoaderError(`${what} (EBUSY)`, {
    code: 'EBUSY',
    syscall: 'RTM_NEWQDISC',
    object,
    hint: 'use TCX (--hook tcx), or have its owner replace it by clsact',
    cause,
  });
}

/** What sits where clsact goes. */
export interface ClsactInfo {
  readonly kind: string;
  /** The blocks that it shares with other interfaces, where it does. */
  readonly blocks: ClsactBlocks;
}

/** The numbers of the blocks of filters, by side. */
export type ClsactBlocks = { readonly [D in HookDirection]?: number };

/** What sits where clsact goes, of every interface where something does, by its index. */
export function listClsacts(socket: NetlinkSocket): Map<number, ClsactInfo> {
  const payload = encodeTrafficControl({ ...CLSACT, ifindex: 0, handle: 0, parent: 0 }, []);
  const subject = { request: 'RTM_GETQDISC', what: 'cannot list the qdiscs' };
  const found = new Map<number, ClsactInfo>();
  for (const { type, payload: answer } of socket.dump(RTM_GETQDISC, payload, subject)) {
    if (type !== RTM_NEWQDISC) continue;
    if (answer.length < tcmsg.size) throw malformed(`a traffic control message of ${answer.length} bytes`);
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    // Most are of other places.
    if (view.getUint32(tcmsg.offsets.parent, LITTLE_ENDIAN) !== TC_H_CLSACT) continue;
    const seen = { kind: '', ingress: 0, egress: 0 };
    scanAttributes(answer, tcmsg.size, (type, start, end) => {
      if (type === TCA_KIND) seen.kind = textAt(answer, start, end);
      else if (end - start < 4) return;
      else if (type === TCA_INGRESS_BLOCK) seen.ingress = view.getUint32(start, LITTLE_ENDIAN);
      else if (type === TCA_EGRESS_BLOCK) seen.egress = view.getUint32(start, LITTLE_ENDIAN);
    });
    const { kind, ingress, egress } = seen;
    found.set(view.getUint32(tcmsg.offsets.ifindex, LITTLE_ENDIAN), {
      kind,
      blocks: { ...(ingress !== 0 && { ingress }), ...(egress !== 0 && { egress }) },
    });
  }
  return found;
}

function textAt(data: Uint8Array, start: number, end: number): string {
  const text = Buffer.from(data.buffer, data.byteOffset + start, end - start).toString();
  return text.endsWith('\0') ? text.slice(0, -1) : text;
}

/** Deletes clsact with all its filters. @returns whether it was there. */
export function deleteClsact(socket: NetlinkSocket, ifindex: number): boolean {
  const { type, flags, payload } = deleteClsactRequest(ifindex);
  const object = `interface ${ifindex}`;
  const what = `cannot delete the clsact qdisc of ${object}`;
  try {
    socket.request(type, flags, payload, { request: 'RTM_DELQDISC', what, object });
    return true;
  } catch (error) {
    if (error instanceof LoaderError && (error.code === 'ENOENT' || error.code === 'ENODEV')) return false;
    if (error instanceof LoaderError && error.code === 'EINVAL' && findClsact(socket, ifindex) === undefined)
      return false;
    throw error;
  }
}
