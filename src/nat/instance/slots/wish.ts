// The slots that are asked for, found sound and on interfaces that can have one.

import {
  ARPHRD_ETHER,
  type InterfaceFacts,
  type InterfaceQueries,
  listBridgePorts,
  NetlinkSocket,
  withNetns,
  type XdpMode,
} from '../../../loader/index.ts';
import { type Address, formatAddress, parseAddress } from '../../address.ts';
import { type Mac, parseMac } from '../../mac.ts';
import { unusableAddress } from '../../unusable.ts';
import { InstanceError } from '../error.ts';
import { requireNamespace } from '../namespace.ts';
import type { InstanceRecord } from '../record.ts';
import { reachable } from '../xdp/reach.ts';
import { type Hardware, hardwareOf } from './stale.ts';
import type { SlotWish } from './types.ts';

/** A wish as numbers. */
export interface Wanted {
  readonly interface: string;
  readonly inside: Address;
  /** 0 where it is not known. */
  readonly station: Mac;
  /** What it is to be bound to. */
  readonly outside?: Address | undefined;
}

/** On an interface that is there. */
export interface Seat extends Wanted, Hardware {
  readonly ifindex: number;
  /** Whether XDP of the instance can send to it. */
  readonly takesXdp: boolean;
}

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

/** The most names worth listing in an error. */
const MOST_NAMES = 5;

/** Where slots are looked for. */
export interface Room {
  readonly instance: string;
  readonly record: InstanceRecord;
  /** In the network namespace of the instance. */
  readonly names: InterfaceQueries;
  /** Whether there is such a slot already. */
  readonly isKnown: (ifindex: number, inside: Address) => boolean;
}

/**
 * The seats of these slots, in their order.
 *
 * @throws InstanceError with code `ENODEV`, naming every interface, or `EINTERFACE`.
 */
export function seatsFor(room: Room, wanted: readonly Wanted[]): Seat[] {
  const { instance, record, names, isKnown } = room;
  const known = new Map<string, InterfaceFacts>();
  const missing: string[] = [];
  for (const name of new Set(wanted.map((each) => each.interface))) {
    const facts = names.factsOf(name);
    if (facts === undefined) missing.push(name);
    else known.set(name, facts);
  }
  if (missing.length > 0) {
    const shown = missing.slice(0, MOST_NAMES).map((name) => `'${name}'`);
    const more = missing.length > MOST_NAMES ? ` and ${missing.length - MOST_NAMES} more` : '';
    throw new InstanceError(
      'ENODEV',
      `instance '${instance}': there is no interface ${shown.join(', ')}${more} in its network namespace; nothing was reserved`,
    );
  }
  const fresh = wanted.filter(({ interface: name, inside }) => !isKnown(known.get(name)!.index, inside));
  const ports = fresh.some(({ station }) => station === 0) ? portsIn(instance, record) : new Map();
  for (const each of fresh) requireFit(instance, each, known.get(each.interface)!, record.ifindex, ports);
  const indexes = Array.from(known.values(), ({ index }) => index);
  const taking = record.xdp === undefined ? undefined : takingXdp(instance, record, record.xdp.mode, indexes);
  return wanted.map(({ interface: name, inside, station, outside }): Seat => {
    const facts = known.get(name)!;
    return {
      interface: name,
      inside,
      station,
      outside,
      ifindex: facts.index,
      ...hardwareOf(facts),
      takesXdp: taking?.has(facts.index) ?? false,
    };
  });
}

const takingXdp = (
  instance: string,
  record: InstanceRecord,
  mode: XdpMode,
  indexes: readonly number[],
): ReadonlySet<number> => withNetns(requireNamespace(instance, record).enter, () => reachable(mode, indexes));

/** A bridge takes all that arrives at its ports, the answers to our own questions too. */
function portsIn(instance: string, record: InstanceRecord): Map<number, number> {
  return withNetns(requireNamespace(instance, record).enter, () => {
    using socket = new NetlinkSocket();
    return listBridgePorts(socket);
  });
}

function requireFit(
  instance: string,
  { interface: name, station }: Wanted,
  { index, type }: InterfaceFacts,
  uplink: number,
  ports: ReadonlyMap<number, number>,
): void {
  const refuse = (why: string): InstanceError =>
    new InstanceError('EINTERFACE', `instance '${instance}': interface '${name}' ${why}`);
  if (index === uplink) throw refuse('is the outside interface, on which there can be no slot');
  if (type !== ARPHRD_ETHER) {
    throw refuse(`has no Ethernet header (type ${type}): a slot needs a tap, a veth or a port of a bridge`);
  }
  const bridge = station === 0 ? ports.get(index) : undefined;
  if (bridge === undefined) return;
  throw refuse(
    `is a port of a bridge (index ${bridge}), which gets the answers that say what MAC the slot has: name it with --station`,
  );
}
