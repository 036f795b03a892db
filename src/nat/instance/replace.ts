// Swaps a running instance: new programs, the interface's addresses as they are now, and where mappings are given
// exactly those. Packets meet the old programs or the new ones; mappings that stay keep their counters.

import type { ValueOf } from '../../asm/data.ts';
import { type Interface, type NetlinkSocket, netnsInode } from '../../loader/index.ts';
import { decodeDestinations, encodeDestinations } from '../destinations.ts';
import { encodeMappings } from '../entries-encode.ts';
import type { Mapping } from '../mapping.ts';
import type { interfaceRecord } from '../maps.ts';
import type { Uses } from '../uses.ts';
import { afterwards, inTurn } from './afterwards.ts';
import type { Request } from './attach.ts';
import { mappingsOf, type Owned, readDestinations } from './contents.ts';
import { detachHint, InstanceError } from './error.ts';
import type { Making } from './making.ts';
import { openMaps } from './own-maps.ts';
import { loadPrograms } from './pair.ts';
import type { Pins } from './pins.ts';
import { datapathOptions, type InstanceRecord } from './record.ts';
import { redirectWish } from './redirect/wish.ts';
import type { Replaced } from './replacement.ts';
import { readSlots } from './slots/contents.ts';
import { planSlots } from './slots/plan.ts';
import { placeProblems } from './status.ts';
import { knownOutsides, outsideFields, outsidesOf } from './subnet.ts';
import { Table } from './table.ts';
import { change, type Wanted } from './transition.ts';
import { readPorts, requireNoXdpBeside } from './tunnels/ports.ts';
import { allOrNothing } from './undo.ts';
import { linkOf, uplinkState } from './uplink.ts';
import { usesOfInstance } from './uses-of.ts';
import { xdpPart, xdpWish } from './xdp/wish.ts';

/** To be called with the lock held, in the network namespace of the interface. */
export function replace(
  pins: Pins,
  request: Request,
  { socket, uplink }: { readonly socket: NetlinkSocket; readonly uplink: Interface },
  making: Making,
): void {
  const record = pins.requireWhole();
  requireSame(pins, request, record, uplink);
  const redirect = redirectWish(request, { socket, uplink }, record.hook, record);
  using own = openMaps(pins, record.capacity);
  const { maps } = own;
  const table = new Table(pins.name, maps);
  const mappings = request.mappings ?? mappingsOf(maps);
  const xdp = xdpWish(xdpPart({ ...request, mappings }, redirect), { socket, uplink }, record.xdp);
  const lists = readDestinations(maps);
  const known = decodeDestinations(lists);
  const { include = known.include, exclude = known.exclude } = request;
  const isListed = request.include !== undefined || request.exclude !== undefined;
  const destinations = isListed ? encodeDestinations({ include, exclude }) : lists;
  const entries = request.mappings && encodeMappings(mappings);
  if (entries !== undefined) table.requireRoom(entries);
  const slots = request.mappings && planSlots(pins.name, record, maps, mappings);
  const ports = readPorts(maps.tunnel_ports);
  const state = uplinkState(socket, uplink);
  // Left out, a setting stays: who asked for drop must not silently get pass.
  const { unmapped = record.unmapped, spoofed = record.spoofed, mss = record.mss } = request;
  const wanted: InstanceRecord = {
    ...record,
    unmapped,
    spoofed,
    ...(mss !== undefined && { mss }),
    link: linkOf(uplink) ?? record.link,
    uses: usesOfInstance(mappings, destinations, slots ?? readSlots(maps), ports),
    interface: uplink.name,
    subnetsLeftOut: state.leftOut,
    redirect,
  };
  using fresh = loadPrograms(making.datapath(datapathOptions(wanted)), maps);
  requireNoXdpBeside(pins.name, record, xdp === undefined ? record.xdp : xdp, ports);
  const contents = { ...entries, ...slots, ...(isListed && destinations) };
  const next: Wanted = { record: wanted, programs: fresh.programs, contents, mappings, ...(xdp && { xdp }) };
  withInterface(pins, maps, { ...state.record, ...outsideFields(outsidesOf(mappings)) }, mappings, () =>
    change(pins, maps, next, making),
  );
}

