// The interface that an instance sits on: whether it can be used, and what the programs have to know of it.

import type { ValueOf } from '../../asm/data.ts';
import {
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  ARPHRD_WITHOUT_HEADER,
  findInterface,
  type Interface,
  type InterfaceAddress,
  listAddresses,
  listInterfaces,
  type NetlinkSocket,
} from '../../loader/index.ts';
import { bitsOf, compareAddresses, type Family } from '../address.ts';
import { getAddress, viewOf } from '../entries.ts';
import { type interfaceRecord, MAX_SUBNETS, MAX_SUBNETS6 } from '../maps.ts';
import { formatPrefix, networkOf, type Prefix, prefixHas } from '../prefix.ts';
import { InstanceError } from './error.ts';
import { subnet6Of, subnetOf } from './subnet.ts';
import type { LinkKind } from './types.ts';

/** The most names worth listing in an error. */
const MOST_NAMES = 10;

const inNamespace = (netns: string | undefined): string =>
  netns === undefined ? 'in this network namespace' : `in network namespace '${netns}'`;

/** @throws InstanceError with code `ENODEV`. */
export function requireInterface(socket: NetlinkSocket, name: string, netns: string | undefined): Interface {
  const found = findInterface(socket, name);
  if (found !== undefined) return found;
  const names = listInterfaces(socket).map((each) => each.name);
  const shown =
    names.length > MOST_NAMES ? `${names.slice(0, MOST_NAMES).join(', ')}, ...` : names.join(', ');
  throw new InstanceError(
    'ENODEV',
    `there is no interface '${name}' ${inNamespace(netns)}; there is ${shown}`,
  );
}

/** @throws InstanceError with code `ENODEV` or `EINTERFACE`. */
export function requireUplink(socket: NetlinkSocket, name: string, netns: string | undefined): Interface {
  const found = requireInterface(socket, name, netns);
  if (linkOf(found) === undefined) {
    throw new InstanceError(
      'EINTERFACE',
      `interface '${name}' ${inNamespace(netns)} has neither an Ethernet header nor none (type ${found.type}${found.kind === undefined ? '' : `, ${found.kind}`}): attach to the interface that it runs over`,
    );
  }
  return found;
}

/** What its packets begin with; undefined where that is something unknown. */
export function linkOf({ type }: Pick<Interface, 'type'>): LinkKind | undefined {
  if (type === ARPHRD_ETHER || type === ARPHRD_LOOPBACK) return 'ethernet';
  return ARPHRD_WITHOUT_HEADER.has(type) ? 'none' : undefined;
}

type InterfaceRecord = ValueOf<typeof interfaceRecord>;

export interface UplinkState {
  /** Without what depends on the mappings. */
  readonly record: Omit<InterfaceRecord, 'outsides' | 'outsides6'>;
  /** Subnets that found no place in the record. */
  readonly leftOut: number;
}

/** What goes into the `interface` map: the MAC and the subnets that are on the link. */
export function uplinkState(socket: NetlinkSocket, uplink: Interface): UplinkState {
  const subnets = subnetsOf(listAddresses(socket, uplink.index), 4);
  const subnets6 = subnetsOf(listAddresses(socket, uplink.index, 6), 6);
  const mac = new Uint8Array(6);
  if (uplink.mac.length === mac.length) mac.set(uplink.mac);
  const [shown, shown6] = [subnets.slice(0, MAX_SUBNETS), subnets6.slice(0, MAX_SUBNETS6)];
  return {
    record: {
      mac,
      reserved: new Uint8Array(2),
      subnets: Array.from({ length: MAX_SUBNETS }, (_, i) => subnetOf(shown[i])),
      subnets6: Array.from({ length: MAX_SUBNETS6 }, (_, i) => subnet6Of(shown6[i])),
    },
    leftOut: subnets.length + subnets6.length - shown.length - shown6.length,
  };
}

/** fe80::/10: everybody has these, and no neighbour is asked for another's. */
const LINK_LOCAL: Prefix = { address: 0xfe80n << 112n, length: 10 };

/**
 * The subnets of an interface, the largest first, each once. A default route by address and single addresses
 * are none: nobody asks his neighbours for what is not in a shared subnet.
 */
export function subnetsOf(
  addresses: readonly Pick<InterfaceAddress, 'address' | 'prefixLength'>[],
  family: Family,
): Prefix[] {
  const found = new Map<string, Prefix>();
  for (const { address, prefixLength: length } of addresses) {
    if (length === 0 || length >= bitsOf(family)) continue;
    const subnet = { address: networkOf(getAddress(viewOf(address), 0, family), length), length };
    if (!prefixHas(LINK_LOCAL, subnet.address)) found.set(formatPrefix(subnet), subnet);
  }
  return [...found.values()].sort((a, b) => a.length - b.length || compareAddresses(a.address, b.address));
}
