// The slots that are asked for, found sound and on interfaces that can have one.

import {
  ARPHRD_ETHER,
  findInterface,
  type Interface,
  listInterfaces,
  type NetlinkSocket,
} from '../../../loader/index.ts';
import { type Address, formatAddress, parseAddress } from '../../address.ts';
import { type Mac, macOf, parseMac } from '../../mac.ts';
import { unusableAddress } from '../../unusable.ts';
import { InstanceError } from '../error.ts';
import type { InstanceRecord } from '../record.ts';
import type { SlotWish } from './types.ts';

/** A wish as numbers. */
export interface Wanted {
  readonly interface: string;
  readonly inside: Address;
  /** 0 where it is not known. */
  readonly station: Mac;
  /** What it is to be bound to. */
  readonly outside?: Address;
}

/** On an interface that is there. */
export interface Seat extends Wanted {
  readonly ifindex: number;
  readonly mac: Mac;
  readonly mtu: number;
}

/** What a record can say. */
const MOST_MTU = 0xffff;

/** @throws RangeError, AddressError or InstanceError for what can be no slot, or is named twice. */
export function readWishes(wishes: readonly SlotWish[]): Wanted[] {
  const seen = new Set<string>();
  return wishes.map(({ interface: name, inside: text, station }) => {
    const inside = typeof text === 'string' ? parseAddress(text) : text;
    const what = `${formatAddress(inside)}%${name}`;
    const why = unusableAddress(inside, 'inside');
    if (why !== undefined) throw new RangeError(`slot '${what}': inside ${formatAddress(inside)} ${why}`);
    if (seen.has(what)) throw new InstanceError('EEXIST', `slot '${what}' is asked for twice`);
    seen.add(what);
    return { interface: name, inside, station: station === undefined ? 0 : parseMac(station) };
  });
}

/** From here on it is faster to list all interfaces. */
const MANY = 16;
/** The most names worth listing in an error. */
const MOST_NAMES = 5;

/**
 * @param isKnown whether there is such a slot already
 * @throws InstanceError with code `ENODEV`, naming every interface, or `EINTERFACE`.
 */
export function seatsFor(
  socket: NetlinkSocket,
  instance: string,
  wanted: readonly Wanted[],
  { ifindex: uplink }: InstanceRecord,
  isKnown: (ifindex: number, inside: Address) => boolean,
): Seat[] {
  const names = [...new Set(wanted.map(({ interface: name }) => name))];
  const all =
    names.length < MANY
      ? names.map((name) => findInterface(socket, name)).filter((each) => each !== undefined)
      : listInterfaces(socket);
  const known = new Map(all.map((each) => [each.name, each]));
  const missing = names.filter((name) => !known.has(name));
  if (missing.length > 0) {
    const shown = missing.slice(0, MOST_NAMES).map((name) => `'${name}'`);
    const more = missing.length > MOST_NAMES ? ` and ${missing.length - MOST_NAMES} more` : '';
    throw new InstanceError(
      'ENODEV',
      `instance '${instance}': there is no interface ${shown.join(', ')}${more} in its network namespace; nothing was reserved`,
    );
  }
  return wanted.map((each) => {
    const found = known.get(each.interface)!;
    if (!isKnown(found.index, each.inside)) requireFit(instance, each, found, uplink);
    return {
      ...each,
      ifindex: found.index,
      mac: macOf(found.mac),
      mtu: Math.min(found.mtu, MOST_MTU),
    };
  });
}

function requireFit(instance: string, wanted: Wanted, found: Interface, uplink: number): void {
  const refuse = (why: string): InstanceError =>
    new InstanceError('EINTERFACE', `instance '${instance}': interface '${found.name}' ${why}`);
  if (found.index === uplink) throw refuse('is the outside interface, on which there can be no slot');
  if (found.type !== ARPHRD_ETHER) {
    throw refuse(
      `has no Ethernet header (type ${found.type}): a slot needs a tap, a veth or a port of a bridge`,
    );
  }
  if (wanted.station === 0 && found.master !== undefined) {
    throw refuse(
      `is a port of another one (index ${found.master}), which gets the answers that say what MAC the slot has: name it with --station`,
    );
  }
}