/** To be called with the lock held. Exactly these mappings from one packet to the next; those that stay count on. */
export function replaceMappings(pins: Pins, mappings: readonly Mapping[], making: Making): Replaced {
  const record = pins.requireWhole();
  requireInPlace(pins, record);
  using own = openMaps(pins, record.capacity);
  const { maps } = own;
  const entries = encodeMappings(mappings);
  new Table(pins.name, maps).requireRoom(entries);
  const slots = planSlots(pins.name, record, maps, mappings);
  const uses = usesOfInstance(mappings, readDestinations(maps), slots, readPorts(maps.tunnel_ports));
  const known = { ...maps.interface.get(0)!, ...outsideFields(outsidesOf(mappings)) };
  return withInterface(pins, maps, known, mappings, () =>
    changeWithUses(
      pins,
      maps,
      { record: { ...record, uses }, contents: { ...entries, ...slots }, mappings },
      making,
    ),
  );
}

/** To be called with the lock held. Makes the programs able to do what they are not yet. */
export function extendUses(pins: Pins, more: Uses, making: Making): void {
  const record = pins.requireWhole();
  const uses = new Set([...record.uses, ...more]);
  if (uses.size === record.uses.size) return;
  requireInPlace(pins, record);
  using own = openMaps(pins, record.capacity);
  const mappings = mappingsOf(own.maps);
  changeWithUses(pins, own.maps, { record: { ...record, uses }, mappings }, making);
}

/** With new programs where others are needed. */
function changeWithUses(pins: Pins, maps: Owned, wanted: Wanted, making: Making): Replaced {
  const { uses } = pins.record();
  const isSame =
    uses.size === wanted.record.uses.size && [...uses].every((use) => wanted.record.uses.has(use));
  if (isSame) return change(pins, maps, wanted, making);
  using fresh = loadPrograms(making.datapath(datapathOptions(wanted.record)), maps);
  return change(pins, maps, { ...wanted, programs: fresh.programs }, making);
}

/**
 * Runs `run`, a change to these mappings, with what the programs know of the interface: the outsides of before and
 * after until it is done.
 */
function withInterface<T>(
  { name }: Pins,
  maps: Owned,
  wanted: ValueOf<typeof interfaceRecord>,
  mappings: readonly Mapping[],
  run: () => T,
): T {
  const former = maps.interface.get(0);
  const between = outsidesOf(mappings, knownOutsides(maps.interface));
  return allOrNothing((onFailure) => {
    maps.interface.set(0, { ...wanted, ...outsideFields(between) });
    let isDone = false;
    onFailure(() => former !== undefined && !isDone && maps.interface.set(0, former));
    return inTurn(run, () => {
      isDone = true;
      afterwards(name, () => maps.interface.set(0, wanted));
    });
  });
}

/** @throws InstanceError when what is asked for is another instance than the one that is there, or it is not whole. */
function requireSame(pins: Pins, request: Request, record: InstanceRecord, uplink: Interface): void {
  const differ = (what: string, asked: string, is: string): InstanceError =>
    new InstanceError(
      'ECONFLICT',
      `instance '${pins.name}' cannot be replaced with another ${what}: it has ${is}, not ${asked}; 'tsnat detach ${pins.name}' first, or choose another --name`,
    );
  const { hook = 'auto', capacity = record.capacity, netns, slots = record.slots.place } = request;
  if (netnsInode() !== record.netnsInode) {
    const named = (name: string | undefined): string => (name === undefined ? 'an unnamed one' : `'${name}'`);
    throw differ('network namespace', named(netns), named(record.netns));
  }
  const of = (name: string, index: number): string => `'${name}' (index ${index})`;
  if (uplink.index !== record.ifindex) {
    throw differ('interface', of(uplink.name, uplink.index), of(record.interface, record.ifindex));
  }
  if (hook !== 'auto' && hook !== 'xdp' && hook !== record.hook) throw differ('hook', hook, record.hook);
  if (slots !== record.slots.place) throw differ('place for slots', slots, record.slots.place);
  if (capacity !== record.capacity) throw differ('capacity', `${capacity}`, `${record.capacity}`);
  requireInPlace(pins, record);
}

/** @throws InstanceError with code `EHALF` when the hooks do not run its programs. */
function requireInPlace(pins: Pins, record: InstanceRecord): void {
  const problems = placeProblems(pins, record);
  if (problems.length === 0) return;
  throw new InstanceError(
    'EHALF',
    `instance '${pins.name}': ${problems.join('; ')}; ${detachHint(pins.name)}`,
  );
}
