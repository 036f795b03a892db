// The interface that an instance sits on: whether it can be used, and what the ARP responder has to know of it.

import type { ValueOf } from '../../asm/index.ts';
import {
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  findInterface,
  type Interface,
  type InterfaceAddress,
  listAddresses,
  listInterfaces,
  type NetlinkSocket,
} from '../../loader/index.ts';
import { type interfaceRecord, MAX_SUBNETS } from '../maps.ts';
import { InstanceError } from './error.ts';

const IPV4_BITS = 32;
/** The most names worth listing in an error. */
const MOST_NAMES = 10;

const inNamespace = (netns: string | undefined): string =>
  netns === undefined ? 'in this network namespace' : `in network namespace '${netns}'`;

/** @throws InstanceError with code `ENODEV` or `EINTERFACE`. */
export function requireUplink(socket: NetlinkSocket, name: string, netns: string | undefined): Interface {
  const found = findInterface(socket, name);
  if (found === undefined) {
    const names = listInterfaces(socket).map((each) => each.name);
    const shown =
      names.length > MOST_NAMES ? `${names.slice(0, MOST_NAMES).join(', ')}, ...` : names.join(', ');
    throw new InstanceError(
      'ENODEV',
      `there is no interface '${name}' ${inNamespace(netns)}; there is ${shown}`,
    );
  }
  if (found.type !== ARPHRD_ETHER && found.type !== ARPHRD_LOOPBACK) {
    throw new InstanceError(
      'EINTERFACE',
      `interface '${name}' ${inNamespace(netns)} has no Ethernet header (type ${found.type}${found.kind === undefined ? '' : `, ${found.kind}`}): attach to an Ethernet interface, such as the one it runs over`,
    );
  }
  return found;
}

export interface UplinkState {
  readonly record: ValueOf<typeof interfaceRecord>;
  /** Subnets that found no place in the record. */
  readonly leftOut: number;
}

/** What goes into the `interface` map: the MAC and the subnets that are on the link. */
export function uplinkState(socket: NetlinkSocket, uplink: Interface): UplinkState {
  const subnets = subnetsOf(listAddresses(socket, uplink.index));
  const mac = new Uint8Array(6);
  if (uplink.mac.length === mac.length) mac.set(uplink.mac);
  const shown = subnets.slice(0, MAX_SUBNETS);
  const unused = Array.from({ length: MAX_SUBNETS - shown.length }, () => ({ network: 0, mask: 0 }));
  return {
    record: { mac, reserved: new Uint8Array(2), subnets: [...shown, ...unused] },
    leftOut: subnets.length - shown.length,
  };
}

/**
 * The subnets of an interface, the largest first, each once. A default route by address and single addresses
 * are none: nobody asks by ARP for what is not in a shared subnet.
 */
export function subnetsOf(
  addresses: readonly Pick<InterfaceAddress, 'address' | 'prefixLength'>[],
): { network: number; mask: number }[] {
  const found = new Map<string, { network: number; mask: number }>();
  for (const { address, prefixLength } of [...addresses].sort((a, b) => a.prefixLength - b.prefixLength)) {
    if (prefixLength === 0 || prefixLength >= IPV4_BITS) continue;
    const mask = (0xffff_ffff << (IPV4_BITS - prefixLength)) >>> 0;
    const value = new DataView(address.buffer, address.byteOffset).getUint32(0);
    const network = (value & mask) >>> 0;
    found.set(`${network}/${prefixLength}`, { network, mask });
  }
  return [...found.values()];
}
