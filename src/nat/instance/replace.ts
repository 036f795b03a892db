// Swaps a running instance: new programs, the interface's addresses as they are now, and where mappings are given
// exactly those. Packets meet the old programs or the new ones; mappings that stay keep their counters.

import {
  type BpfProgram,
  type Interface,
  loadProgram,
  type NetlinkSocket,
  netnsInode,
  renamePin,
  replaceFilter,
} from '../../loader/index.ts';
import type { Datapath, DatapathOptions } from '../datapath/index.ts';
import { DIRECTIONS, type Direction } from '../reason.ts';
import type { Request } from './attach.ts';
import { detachHint, InstanceError } from './error.ts';
import { Pins } from './pins.ts';
import { placeOf } from './placement.ts';
import type { InstanceRecord } from './record.ts';
import { Replacement } from './replacement.ts';
import { placeProblems } from './status.ts';
import { Table } from './table.ts';
import { allOrNothing } from './undo.ts';
import { uplinkState } from './uplink.ts';

/** To be called with the lock held, in the network namespace of the interface. */
export function replace(
  pins: Pins,
  instances: string,
  request: Request,
  { socket, uplink }: { readonly socket: NetlinkSocket; readonly uplink: Interface },
  makeDatapath: (options: DatapathOptions) => Datapath,
): void {
  const record = pins.requireWhole();
  requireSame(pins, request, record, uplink);
  // Left out, the policy stays: who asked for drop must not silently get pass.
  const unmapped = request.unmapped ?? record.unmapped;
  const { outbound, inbound, maps: definitions } = makeDatapath({ unmapped, capacity: record.capacity });
  const state = uplinkState(socket, uplink);
  const shadow = new Pins(instances, pins.name, true);
  // Outside of what may be undone, which needs them too.
  using outboundMap = pins.map('outbound', definitions.outbound);
  using inboundMap = pins.map('inbound', definitions.inbound);
  using reasons = pins.map('reasons', definitions.reasons);
  using uplinkMap = pins.map('interface', definitions.interface);
  using oldOutbound = pins.program('outbound');
  using oldInbound = pins.program('inbound');
  const maps = { outbound: outboundMap, inbound: inboundMap, reasons, interface: uplinkMap };
  using newOutbound = loadProgram(outbound, maps);
  using newInbound = loadProgram(inbound, maps);
  const old = { outbound: oldOutbound, inbound: oldInbound };
  const fresh = { outbound: newOutbound, inbound: newInbound };
  const change = request.mappings && new Replacement(new Table(pins.name, maps), request.mappings);

  allOrNothing((onFailure) => {
    onFailure(() => shadow.exist && shadow.remove());
    shadow.make();
    for (const direction of DIRECTIONS) fresh[direction].pin(shadow.path(`progs/${direction}`));
    const former = uplinkMap.get(0);
    if (former !== undefined) onFailure(() => uplinkMap.set(0, former));
    uplinkMap.set(0, state.record);
    onFailure(() => change?.undo());
    change?.before();
    for (const direction of DIRECTIONS.toReversed()) {
      swap(pins, record, direction, socket, fresh[direction]);
      onFailure(() => swap(pins, record, direction, socket, old[direction]));
    }
    change?.after();
    const ids = (direction: Direction) => ({ ...record.programs[direction], id: fresh[direction].info.id });
    const programs = { outbound: ids('outbound'), inbound: ids('inbound') };
    pins.writeRecord({
      ...record,
      unmapped,
      interface: uplink.name,
      subnetsLeftOut: state.leftOut,
      programs,
    });
  });
  // The record names the new programs: whoever finds their pins not yet in place completes it.
  for (const direction of DIRECTIONS) {
    renamePin(shadow.path(`progs/${direction}`), pins.path(`progs/${direction}`));
  }
  shadow.remove();
}

/** @throws InstanceError when what is asked for is another instance than the one that is there, or it is not whole. */
function requireSame(pins: Pins, request: Request, record: InstanceRecord, uplink: Interface): void {
  const differ = (what: string, asked: string, is: string): InstanceError =>
    new InstanceError(
      'ECONFLICT',
      `instance '${pins.name}' cannot be replaced with another ${what}: it has ${is}, not ${asked}; 'tsnat detach ${pins.name}' first, or choose another --name`,
    );
  const { hook = 'auto', capacity = record.capacity, netns } = request;
  if (netnsInode() !== record.netnsInode) {
    const named = (name: string | undefined): string => (name === undefined ? 'an unnamed one' : `'${name}'`);
    throw differ('network namespace', named(netns), named(record.netns));
  }
  const of = (name: string, index: number): string => `'${name}' (index ${index})`;
  if (uplink.index !== record.ifindex) {
    throw differ('interface', of(uplink.name, uplink.index), of(record.interface, record.ifindex));
  }
  if (hook !== 'auto' && hook !== record.hook) throw differ('hook', hook, record.hook);
  if (capacity !== record.capacity) throw differ('capacity', `${capacity}`, `${record.capacity}`);
  const problems = placeProblems(pins, record);
  if (problems.length > 0) {
    throw new InstanceError(
      'EHALF',
      `instance '${pins.name}': ${problems.join('; ')}; ${detachHint(pins.name)}`,
    );
  }
}

function swap(
  pins: Pins,
  record: InstanceRecord,
  direction: Direction,
  socket: NetlinkSocket,
  program: BpfProgram,
): void {
  if (record.hook === 'clsact') {
    replaceFilter(socket, record.ifindex, placeOf(record, direction), program);
    return;
  }
  using link = pins.link(direction);
  link.update(program);
}
