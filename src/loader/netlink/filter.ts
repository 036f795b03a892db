// cls_bpf filters in direct-action mode: RTM_NEWTFILTER, RTM_GETTFILTER, RTM_DELTFILTER.
// A filter is found again by direction, priority and handle; the program's identifier tells whose it is.

import type { HookDirection } from '../bpf/mprog.ts';
import { LoaderError } from '../errors.ts';
import {
  NLM_F_ECHO,
  RTM_GETTFILTER,
  RTM_NEWTFILTER,
  TCA_BPF_ID,
  TCA_BPF_NAME,
  TCA_CHAIN,
  TCA_KIND,
  TCA_OPTIONS,
} from './abi.ts';
import { AttributeSet, malformed } from './attribute.ts';
import {
  addRequest,
  deleteRequest,
  type FilterPlace,
  type FilterProgram,
  type FilterSite,
  type FilterWish,
  replaceRequest,
  siteOf,
  swap16,
} from './filter-request.ts';
import { decodeTrafficControl, encodeTrafficControl, findClsact } from './qdisc.ts';
import type { NetlinkSocket } from './socket.ts';

export interface Filter extends FilterPlace {
  readonly chain: number;
  /** `bpf` for ours. */
  readonly kind: string;
  /** The program's, of a cls_bpf filter. Since Linux 4.16. */
  readonly programId: number | undefined;
  readonly name: string | undefined;
  /** ETH_P_*: the frames it looks at. */
  readonly protocol: number;
}

/**
 * Adds a program. Where no priority is wished for, the kernel picks 49152, or right before the first filter with
 * at least 32768; so filters whose owners chose a low priority run first.
 * The interface must have a clsact qdisc.
 *
 * @returns where it is, as the kernel's echo of the request says.
 */
export function addFilter(
  socket: NetlinkSocket,
  ifindex: number,
  direction: HookDirection,
  program: FilterProgram,
  wish: FilterWish = {},
): FilterPlace {
  const { type: request, flags, payload } = addRequest(siteOf(ifindex, direction), program, wish);
  const object = `interface ${ifindex}`;
  const what = `cannot add a filter to the ${direction} of ${object}`;
  const echo = socket
    .request(request, flags | NLM_F_ECHO, payload, {
      request: 'RTM_NEWTFILTER',
      what,
      object,
    })
    .filter(({ type }) => type === RTM_NEWTFILTER)
    .map(({ payload: answer }) => decodeFilter(answer, direction))
    .at(-1);
  if (echo === undefined) throw malformed(`${what}: the kernel did not say where it is`);
  const { priority, handle, chain } = echo;
  return { direction, priority, handle, ...(chain !== 0 && { chain }) };
}

/** Swaps the program of a filter in its place; each packet meets the old or the new one. */
export function replaceFilter(
  socket: NetlinkSocket,
  ifindex: number,
  place: FilterPlace,
  program: FilterProgram,
): void {
  const { type, flags, payload } = replaceRequest(siteOf(ifindex, place.direction), place, program);
  const { direction, priority, handle } = place;
  const object = `interface ${ifindex}`;
  socket.request(type, flags, payload, {
    request: 'RTM_NEWTFILTER',
    what: `cannot replace the filter with priority ${priority} and handle ${handle} on the ${direction} of ${object}`,
    object,
  });
}

/** @returns whether it was there. Check first that it is yours: `listFilters` tells the program. */
export function deleteFilter(socket: NetlinkSocket, ifindex: number, place: FilterPlace): boolean {
  const { type, flags, payload } = deleteRequest(siteOf(ifindex, place.direction), place);
  const { direction, priority, handle } = place;
  const object = `interface ${ifindex}`;
  const what = `cannot delete the filter with priority ${priority} and handle ${handle} on the ${direction} of ${object}`;
  try {
    socket.request(type, flags, payload, { request: 'RTM_DELTFILTER', what, object });
    return true;
  } catch (error) {
    if (error instanceof LoaderError && (error.code === 'ENOENT' || error.code === 'ENODEV')) return false;
    throw error;
  }
}

/**
 * The filters of one direction in all chains, whoever made them; none where there is no clsact qdisc. An `ingress`
 * qdisc has no egress: asked for it, the kernel lists the ingress.
 */
export function listFilters(socket: NetlinkSocket, ifindex: number, direction: HookDirection): Filter[] {
  const filters = listSite(socket, siteOf(ifindex, direction), direction);
  const none = filters.length === 0 || (direction === 'egress' && findClsact(socket, ifindex) === 'ingress');
  return none ? [] : filters;
}

/** The filters of a site, whatever it is called. */
export function listSite(socket: NetlinkSocket, site: FilterSite, direction: HookDirection): Filter[] {
  const payload = encodeTrafficControl({ ...site, handle: 0, info: 0 }, []);
  const subject = { request: 'RTM_GETTFILTER', what: `cannot list the filters of interface ${site.ifindex}` };
  return (
    socket
      .dump(RTM_GETTFILTER, payload, subject)
      .filter(({ type }) => type === RTM_NEWTFILTER)
      .map((message) => decodeFilter(message.payload, direction))
      // A classifier is listed once by itself, with handle 0, and once for each of its filters.
      .filter(({ handle }) => handle !== 0)
  );
}

/** @throws LoaderError with code `ENETLINK` for a message that is too short. */
export function decodeFilter(payload: Uint8Array, direction: HookDirection): Filter {
  const { header, attributes } = decodeTrafficControl(payload);
  const kind = attributes.string(TCA_KIND) ?? '';
  // What the options of other classifiers mean is theirs to know.
  const inner = kind === 'bpf' ? attributes.nested(TCA_OPTIONS) : new AttributeSet([]);
  return {
    direction,
    priority: header.info >>> 16,
    protocol: swap16(header.info & 0xffff),
    handle: header.handle,
    chain: attributes.u32(TCA_CHAIN) ?? 0,
    kind,
    programId: inner.u32(TCA_BPF_ID),
    name: inner.string(TCA_BPF_NAME),
  };
}
