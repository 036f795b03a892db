// Swaps a running instance: new programs, the interface's addresses as they are now, and where mappings are given
// exactly those. Packets meet the old programs or the new ones; mappings that stay keep their counters.

import { type Interface, type NetlinkSocket, netnsInode } from '../../loader/index.ts';
import type { Datapath, DatapathOptions } from '../datapath/index.ts';
import type { AddressMapping } from '../mapping.ts';
import { type InstanceMaps, instanceMaps } from '../maps.ts';
import type { Request } from './attach.ts';
import { detachHint, InstanceError } from './error.ts';
import type { Pins } from './pins.ts';
import type { InstanceRecord } from './record.ts';
import type { Replaced } from './replacement.ts';
import { placeProblems } from './status.ts';
import { change, loadPair, type Owned } from './transition.ts';
import { allOrNothing } from './undo.ts';
import { uplinkState } from './uplink.ts';

type MakeDatapath = (options: DatapathOptions) => Datapath;

/** To be called with the lock held, in the network namespace of the interface. */
export function replace(
  pins: Pins,
  request: Request,
  { socket, uplink }: { readonly socket: NetlinkSocket; readonly uplink: Interface },
  makeDatapath: MakeDatapath,
): void {
  const record = pins.requireWhole();
  requireSame(pins, request, record, uplink);
  // Left out, the policy stays: who asked for drop must not silently get pass.
  const unmapped = request.unmapped ?? record.unmapped;
  const made = makeDatapath({ unmapped, capacity: record.capacity });
  const state = uplinkState(socket, uplink);
  using maps = openMaps(pins, made.maps);
  using fresh = loadPair(made, maps.owned);
  allOrNothing((onFailure) => {
    const former = maps.owned.interface.get(0);
    if (former !== undefined) onFailure(() => maps.owned.interface.set(0, former));
    maps.owned.interface.set(0, state.record);
    const wanted = { ...record, unmapped, interface: uplink.name, subnetsLeftOut: state.leftOut };
    const { mappings } = request;
    change(
      pins,
      maps.owned,
      { record: wanted, programs: fresh.pair, ...(mappings && { mappings }) },
      makeDatapath,
    );
  });
}

/** To be called with the lock held. Exactly these mappings from one packet to the next; those that stay count on. */
export function replaceMappings(
  pins: Pins,
  mappings: readonly AddressMapping[],
  makeDatapath: MakeDatapath,
): Replaced {
  const record = pins.requireWhole();
  requireInPlace(pins, record);
  using maps = openMaps(pins, instanceMaps(record.capacity));
  return change(pins, maps.owned, { record, mappings }, makeDatapath) ?? { kept: 0, added: 0, deleted: 0 };
}

function openMaps(pins: Pins, definitions: InstanceMaps): Disposable & { readonly owned: Owned } {
  const owned: { [name: string]: Disposable } = {};
  const close = (): void => {
    for (const map of Object.values(owned)) map[Symbol.dispose]();
  };
  try {
    for (const name of ['outbound', 'inbound', 'reasons', 'interface'] as const) {
      owned[name] = pins.map(name, definitions[name] as InstanceMaps['reasons']);
    }
  } catch (error) {
    close();
    throw error;
  }
  return { owned: owned as unknown as Owned, [Symbol.dispose]: close };
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
