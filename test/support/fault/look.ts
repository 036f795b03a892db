// What an instance is by its own words, which are those of the next command, and how it gets there beforehand.

import { BpfMap } from '../../../src/loader/index.ts';
import { formatAddress } from '../../../src/nat/address.ts';
import {
  detach,
  listInstances,
  openInstance,
  openSlots,
  openTunnels,
} from '../../../src/nat/instance/index.ts';
import { formatMapping } from '../../../src/nat/mapping.ts';
import { instanceMaps } from '../../../src/nat/maps.ts';
import {
  bring,
  contextOf,
  isRedirect,
  NAME,
  type Operation,
  type Place,
  REMOTE,
  type State,
} from './state.ts';

/** The state of the instance; a text when it cannot be told or is not sound. */
export function look(
  place: Place,
  { isOfTunnels }: Pick<Operation, 'isOfTunnels'>,
): { readonly state: State | undefined } | string {
  const context = contextOf(place);
  try {
    using instance = openInstance(NAME, context);
    using slots = openSlots(NAME, context);
    using tunnels = openTunnels(NAME, context);
    const { problems, unmapped, redirect } = instance.status();
    if (problems.length > 0) return problems.join('; ');
    const mappings = instance.listMappings().map(({ mapping }) => formatMapping(mapping));
    const reserved = slots
      .list()
      .filter(({ state }) => state === 'reserved')
      .map(({ inside, interface: device }) => `${formatAddress(inside)}%${device}`);
    const bound = tunnels
      .list()
      .map(({ placeholder, vni }) => (vni === undefined ? `${placeholder}` : `${placeholder}=${vni}`));
    const isDirect = isRedirect(place.hook) && redirect === undefined;
    return {
      state: {
        unmapped: unmapped.outbound,
        mappings,
        reserved,
        ...(isOfTunnels && { tunnels: bound }),
        ...(isDirect && { isDirect }),
      },
    };
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') return String(error);
    return listInstances(context).length === 0 ? { state: undefined } : 'listed, but not there';
  }
}

export function matches(is: State | undefined, wanted: State | undefined): boolean {
  const text = (state: State | undefined): string =>
    state === undefined
      ? ''
      : [
          state.unmapped,
          `${state.isDirect}`,
          ...[...state.mappings].sort(),
          ...[...(state.reserved ?? [])].sort(),
          ...[...(state.tunnels ?? [])].sort(),
        ].join(' ');
  return text(is) === text(wanted);
}

/** @param operation whose beginning there shall be; nothing is where left out */
export function prepare(place: Place, operation?: Pick<Operation, 'before' | 'since'>): void {
  try {
    detach(NAME, contextOf(place));
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
  }
  if (operation?.before === undefined) return;
  bring(place, operation.before);
  operation.since?.(place);
}

/** A slot that nothing else is done to. */
const PASSING = 9_000_099;

/**
 * Entries of tunnels that lead nowhere. Those that a bind left, which let nothing through, go with the next reservation.
 *
 * @returns what there is too many; undefined where there is none
 */
export function tunnelLeftovers(place: Place): string | undefined {
  using tunnels = openTunnels(NAME, contextOf(place));
  const slots = tunnels.list();
  if (slots.length > 0) {
    tunnels.reserve([{ placeholder: PASSING, remote: REMOTE }]);
    tunnels.remove([PASSING]);
  }
  const maps = `${place.root}/${NAME}/maps`;
  using map = BpfMap.openPin(`${maps}/tunnels`, instanceMaps().tunnels)!;
  using ports = BpfMap.openPin(`${maps}/tunnel_ports`, instanceMaps().tunnel_ports)!;
  const bound = slots.filter(({ state }) => state === 'bound').length;
  const { count } = map.raw.elements();
  if (count !== slots.length + bound) return `${count} entries of ${slots.length} tunnels, ${bound} bound`;
  const used = ports.get(0)?.ports.filter(({ port }) => port !== 0).length;
  const expected = new Set(slots.map(({ port }) => port)).size;
  return used === expected ? undefined : `${used} ports of tunnels, not ${expected}`;
}
