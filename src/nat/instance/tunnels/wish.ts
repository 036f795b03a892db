// The tunnel slots that are asked for, found sound by themselves.

import { type Address, familyOf, formatAddress, parseAddress, type Side } from '../../address.ts';
import { type Prefix, prefixHas } from '../../prefix.ts';
import { type InnerAddresses, innerByFamily } from '../../tunnel-entries.ts';
import { MOST_VNI, TUNNEL_KINDS, type TunnelKind } from '../../tunnel-layout.ts';
import { unusableAddress } from '../../unusable.ts';
import { InstanceError } from '../error.ts';
import type { TunnelWish } from './types.ts';

/** RFC 7348, section 5; RFC 8926, section 3.3. */
const PORTS: { readonly [K in TunnelKind]: number } = { vxlan: 4789, geneve: 6081 };
const MOST_PORT = 0xffff;

/** A wish as numbers. */
export interface WantedTunnel {
  readonly placeholder: number;
  readonly kind: TunnelKind;
  readonly port: number;
  readonly remote: Address | undefined;
  readonly local: Address | undefined;
  readonly inside: InnerAddresses;
}

/** @throws RangeError for what cannot be a VNI: `what` says which. */
export function requireVni(vni: number, what: string): void {
  if (Number.isInteger(vni) && vni >= 0 && vni <= MOST_VNI) return;
  throw new RangeError(`${what} ${vni} is not a whole number of 24 bits, 0 to ${MOST_VNI}`);
}

/** @throws RangeError, AddressError or InstanceError with code `EEXIST` */
export function readTunnelWishes(wishes: readonly TunnelWish[]): WantedTunnel[] {
  const seen = new Set<number>();
  return wishes.map(({ placeholder, kind = 'vxlan', port, remote, local, inside = [] }) => {
    requireVni(placeholder, 'placeholder VNI');
    const what = `tunnel slot ${placeholder}`;
    if (seen.has(placeholder)) throw new InstanceError('EEXIST', `${what} is asked for twice`);
    seen.add(placeholder);
    if (!(kind in TUNNEL_KINDS)) throw new RangeError(`${what}: '${kind}' is neither vxlan nor geneve`);
    const number = port ?? PORTS[kind];
    if (!Number.isInteger(number) || number < 1 || number > MOST_PORT) {
      throw new RangeError(`${what}: UDP port ${number} is not a whole number from 1 to ${MOST_PORT}`);
    }
    const [theirs, ours] = [underlay(what, 'remote', remote), underlay(what, 'local', local)];
    if (theirs !== undefined && ours !== undefined && familyOf(theirs) !== familyOf(ours)) {
      throw new RangeError(
        `${what}: remote ${formatAddress(theirs)} and local ${formatAddress(ours)} are of two families`,
      );
    }
    return {
      placeholder,
      kind,
      port: number,
      remote: theirs,
      local: ours,
      inside: readInner(what, inside, 'inside'),
    };
  });
}

/** fe80::/10: two hosts on one link may well have a tunnel between these. */
const LINK_LOCAL: Prefix = { address: 0xfe80n << 112n, length: 10 };

function underlay(what: string, which: string, given: string | Address | undefined): Address | undefined {
  if (given === undefined) return undefined;
  const address = typeof given === 'string' ? parseAddress(given) : given;
  const why = prefixHas(LINK_LOCAL, address) ? undefined : unusableAddress(address, 'inside');
  if (why !== undefined) throw new RangeError(`${what}: ${which} ${formatAddress(address)} ${why}`);
  return address;
}

/** Inner addresses, one of each family at most. */
export function readInner(what: string, given: readonly (string | Address)[], side: Side): InnerAddresses {
  const addresses = given.map((each) => (typeof each === 'string' ? parseAddress(each) : each));
  for (const [i, address] of addresses.entries()) {
    const why = unusableAddress(address, side);
    if (why !== undefined) throw new RangeError(`${what}: ${side} ${formatAddress(address)} ${why}`);
    const former = addresses.slice(0, i).find((other) => familyOf(other) === familyOf(address));
    if (former !== undefined) {
      throw new RangeError(
        `${what}: ${formatAddress(former)} and ${formatAddress(address)} are of one family: a tunnel slot has one inner address of each`,
      );
    }
  }
  return innerByFamily(addresses);
}
