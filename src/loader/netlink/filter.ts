// cls_bpf filters in direct-action mode on clsact: RTM_NEWTFILTER, RTM_GETTFILTER, RTM_DELTFILTER.
// A filter is found again by direction, priority and handle; the program's identifier tells whose it is.

import type { HookDirection } from '../bpf/mprog.ts';
import { LoaderError } from '../errors.ts';
import {
  ETH_P_ALL,
  NLM_F_CREATE,
  NLM_F_ECHO,
  NLM_F_EXCL,
  RTM_DELTFILTER,
  RTM_GETTFILTER,
  RTM_NEWTFILTER,
  TC_H_EGRESS_HOOK,
  TC_H_INGRESS_HOOK,
  TCA_BPF_FD,
  TCA_BPF_FLAG_ACT_DIRECT,
  TCA_BPF_FLAGS,
  TCA_BPF_ID,
  TCA_BPF_NAME,
  TCA_CHAIN,
  TCA_KIND,
  TCA_OPTIONS,
} from './abi.ts';
import { type Attribute, AttributeSet, malformed, nested, string, u32 } from './attribute.ts';
import { decodeTrafficControl, encodeTrafficControl, findClsact } from './qdisc.ts';
import type { BatchRequest, NetlinkSocket } from './socket.ts';

const PARENTS: { readonly [D in HookDirection]: number } = {
  ingress: TC_H_INGRESS_HOOK,
  egress: TC_H_EGRESS_HOOK,
};

/** Where a filter is. */
export interface FilterPlace {
  readonly direction: HookDirection;
  /** 1 to 65535; filters with a lower number run first. */
  readonly priority: number;
  readonly handle: number;
  /** 0 where left out: the chain that packets enter; another is entered by `goto chain` only. */
  readonly chain?: number;
}

/** Where a new filter shall be; what is left out the kernel picks. */
export interface FilterWish {
  readonly priority?: number;
  readonly handle?: number;
  readonly chain?: number;
}

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

export interface FilterProgram {
  readonly fd: number;
  /** Shown by `tc filter show`. */
  readonly name: string;
}

/** `tcm_info`: the protocol is in network byte order inside a number of the machine's order. */
const infoOf = (priority: number): number => ((priority << 16) | swap16(ETH_P_ALL)) >>> 0;
const swap16 = (value: number): number => new DataView(Uint16Array.of(value).buffer).getUint16(0);

const MAX_PRIORITY = 0xffff;
const MAX_U32 = 0xffff_ffff;
/** TC_ACT_EXT_VAL_MASK: a chain's number shares 32 bits with an action. */
const MAX_CHAIN = 0x0fff_ffff;

/** The hook's parent. @throws RangeError: parent 0 would be the root qdisc. */
function parentOf(direction: HookDirection): number {
  if (direction !== 'ingress' && direction !== 'egress') {
    throw new RangeError(`direction '${String(direction)}': it is 'ingress' or 'egress'`);
  }
  return PARENTS[direction];
}

function requireWish({ priority, handle, chain }: FilterWish): void {
  const check = (name: string, value: number | undefined, least: number, most: number): void => {
    if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return;
    throw new RangeError(`filter ${name} ${value}: an integer from ${least} to ${most}`);
  };
  check('priority', priority, 1, MAX_PRIORITY);
  check('handle', handle, 1, MAX_U32);
  check('chain', chain, 0, MAX_CHAIN);
}

/** @throws RangeError where a part is missing: to the kernel priority or handle 0 means every filter. */
function requirePlace({ priority, handle, chain }: FilterPlace): void {
  requireWish({ priority: priority ?? 0, handle: handle ?? 0, chain: chain ?? 0 });
}

const chainOf = (chain = 0): Attribute[] => (chain === 0 ? [] : [{ type: TCA_CHAIN, value: u32(chain) }]);

const options = ({ fd, name }: FilterProgram): Attribute[] => [
  { type: TCA_KIND, value: string('bpf') },
  nested(TCA_OPTIONS, [
    { type: TCA_BPF_FD, value: u32(fd) },
    { type: TCA_BPF_NAME, value: string(name) },
    { type: TCA_BPF_FLAGS, value: u32(TCA_BPF_FLAG_ACT_DIRECT) },
  ]),
];

/** A request to add a program where `wish` says, for a batch. @throws RangeError for a place that cannot be. */
export function addFilterRequest(
  ifindex: number,
  direction: HookDirection,
  program: FilterProgram,
  wish: FilterWish = {},
): BatchRequest {
  requireWish(wish);
  const { priority = 0, handle = 0, chain } = wish;
  const payload = encodeTrafficControl(
    { ifindex, handle, parent: parentOf(direction), info: infoOf(priority) },
    [...chainOf(chain), ...options(program)],
  );
  return { type: RTM_NEWTFILTER, flags: NLM_F_CREATE | NLM_F_EXCL, payload };
}

/** A request to delete the filter at `place`, for a batch. */
export function deleteFilterRequest(ifindex: number, place: FilterPlace): BatchRequest {
  requirePlace(place);
  const { direction, priority, handle, chain } = place;
  const payload = encodeTrafficControl(
    { ifindex, handle, parent: parentOf(direction), info: infoOf(priority) },
    [{ type: TCA_KIND, value: string('bpf') }, ...chainOf(chain)],
  );
  return { type: RTM_DELTFILTER, flags: 0, payload };
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
  const { type: request, flags, payload } = addFilterRequest(ifindex, direction, program, wish);
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

/** A request to swap the program of the filter at `place`, for a batch. */
export function replaceFilterRequest(
  ifindex: number,
  place: FilterPlace,
  program: FilterProgram,
): BatchRequest {
  requirePlace(place);
  const { direction, priority, handle, chain } = place;
  const payload = encodeTrafficControl(
    { ifindex, handle, parent: parentOf(direction), info: infoOf(priority) },
    [...chainOf(chain), ...options(program)],
  );
  // Without NLM_F_CREATE: what is no longer there shall not come back by this.
  return { type: RTM_NEWTFILTER, flags: 0, payload };
}

/** Swaps the program of a filter in its place; each packet meets the old or the new one. */
export function replaceFilter(
  socket: NetlinkSocket,
  ifindex: number,
  place: FilterPlace,
  program: FilterProgram,
): void {
  const { type, flags, payload } = replaceFilterRequest(ifindex, place, program);
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
  const { type, flags, payload } = deleteFilterRequest(ifindex, place);
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
  const parent = parentOf(direction);
  const payload = encodeTrafficControl({ ifindex, handle: 0, parent, info: 0 }, []);
  const subject = { request: 'RTM_GETTFILTER', what: `cannot list the filters of interface ${ifindex}` };
  const filters = socket
    .dump(RTM_GETTFILTER, payload, subject)
    .filter(({ type }) => type === RTM_NEWTFILTER)
    .map((message) => decodeFilter(message.payload, direction))
    // A classifier is listed once by itself, with handle 0, and once for each of its filters.
    .filter(({ handle }) => handle !== 0);
  const none = filters.length === 0 || (direction === 'egress' && findClsact(socket, ifindex) === 'ingress');
  return none ? [] : filters;
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
