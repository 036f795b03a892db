// cls_bpf filters in direct-action mode on clsact: RTM_NEWTFILTER, RTM_GETTFILTER, RTM_DELTFILTER.
// A filter is found again by direction, priority and handle; the program's identifier tells whose it is.

import type { HookDirection } from '../bpf/link-commands.ts';
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
  TCA_KIND,
  TCA_OPTIONS,
} from './abi.ts';
import { type Attribute, AttributeSet, malformed, nested, string, u32 } from './attribute.ts';
import { decodeTrafficControl, encodeTrafficControl } from './qdisc.ts';
import type { NetlinkSocket } from './socket.ts';

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
}

export interface Filter extends FilterPlace {
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

const options = ({ fd, name }: FilterProgram): Attribute[] => [
  { type: TCA_KIND, value: string('bpf') },
  nested(TCA_OPTIONS, [
    { type: TCA_BPF_FD, value: u32(fd) },
    { type: TCA_BPF_NAME, value: string(name) },
    { type: TCA_BPF_FLAGS, value: u32(TCA_BPF_FLAG_ACT_DIRECT) },
  ]),
];

/**
 * Adds a program. The kernel picks its priority: 49152, or right before the first filter with at least 32768;
 * so filters whose owners chose a low priority run first.
 * The interface must have a clsact qdisc.
 *
 * @returns where it is, as the kernel's echo of the request says.
 */
export function addFilter(
  socket: NetlinkSocket,
  ifindex: number,
  direction: HookDirection,
  program: FilterProgram,
): FilterPlace {
  const payload = encodeTrafficControl(
    { ifindex, handle: 0, parent: PARENTS[direction], info: infoOf(0) },
    options(program),
  );
  const object = `interface ${ifindex}`;
  const what = `cannot add a filter to the ${direction} of ${object}`;
  const echo = socket
    .request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO, payload, {
      request: 'RTM_NEWTFILTER',
      what,
      object,
    })
    .filter(({ type }) => type === RTM_NEWTFILTER)
    .map(({ payload: answer }) => decodeFilter(answer, direction))
    .at(-1);
  if (echo === undefined) throw malformed(`${what}: the kernel did not say where it is`);
  return { direction, priority: echo.priority, handle: echo.handle };
}

/** Swaps the program of a filter in its place; each packet meets the old or the new one. */
export function replaceFilter(
  socket: NetlinkSocket,
  ifindex: number,
  place: FilterPlace,
  program: FilterProgram,
): void {
  const { direction, priority, handle } = place;
  const payload = encodeTrafficControl(
    { ifindex, handle, parent: PARENTS[direction], info: infoOf(priority) },
    options(program),
  );
  const object = `interface ${ifindex}`;
  // Without NLM_F_CREATE: what is no longer there shall not come back by this.
  socket.request(RTM_NEWTFILTER, 0, payload, {
    request: 'RTM_NEWTFILTER',
    what: `cannot replace the filter with priority ${priority} and handle ${handle} on the ${direction} of ${object}`,
    object,
  });
}

/** @returns whether it was there. Check first that it is yours: `listFilters` tells the program. */
export function deleteFilter(socket: NetlinkSocket, ifindex: number, place: FilterPlace): boolean {
  const { direction, priority, handle } = place;
  const payload = encodeTrafficControl(
    { ifindex, handle, parent: PARENTS[direction], info: infoOf(priority) },
    [{ type: TCA_KIND, value: string('bpf') }],
  );
  const object = `interface ${ifindex}`;
  const what = `cannot delete the filter with priority ${priority} and handle ${handle} on the ${direction} of ${object}`;
  try {
    socket.request(RTM_DELTFILTER, 0, payload, { request: 'RTM_DELTFILTER', what, object });
    return true;
  } catch (error) {
    if (error instanceof LoaderError && (error.code === 'ENOENT' || error.code === 'ENODEV')) return false;
    throw error;
  }
}

/** The filters of one direction, whoever made them; none where there is no clsact qdisc. */
export function listFilters(socket: NetlinkSocket, ifindex: number, direction: HookDirection): Filter[] {
  const payload = encodeTrafficControl({ ifindex, handle: 0, parent: PARENTS[direction], info: 0 }, []);
  const subject = { request: 'RTM_GETTFILTER', what: `cannot list the filters of interface ${ifindex}` };
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
    kind,
    programId: inner.u32(TCA_BPF_ID),
    name: inner.string(TCA_BPF_NAME),
  };
}
