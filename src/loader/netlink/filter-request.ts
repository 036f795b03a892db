// Requests about cls_bpf filters in direct-action mode, encoded: on the clsact of one interface, or in a block that many
// interfaces share. A place with zeros is refused: to the kernel they mean "any".

import type { HookDirection } from '../bpf/mprog.ts';
import {
  ETH_P_ALL,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTM_DELTFILTER,
  RTM_GETTFILTER,
  RTM_NEWTFILTER,
  TC_H_EGRESS_HOOK,
  TC_H_INGRESS_HOOK,
  TCA_BPF_FD,
  TCA_BPF_FLAG_ACT_DIRECT,
  TCA_BPF_FLAGS,
  TCA_BPF_NAME,
  TCA_CHAIN,
  TCA_KIND,
  TCA_OPTIONS,
  TCM_IFINDEX_MAGIC_BLOCK,
} from './abi.ts';
import { type Attribute, nested, string, u32 } from './attribute.ts';
import { encodeTrafficControl } from './qdisc.ts';
import type { BatchRequest } from './request.ts';

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

/** What filters are on: a side of an interface, or a block. */
export interface FilterSite {
  readonly ifindex: number;
  readonly parent: number;
}

export interface FilterProgram {
  readonly fd: number;
  /** Shown by `tc filter show`. */
  readonly name: string;
}

/** `tcm_info`: the protocol is in network byte order inside a number of the machine's order. */
const infoOf = (priority: number): number => ((priority << 16) | swap16(ETH_P_ALL)) >>> 0;
export const swap16 = (value: number): number => new DataView(Uint16Array.of(value).buffer).getUint16(0);

const MAX_PRIORITY = 0xffff;
const MAX_U32 = 0xffff_ffff;
/** TC_ACT_EXT_VAL_MASK: a chain's number shares 32 bits with an action. */
const MAX_CHAIN = 0x0fff_ffff;

/** A side of an interface. @throws RangeError: parent 0 would be the root qdisc. */
export function siteOf(ifindex: number, direction: HookDirection): FilterSite {
  if (direction !== 'ingress' && direction !== 'egress') {
    throw new RangeError(`direction '${String(direction)}': it is 'ingress' or 'egress'`);
  }
  return { ifindex, parent: PARENTS[direction] };
}

/** A block, by its number. */
export const blockSite = (block: number): FilterSite => ({ ifindex: TCM_IFINDEX_MAGIC_BLOCK, parent: block });

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

/** Adds a program where `wish` says. @throws RangeError for a place that cannot be. */
export function addRequest(site: FilterSite, program: FilterProgram, wish: FilterWish = {}): BatchRequest {
  requireWish(wish);
  const { priority = 0, handle = 0, chain } = wish;
  const payload = encodeTrafficControl({ ...site, handle, info: infoOf(priority) }, [
    ...chainOf(chain),
    ...options(program),
  ]);
  return { type: RTM_NEWTFILTER, flags: NLM_F_CREATE | NLM_F_EXCL, payload };
}

/** Swaps the program of the filter at `place`. */
export function replaceRequest(site: FilterSite, place: FilterPlace, program: FilterProgram): BatchRequest {
  requirePlace(place);
  const { priority, handle, chain } = place;
  const payload = encodeTrafficControl({ ...site, handle, info: infoOf(priority) }, [
    ...chainOf(chain),
    ...options(program),
  ]);
  // Without NLM_F_CREATE: what is no longer there shall not come back by this.
  return { type: RTM_NEWTFILTER, flags: 0, payload };
}

/** Asks for the filter at `place`. */
export const getRequest = (site: FilterSite, place: FilterPlace): BatchRequest => ({
  ...deleteRequest(site, place),
  type: RTM_GETTFILTER,
});

/** Deletes the filter at `place`. */
export function deleteRequest(site: FilterSite, place: FilterPlace): BatchRequest {
  requirePlace(place);
  const { priority, handle, chain } = place;
  const payload = encodeTrafficControl({ ...site, handle, info: infoOf(priority) }, [
    { type: TCA_KIND, value: string('bpf') },
    ...chainOf(chain),
  ]);
  return { type: RTM_DELTFILTER, flags: 0, payload };
}
