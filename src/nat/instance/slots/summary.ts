// How many slots an instance has, and what is wrong with them.

import { InterfaceQueries, withNetns } from '../../../loader/index.ts';
import type { Owned } from '../contents.ts';
import { findNamespace } from '../namespace.ts';
import type { Pins } from '../pins.ts';
import type { InstanceRecord } from '../record.ts';
import type { SlotsSummary } from '../types.ts';
import { missingDevices } from './devices.ts';
import { listSlots } from './list.ts';

/** The most names worth listing. */
const MOST_NAMES = 5;

const shown = (names: readonly string[]): string =>
  names.length > MOST_NAMES ? `${names.slice(0, MOST_NAMES).join(', ')}, ...` : names.join(', ');

/** @param maps undefined where not all of them are there, which is a problem of its own */
export function slotsState(
  pins: Pins,
  record: InstanceRecord,
  maps: Owned | undefined,
): { readonly slots: SlotsSummary; readonly problems: readonly string[] } {
  const { place } = record.slots;
  const where = findNamespace(record);
  if (maps === undefined || where === undefined) {
    return { slots: { place, bound: 0, reserved: 0, stale: 0 }, problems: [] };
  }
  const slots = withNetns(where.enter, () => {
    using names = new InterfaceQueries();
    return listSlots(pins.name, maps, names);
  });
  const bound = slots.filter(({ outside }) => outside !== undefined).length;
  const stale = slots.filter(({ state }) => state === 'stale');
  const problems: string[] = [];
  if (stale.length > 0) {
    const names = shown([...new Set(stale.map((slot) => slot.interface))]);
    problems.push(
      `the interfaces of ${stale.length} slots are gone or others than they were (${names}): 'tsnat slot list ${pins.name}' says what to do`,
    );
  }
  const changed = slots.filter(({ state, problem }) => state !== 'stale' && problem !== undefined);
  if (changed.length > 0) {
    const names = [...new Set(changed.map((slot) => slot.interface))];
    problems.push(
      `slots have the former MAC or MTU of ${names.length} interfaces (${shown(names)}): 'tsnat slot list ${pins.name}' says what to do`,
    );
  }
  const bare = slots.length === 0 ? [] : [...missingDevices(pins, record, maps).values()];
  if (bare.length > 0) {
    problems.push(
      `what slots send is not translated on ${bare.length} interfaces (${shown(bare)}), from which the program was taken off: 'tsnat attach ${record.interface} --name ${pins.name} --replace' puts it there again`,
    );
  }
  return { slots: { place, bound, reserved: slots.length - bound, stale: stale.length }, problems };
}
