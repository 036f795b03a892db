// How many slots an instance has, and what is wrong with them.

import { InterfaceQueries, withNetns, type XdpMode } from '../../../loader/index.ts';
import { decodeSlots, SLOT_FORMATS } from '../../slot-entries.ts';
import type { Owned } from '../contents.ts';
import { findNamespace } from '../namespace.ts';
import type { Pins } from '../pins.ts';
import type { InstanceRecord } from '../record.ts';
import type { SlotsSummary } from '../types.ts';
import { reachable } from '../xdp/reach.ts';
import { FAMILIES, type SlotMaps } from './book.ts';
import { missingDevices } from './devices.ts';
import { listSlots } from './list.ts';
import type { SlotState } from './types.ts';
import { isSlot } from './xdp-marks.ts';

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
  const whole = slots.filter(({ state }) => state !== 'stale');
  const xdp = record.xdp && xdpSlots(maps, whole);
  if (record.xdp && xdp) {
    const { mode } = record.xdp;
    const deaf = withNetns(where.enter, () => deafOnes(mode, xdp.delivered));
    if (deaf.length > 0) {
      problems.push(
        `native XDP sends to ${deaf.length} interfaces of slots that cannot take it any more, and it is lost (${shown(deaf)}): of a veth the peer needs GRO or XDP; 'tsnat attach ${record.interface} --name ${pins.name} --replace' leaves them to TC`,
      );
    }
  }
  return {
    slots: {
      place,
      bound,
      reserved: slots.length - bound,
      stale: stale.length,
      ...(xdp && { xdp: { delivered: xdp.delivered.length, left: xdp.left } }),
    },
    problems,
  };
}

/** Slots that XDP delivers to, by what their entries say, and how many it leaves. */
function xdpSlots(
  maps: SlotMaps,
  slots: readonly SlotState[],
): { readonly delivered: readonly SlotState[]; readonly left: number } {
  const known = new Set(
    FAMILIES.flatMap((family) =>
      decodeSlots(family, maps[SLOT_FORMATS[family].name].raw.elements()).flatMap((entry) => {
        const { key, record } = entry;
        const isKnown = isSlot(entry) && key.interface !== 0 && record.xdp === 1 && record.station !== 0;
        return isKnown ? [`${key.interface} ${key.address}`] : [];
      }),
    ),
  );
  const delivered = slots.filter(({ ifindex, inside }) => known.has(`${ifindex} ${inside}`));
  return { delivered, left: slots.length - delivered.length };
}

/** Names of interfaces that XDP cannot send to though it does. */
function deafOnes(mode: XdpMode, slots: readonly SlotState[]): string[] {
  const names = new Map(slots.map((slot) => [slot.ifindex, slot.interface]));
  const taking = reachable(mode, [...names.keys()]);
  return [...names].flatMap(([index, name]) => (taking.has(index) ? [] : [name]));
}
