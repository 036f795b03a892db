// What an instance is doing, and everything about it that is not as it should be.

import { findInterface, type Interface, listFilters, NetlinkSocket, withNetns } from '../../loader/index.ts';
import { decodeDestinations } from '../destinations.ts';
import { type InstanceMaps, instanceMaps, MAX_SUBNETS, MAX_SUBNETS6 } from '../maps.ts';
import { DIRECTIONS, type Direction, REASONS, type Reason, reasonIndex } from '../reason.ts';
import { attempt } from './attempt.ts';
import { type Owned, readDestinations, readMappings } from './contents.ts';
import { findNamespace, type Where } from './namespace.ts';
import { openMaps } from './own-maps.ts';
import { pinnedLink, pinnedProgram } from './pinned.ts';
import type { Pins } from './pins.ts';
import { placeOf } from './placement.ts';
import type { InstanceRecord } from './record.ts';
import { redirectProblems, redirectState } from './redirect/state.ts';
import { slotsState } from './slots/summary.ts';
import { tunnelsState } from './tunnels/list.ts';
import type { Counters, InstanceStatus, ProgramState } from './types.ts';
import { uplinkState } from './uplink.ts';
import { xdpProblems, xdpState } from './xdp/state.ts';

/** @throws InstanceError with code `EHALF` only when there is no telling what the instance is. */
export function statusOf(pins: Pins): InstanceStatus {
  const record = pins.record();
  const definitions = instanceMaps(record.capacity);
  const problems: string[] = [];
  const missing = pins.missing(record);
  if (missing.length > 0) problems.push(`pins are missing: ${missing.join(', ')}`);
  const foreign = pins.foreign();
  if (foreign.length > 0) problems.push(`foreign pins in its folder: ${foreign.join(', ')}`);
  const programs = programsOf(pins);
  const where = findNamespace(record);
  const uplink = where === undefined ? undefined : liveUplink(where, record);
  problems.push(...problemsAt(pins, record, programs, where, uplink));
  if (where !== undefined && uplink !== undefined) {
    problems.push(...uplinkProblems(pins, record, definitions, where, uplink));
    problems.push(...xdpProblems(pins, record, where), ...redirectProblems(pins, record, where));
  }
  // All of them or none: what is missing is a problem already.
  using own = attempt(() => openMaps(pins, record.capacity));
  const table = own === undefined ? UNCOUNTED : countMappings(own.maps);
  const lists =
    own === undefined ? { include: [], exclude: [] } : decodeDestinations(readDestinations(own.maps));
  if (table.torn > 0) {
    problems.push(
      `mappings in one direction only, as another program leaves them: ${table.torn}; 'tsnat map replace ${pins.name} FILE' with all mappings repairs it`,
    );
  }
  const { slots, problems: ofSlots } = slotsState(pins, record, own?.maps);
  problems.push(...ofSlots);
  const tunnels = own && tunnelsState(pins.name, own.maps);
  const xdp = xdpState(record, where);
  const redirect = redirectState(record, where);
  return {
    name: pins.name,
    interface: uplink?.name ?? record.interface,
    ifindex: record.ifindex,
    ...netnsOf(record, where),
    hook: record.hook,
    slots,
    ...(tunnels && { tunnels }),
    ...(xdp && { xdp }),
    ...(redirect && { redirect }),
    link: record.link,
    unmapped: record.unmapped,
    spoofed: record.spoofed,
    ...(record.mss !== undefined && { mss: record.mss }),
    ...lists,
    healthy: problems.length === 0,
    problems,
    programs,
    mappings: table.count,
    capacity: record.capacity,
    translated: table.translated,
    reasons: reasonsOf(pins, definitions),
  };
}

function programsOf(pins: Pins): { [D in Direction]?: ProgramState } {
  const found: { [D in Direction]?: ProgramState } = {};
  for (const direction of DIRECTIONS) {
    using program = attempt(() => pinnedProgram(pins, direction));
    if (program === undefined) continue;
    const { id, tag } = program.info;
    found[direction] = { id, tag };
  }
  return found;
}

function netnsOf(record: InstanceRecord, where: Where | undefined): { netns?: string } {
  const named = where?.enter?.includes('/') === false ? where.enter : undefined;
  const netns = record.netns ?? named;
  return netns === undefined ? {} : { netns };
}

function liveUplink({ enter }: Where, { ifindex }: InstanceRecord): Interface | undefined {
  return withNetns(enter, () => {
    using socket = new NetlinkSocket();
    return findInterface(socket, ifindex);
  });
}

