// Attach and replace, each all or nothing.

import {
  attach as attachProgram,
  escapePinName,
  findClsact,
  hasTcx,
  type Interface,
  NetlinkSocket,
  netnsInode,
  requireInterfaceName,
  requireNetnsName,
  withNetns,
} from '../../loader/index.ts';
import { familyOf } from '../address.ts';
import { encodeDestinations } from '../destinations.ts';
import type { Mapping } from '../mapping.ts';
import { requireSound } from '../mapping-check.ts';
import { DEFAULT_CAPACITY } from '../maps.ts';
import { DEFAULT_POLICY, type InstancePolicy, requireMss } from '../policy.ts';
import { DIRECTIONS } from '../reason.ts';
import { afterwards } from './afterwards.ts';
import { Changeover, type Pair } from './changeover.ts';
import { dismantle } from './dismantle.ts';
import { InstanceError } from './error.ts';
import { type Context, type Making, makingOf } from './making.ts';
import { createMaps } from './own-maps.ts';
import { loadPrograms } from './pair.ts';
import { instancesFolder, Pins, withFolder, withInstance } from './pins.ts';
import { HOOK_DIRECTIONS } from './placement.ts';
import { datapathOptions, type InstanceRecord } from './record.ts';
import { recover } from './recover.ts';
import { prepareRedirect } from './redirect/change.ts';
import { redirectWish } from './redirect/wish.ts';
import { replace } from './replace.ts';
import { ROLES } from './roles.ts';
import { interfacesIn, NO_SLOTS } from './slots/contents.ts';
import { joinDevices, withBlocks } from './slots/devices.ts';
import { nameSlotProgram, pinSlotEntry } from './slots/entry.ts';
import { planSlots } from './slots/plan.ts';
import { wake } from './stations.ts';
import { statusOf } from './status.ts';
import { outsideFields, outsidesOf } from './subnet.ts';
import { Table } from './table.ts';
import { settleAttach } from './transition.ts';
import type { AttachOptions, Hook, InstanceStatus } from './types.ts';
import { allOrNothing } from './undo.ts';
import { linkOf, requireUplink, uplinkState } from './uplink.ts';
import { usesOfInstance } from './uses-of.ts';
import { prepareXdp } from './xdp/change.ts';
import { xdpPart, xdpWish } from './xdp/wish.ts';

/** What is asked for, found sound as far as that can be told without looking at the machine. */
export interface Request extends AttachOptions {
  readonly name: string;
  readonly unmapped?: InstancePolicy['unmapped'];
}

/**
 * Translates on an interface from now on, or with `replace` swaps a running instance, losing no packet.
 *
 * @throws MappingError, InstanceError, LoaderError or RangeError, with everything as it was before.
 */
export function attach(options: AttachOptions, context: Context = {}): InstanceStatus {
  const request = checked(options);
  return withNetns(request.netns, () => {
    using socket = new NetlinkSocket();
    const uplink = requireUplink(socket, request.interface, request.netns);
    const hook = chooseHook(request.hook ?? 'auto', uplink);
    const instances = instancesFolder(context.root);
    return withFolder(instances, () => {
      const pins = new Pins(instances, request.name);
      withInstance(pins, () => recover(instances, request.name));
      if (!pins.exist) build(pins, instances, request, { socket, uplink, hook }, makingOf(context));
      else if (request.replace) {
        withInstance(pins, () => replace(pins, request, { socket, uplink }, makingOf(context)));
      } else throw alreadyAttached(pins);
      return afterwards(pins.name, () => statusOf(pins));
    });
  });
}

function checked(options: AttachOptions): Request {
  const { interface: uplink, name = uplink, netns, capacity, unmapped, mss, mappings = [] } = options;
  requireInterfaceName(uplink);
  escapePinName(name);
  if (netns !== undefined) requireNetnsName(netns);
  if (capacity !== undefined && (!Number.isInteger(capacity) || capacity < 1 || capacity > 0xffff_ffff)) {
    throw new RangeError(`capacity ${capacity} is not an integer from 1 to 2^32-1`);
  }
  if (mss !== undefined) requireMss(mss);
  requireSound(mappings);
  const both = typeof unmapped === 'string' ? { outbound: unmapped, inbound: unmapped } : unmapped;
  return { ...options, name, ...(both && { unmapped: both }) } as Request;
}

function chooseHook(wanted: Hook | 'auto' | 'xdp', uplink: Interface): Hook {
  if (wanted === 'clsact') return wanted;
  if (hasTcx(uplink.index)) return 'tcx';
  if (wanted !== 'tcx') return 'clsact';
  throw new InstanceError(
    'ENOTSUP',
    "this kernel has no TCX, which came with Linux 6.6: use '--hook clsact'",
  );
}

function alreadyAttached(pins: Pins): InstanceError {
  const { interface: uplink, ifindex, netns } = pins.requireWhole();
  const where = netns === undefined ? '' : ` in network namespace '${netns}'`;
  return new InstanceError(
    'EEXIST',
    `instance '${pins.name}' is already attached to interface '${uplink}' (index ${ifindex})${where}; --replace swaps it, 'tsnat detach ${pins.name}' removes it, --name makes another`,
  );
}

interface Target {
  readonly socket: NetlinkSocket;
  readonly uplink: Interface;
  readonly hook: Hook;
}

/**
 * Builds the whole in the shadow folder, attached but idle. One word makes it translate, one rename the instance.
 */
