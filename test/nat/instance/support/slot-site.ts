// A site with devices for slots, and their slots in hand.

import type { ExecutionContext } from 'ava';
import { BpfMap } from '../../../../src/loader/index.ts';
import type { AttachOptions, SlotWish } from '../../../../src/nat/instance/index.ts';
import { attach, openSlots, type Slots } from '../../../../src/nat/instance/index.ts';
import { formatMac } from '../../../../src/nat/mac.ts';
import { instanceMaps } from '../../../../src/nat/maps.ts';
import { decodeSlots } from '../../../../src/nat/slot-entries.ts';
import { SLOT_STATES } from '../../../../src/nat/slot-layout.ts';
import { type Site, site } from './site.ts';

export const CLONE = '172.16.0.2';
export const CLONE6 = 'fd00::2';

export interface SlotSite extends Site {
  readonly slots: Slots;
}

/** `tap0` and so on, as many as there shall be. */
export function addDevices(here: Pick<Site, 'ip'>, count: number, first = 0): string[] {
  const names = Array.from({ length: count }, (_, i) => `tap${first + i}`);
  for (const name of names) here.ip(`link add ${name} type veth peer name p${name}`);
  return names;
}

/** The MACs and MTUs that the entries of a slot's inside and outside have. */
export function hardwareIn({ root }: Site, device: string): string[] {
  using map = BpfMap.openPin(`${root}/out0/maps/slots`, instanceMaps().slots)!;
  return decodeSlots(4, map.raw.elements()).flatMap(({ record: { name, state, mac, mtu } }) =>
    name === device && state !== SLOT_STATES.interface ? [`${formatMac(mac)} ${mtu}`] : [],
  );
}

export function slotSite(
  t: ExecutionContext,
  devices: number = 3,
  options: Partial<AttachOptions> = {},
): SlotSite {
  const here = site(t);
  addDevices(here, devices);
  attach({ interface: 'out0', netns: here.netns, hook: 'clsact', ...options }, here.context);
  const slots = openSlots('out0', here.context);
  t.teardown(() => slots.close());
  return { ...here, slots };
}

/** The same inside on each of them. */
export const wishes = (devices: readonly string[], inside: string = CLONE): SlotWish[] =>
  devices.map((device) => ({ interface: device, inside }));

/** Slots as `172.16.0.2%tap0=203.0.113.1`, `172.16.0.2%tap1`. */
export function shown(slots: Slots): string[] {
  return slots.list().map(({ interface: device, inside, outside, state }) => {
    const text = (address: number | bigint): string =>
      typeof address === 'bigint'
        ? address.toString(16)
        : [24, 16, 8, 0].map((n) => (address >>> n) & 255).join('.');
    const bound = outside === undefined ? '' : `=${text(outside)}`;
    return `${text(inside)}%${device}${bound}${state === 'stale' ? ' stale' : ''}`;
  });
}