/** Whether the programs really are where they should be. */
export function placeProblems(pins: Pins, record: InstanceRecord): string[] {
  const where = findNamespace(record);
  const uplink = where === undefined ? undefined : liveUplink(where, record);
  return problemsAt(pins, record, programsOf(pins), where, uplink);
}

function problemsAt(
  pins: Pins,
  record: InstanceRecord,
  programs: InstanceStatus['programs'],
  where: Where | undefined,
  uplink: Interface | undefined,
): string[] {
  if (where === undefined) {
    const name = record.netns === undefined ? '' : ` '${record.netns}'`;
    return [`its network namespace${name} is gone or cannot be reached`];
  }
  if (uplink === undefined) return [`interface '${record.interface}' (index ${record.ifindex}) is gone`];
  return DIRECTIONS.flatMap((direction) => {
    const expected = programs[direction]?.id;
    const running =
      record.hook === 'tcx' ? linkedProgram(pins, direction) : filterProgram(where, record, direction);
    if (running === undefined) return [`the ${direction} program is not attached`];
    if (running === 'unknown' || expected === undefined || running === expected) return [];
    return [`the ${direction} hook runs another program (${running}) instead of ours (${expected})`];
  });
}

/** A missing pin is a problem of its own. */
function linkedProgram(pins: Pins, direction: Direction): number | undefined | 'unknown' {
  using link = attempt(() => pinnedLink(pins, direction));
  if (link === undefined) return 'unknown';
  const { ifindex, programId } = link.info;
  return ifindex === 0 ? undefined : programId;
}

function filterProgram({ enter }: Where, record: InstanceRecord, direction: Direction): number | undefined {
  const place = placeOf(record, direction);
  return withNetns(enter, () => {
    using socket = new NetlinkSocket();
    return listFilters(socket, record.ifindex, place.direction).find(
      ({ priority, handle, kind }) =>
        kind === 'bpf' && priority === place.priority && handle === place.handle,
    )?.programId;
  });
}

/** Whether the programs, which answer for it, still know the interface. */
function uplinkProblems(
  pins: Pins,
  record: InstanceRecord,
  definitions: InstanceMaps,
  { enter }: Where,
  uplink: Interface,
): string[] {
  const problems: string[] = [];
  if (record.subnetsLeftOut > 0) {
    problems.push(
      `the interface has ${record.subnetsLeftOut} subnets more than the ${MAX_SUBNETS} in which ARP, and the ${MAX_SUBNETS6} in which neighbour solicitations, are answered`,
    );
  }
  using map = attempt(() => pins.map('interface', definitions.interface));
  const known = map?.get(0);
  if (known === undefined) return problems;
  const { record: live } = withNetns(enter, () => {
    using socket = new NetlinkSocket();
    return uplinkState(socket, uplink);
  });
  const seen = ({ mac, subnets, subnets6 }: typeof live): string =>
    JSON.stringify([...mac, subnets, subnets6]);
  if (seen(live) !== seen(known)) {
    const again = `tsnat attach ${uplink.name} --name ${pins.name} --replace`;
    problems.push(
      `the interface's addresses have changed since it was attached: '${again}' takes the new ones`,
    );
  }
  return problems;
}

interface Counted {
  readonly count: number;
  readonly torn: number;
  readonly translated: { readonly [D in Direction]: Counters };
}

function countMappings(maps: Owned): Counted {
  const { states, torn } = readMappings(maps);
  const sum = (direction: Direction): Counters => {
    let [packets, bytes] = [0n, 0n];
    for (const state of states) {
      packets += state[direction].packets;
      bytes += state[direction].bytes;
    }
    return { packets, bytes };
  };
  return { count: states.length, torn, translated: { outbound: sum('outbound'), inbound: sum('inbound') } };
}

const NOTHING: Counters = { packets: 0n, bytes: 0n };
const UNCOUNTED: Counted = { count: 0, torn: 0, translated: { outbound: NOTHING, inbound: NOTHING } };

function reasonsOf(pins: Pins, definitions: InstanceMaps): InstanceStatus['reasons'] {
  using map = attempt(() => pins.map('reasons', definitions.reasons));
  const counts = new Map(map?.entriesPerCpu() ?? []);
  const countsOf = (direction: Direction): { [R in Reason]: bigint } => {
    const entries = REASONS.map(({ name }): [Reason, bigint] => {
      const perCpu = counts.get(reasonIndex(direction, name)) ?? [];
      return [name, perCpu.reduce((sum, count) => sum + count, 0n)];
    });
    return Object.fromEntries(entries) as { [R in Reason]: bigint };
  };
  return { outbound: countsOf('outbound'), inbound: countsOf('inbound') };
}
