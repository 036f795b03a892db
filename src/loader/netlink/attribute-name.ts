// The names of the attributes in our requests, for errors: an offset into a request becomes
// `TCA_OPTIONS/TCA_BPF_FD`. Left out: attributes that nothing here sends.

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import * as abi from './abi.ts';
import { align } from './attribute.ts';
import { NLMSG_HDRLEN } from './message.ts';

interface Family {
  /** Size of the header that follows struct nlmsghdr. */
  readonly header: number;
  readonly names: Names;
}
interface Names {
  readonly [type: number]: string | { readonly name: string; readonly inside: Names };
}

const LINK: Family = {
  header: 16,
  names: {
    [abi.IFLA_ADDRESS]: 'IFLA_ADDRESS',
    [abi.IFLA_IFNAME]: 'IFLA_IFNAME',
    [abi.IFLA_MTU]: 'IFLA_MTU',
    [abi.IFLA_NET_NS_FD]: 'IFLA_NET_NS_FD',
    [abi.IFLA_EXT_MASK]: 'IFLA_EXT_MASK',
    [abi.IFLA_LINKINFO]: {
      name: 'IFLA_LINKINFO',
      inside: {
        [abi.IFLA_INFO_KIND]: 'IFLA_INFO_KIND',
        [abi.IFLA_INFO_DATA]: { name: 'IFLA_INFO_DATA', inside: {} },
      },
    },
    [abi.IFLA_XDP]: {
      name: 'IFLA_XDP',
      inside: {
        [abi.IFLA_XDP_FD]: 'IFLA_XDP_FD',
        [abi.IFLA_XDP_FLAGS]: 'IFLA_XDP_FLAGS',
        [abi.IFLA_XDP_EXPECTED_FD]: 'IFLA_XDP_EXPECTED_FD',
      },
    },
  },
};

const TRAFFIC_CONTROL: Family = {
  header: 20,
  names: {
    [abi.TCA_KIND]: 'TCA_KIND',
    [abi.TCA_CHAIN]: 'TCA_CHAIN',
    [abi.TCA_INGRESS_BLOCK]: 'TCA_INGRESS_BLOCK',
    [abi.TCA_EGRESS_BLOCK]: 'TCA_EGRESS_BLOCK',
    [abi.TCA_OPTIONS]: {
      name: 'TCA_OPTIONS',
      inside: {
        [abi.TCA_BPF_FD]: 'TCA_BPF_FD',
        [abi.TCA_BPF_NAME]: 'TCA_BPF_NAME',
        [abi.TCA_BPF_FLAGS]: 'TCA_BPF_FLAGS',
      },
    },
  },
};

const ADDRESS: Family = {
  header: 8,
  names: { [abi.IFA_ADDRESS]: 'IFA_ADDRESS', [abi.IFA_LOCAL]: 'IFA_LOCAL' },
};

const ROUTE: Family = {
  header: 12,
  names: { [abi.RTA_DST]: 'RTA_DST', [abi.RTA_OIF]: 'RTA_OIF', [abi.RTA_GATEWAY]: 'RTA_GATEWAY' },
};

/** Requests come in groups of four: new, delete, get, set (include/uapi/linux/rtnetlink.h). */
const GROUP_SIZE = 4;
const groupOf = (type: number): number => Math.floor(type / GROUP_SIZE);
const FAMILIES: ReadonlyMap<number, Family> = new Map([
  [groupOf(abi.RTM_NEWLINK), LINK],
  [groupOf(abi.RTM_NEWADDR), ADDRESS],
  [groupOf(abi.RTM_NEWROUTE), ROUTE],
  [groupOf(abi.RTM_NEWQDISC), TRAFFIC_CONTROL],
  [groupOf(abi.RTM_NEWTFILTER), TRAFFIC_CONTROL],
]);

const ATTRIBUTE_HEADER = 4;

/**
 * The path to the attribute that begins at `offset` of a request, or to the one with type `last` inside of it; to
 * that alone where `offset` is left out. An offset that leads to no attribute is given as a number.
 */
export function attributePath(request: Uint8Array, offset: number | undefined, last?: number): string {
  const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
  const type = request.length < NLMSG_HDRLEN ? 0 : view.getUint16(4, LITTLE_ENDIAN);
  const family = FAMILIES.get(groupOf(type)) ?? { header: 0, names: {} };
  const path: string[] = [];
  let names: Names = family.names;
  const step = (attribute: number): void => {
    const entry = names[attribute];
    path.push(typeof entry === 'string' ? entry : (entry?.name ?? `attribute ${attribute}`));
    names = typeof entry === 'object' ? entry.inside : {};
  };
  if (offset !== undefined) {
    const found = descend(view, NLMSG_HDRLEN + family.header, request.length, offset);
    if (found === undefined) return `byte ${offset} of the request`;
    for (const attribute of found) step(attribute);
  }
  if (last !== undefined) step(last);
  return path.join('/');
}

/** The types of the attributes around and at `offset`. */
function descend(view: DataView, start: number, end: number, offset: number): number[] | undefined {
  for (let at = start; end - at >= ATTRIBUTE_HEADER; ) {
    const length = view.getUint16(at, LITTLE_ENDIAN);
    if (length < ATTRIBUTE_HEADER || length > end - at) return undefined;
    const type = view.getUint16(at + 2, LITTLE_ENDIAN);
    const plain = type & abi.NLA_TYPE_MASK;
    if (offset === at) return [plain];
    if (offset < at + length) {
      const inner = descend(view, at + ATTRIBUTE_HEADER, at + length, offset);
      return inner === undefined ? undefined : [plain, ...inner];
    }
    at += align(length);
  }
  return undefined;
}