function build(pins: Pins, instances: string, request: Request, target: Target, making: Making): void {
  const { mappings = [], capacity = DEFAULT_CAPACITY, mss } = request;
  const { unmapped = DEFAULT_POLICY.unmapped, spoofed = DEFAULT_POLICY.spoofed } = request;
  const { include = DEFAULT_POLICY.include, exclude = DEFAULT_POLICY.exclude } = request;
  requireFit(pins.name, mappings, capacity);
  const destinations = encodeDestinations({ include, exclude });
  const redirect = redirectWish(request, target, target.hook);
  const wish = xdpWish(xdpPart({ ...request, mappings }, redirect), target);
  const state = uplinkState(target.socket, target.uplink);
  const blank: InstanceRecord = {
    hook: target.hook,
    link: linkOf(target.uplink) ?? 'ethernet',
    uses: usesOfInstance(mappings, destinations, NO_SLOTS, []),
    unmapped,
    spoofed,
    ...(mss !== undefined && { mss }),
    interface: target.uplink.name,
    ifindex: target.uplink.index,
    netns: request.netns,
    netnsInode: netnsInode(),
    capacity,
    madeQdisc: target.hook === 'clsact' && findClsact(target.socket, target.uplink.index) === undefined,
    subnetsLeftOut: state.leftOut,
    programs: { outbound: UNPLACED, inbound: UNPLACED },
    slots: { place: request.slots ?? 'device', turn: 0, blocks: undefined },
    xdp: undefined,
    redirect,
  };
  const slots = planSlots(pins.name, blank, undefined, mappings);
  const devices = interfacesIn(slots);
  const record: InstanceRecord = { ...blank, uses: usesOfInstance(mappings, destinations, slots, []) };
  const { outbound, inbound, slot, maps: definitions } = making.datapath(datapathOptions(record));
  const shadow = new Pins(instances, pins.name, true);
  allOrNothing((onFailure) => {
    using made = createMaps(definitions);
    const { maps } = made;
    maps.interface.set(0, { ...state.record, ...outsideFields(outsidesOf(mappings)) });
    for (const name of ['destinations', 'destinations6'] as const)
      maps[name].raw.setBatch(destinations[name]);
    new Table(pins.name, maps).fill(mappings);
    for (const name of ['slots', 'slots6'] as const) maps[name].raw.setBatch(slots[name]);
    using loaded = loadPrograms({ outbound, inbound, ...(slot && { slot }) }, maps);
    making.selfTest(pins.name, loaded.programs, maps, mappings, record);
    onFailure(() => shadow.exist && dismantle(shadow));
    shadow.make();
    for (const [name, map] of Object.entries(maps)) map.pin(shadow.path(`maps/${name}`));
    for (const role of ROLES) loaded.programs[role]?.pin(shadow.path(`progs/${role}`));
    pinSlotEntry(shadow);
    const blocked = withBlocks(shadow, record, devices, []);
    shadow.pinRecord(withPrograms(blocked, loaded.programs, {}));
    using changeover = Changeover.make(shadow, { next: loaded.programs });
    const placed = withPrograms(blocked, loaded.programs, place(shadow, target, changeover.relays));
    nameSlotProgram(shadow, changeover.relays.slot);
    joinDevices(shadow, placed, devices);
    const asked = { record, mappings, programs: loaded.programs, xdp: wish ?? 'none' } as const;
    const xdp = prepareXdp(pins, shadow, maps, asked);
    prepareRedirect(pins, shadow, maps, placed);
    const whole = { ...placed, xdp };
    shadow.writeRecord(whole);
    changeover.turn('next');
    onFailure(() => changeover.turn('nothing'));
    settleAttach(pins, shadow, whole, loaded.programs);
  });
  afterwards(pins.name, () => {
    wake(pins, pins.record());
    pins.tidy();
  });
}

const UNPLACED = { id: 0, priority: 0, handle: 0 };

type Places = { [D in 'outbound' | 'inbound']?: { readonly priority: number; readonly handle: number } };

/** Attaches inbound before outbound: what goes out translated can come back. */
function place(shadow: Pins, { socket, uplink, hook }: Target, programs: Pair): Places {
  const places: Places = {};
  for (const direction of DIRECTIONS.toReversed()) {
    const attachment = attachProgram({
      socket,
      hook,
      direction: HOOK_DIRECTIONS[direction],
      interface: uplink.index,
      program: programs[direction],
    });
    if (attachment.hook === 'clsact') {
      places[direction] = attachment.place;
      continue;
    }
    using link = attachment.link;
    link?.pin(shadow.path(`links/${direction}`));
  }
  return places;
}

function withPrograms(record: InstanceRecord, programs: Pair, places: Places): InstanceRecord {
  const recordOf = (direction: 'outbound' | 'inbound') => ({
    ...UNPLACED,
    id: programs[direction].info.id,
    ...(places[direction] !== undefined && {
      priority: places[direction].priority,
      handle: places[direction].handle,
    }),
  });
  return { ...record, programs: { outbound: recordOf('outbound'), inbound: recordOf('inbound') } };
}

/** @throws InstanceError with code `EFULL` before anything is touched. */
function requireFit(name: string, mappings: readonly Mapping[], capacity: number): void {
  const counts = { 4: 0, 6: 0 };
  for (const { kind, inside } of mappings) if (kind === 'address') counts[familyOf(inside)]++;
  const most = Math.max(counts[4], counts[6]);
  if (most <= capacity) return;
  throw new InstanceError(
    'EFULL',
    `instance '${name}': ${most} mappings do not fit into a capacity of ${capacity}: give --capacity ${most} or more`,
  );
}
