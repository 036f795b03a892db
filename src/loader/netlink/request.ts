// Requests as they are handed to a socket, one or thousands, and what they are called in errors.

import { LITTLE_ENDIAN } from '../../asm/data.ts';

/** What a request is called in errors. */
export interface Subject {
  /** The request, by the kernel's name: `RTM_NEWQDISC`. */
  readonly request: string;
  /** What failed, as the start of the message: "cannot add the clsact qdisc to 'eth0'". */
  readonly what: string;
  readonly object?: string;
}

/** What each of many requests is called. */
export type SubjectOf = (index: number) => Subject;

/** One of many requests. */
export interface BatchRequest {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** Of struct tcmsg and struct ifinfomsg, where requests about interfaces start, both have the index here. */
const IFINDEX_AT = 4;

/** The same request for other interfaces: many times as fast as encoding each. */
export function forInterfaces(template: BatchRequest, ifindexes: readonly number[]): BatchRequest[] {
  const { type, flags, payload } = template;
  const size = payload.length;
  const all = new Uint8Array(size * ifindexes.length);
  const view = new DataView(all.buffer);
  return ifindexes.map((ifindex, i) => {
    const at = i * size;
    all.set(payload, at);
    view.setUint32(at + IFINDEX_AT, ifindex, LITTLE_ENDIAN);
    return { type, flags, payload: all.subarray(at, at + size) };
  });
}
