// A host of slots: namespaces with the very same address behind a gateway that has a device for each, and an outside host.

import type { ExecutionContext } from 'ava';
import { detach, openSlots, type Slots } from '../../src/nat/instance/index.ts';
import { tsnatOk } from './cli.ts';
import { GATEWAY, NEAR_OUTSIDE, veth } from './lab.ts';
import { Namespace } from './namespace.ts';
import { uniqueName } from './registry.ts';

/** What every slot calls itself and its gateway, in both families. */
export const CLONE = '172.16.0.2';
export const CLONE_GATEWAY = '172.16.0.1';
export const CLONE6 = 'fd00::2';
export const CLONE_GATEWAY6 = 'fd00::1';
export const CLONE_MAC = '52:54:00:12:34:56';
export const OUTSIDE6 = '2001:db8::2';
const GATEWAY6 = '2001:db8::1';

/** The outside address of slot `i`. */
export const outsideOf = (i: number): string => `203.0.113.${10 + i}`;
export const outside6Of = (i: number): string => `2001:db8::${(0x10 + i).toString(16)}`;

export interface SlotLabOptions {
  readonly slots?: number;
  /** `veth` is a pair into each namespace; with `bridge` the host's ends are ports of one, and all MACs are the same. */
  readonly topology?: 'veth' | 'bridge';
  readonly ipv6?: boolean;
  /** Of the slots' links. */
  readonly mtu?: number;
}

export interface SlotLab {
  readonly gateway: Namespace;
  readonly outside: Namespace;
  readonly slots: readonly Namespace[];
  /** Names of the slots' devices in the gateway. */
  readonly devices: readonly string[];
  readonly server: string;
}

/** Builds it; all goes when the test is over. */
export async function makeSlotLab(t: ExecutionContext, options: SlotLabOptions = {}): Promise<SlotLab> {
  const { slots: count = 3, topology = 'veth', ipv6 = false, mtu = 1500 } = options;
  const roles = ['gateway', 'outside', ...Array.from({ length: count }, (_, i) => `slot${i}`)];
  const namespaces = await Promise.all(roles.map((role) => Namespace.make(role)));
  t.teardown(() => Promise.all(namespaces.map((namespace) => namespace.remove())));
  const [gateway, outside, ...slots] = namespaces as [Namespace, Namespace, ...Namespace[]];
  const devices = slots.map((_, i) => `tap${i}`);
  if (ipv6) {
    for (const namespace of namespaces) {
      await namespace.sysctl({ 'ipv6/conf/all/disable_ipv6': 0, 'ipv6/conf/default/disable_ipv6': 0 });
    }
  }
  await veth([gateway, 'out0'], [outside, 'down0']);
  await gateway.sysctl({ 'ipv4/ip_forward': 1, ...(ipv6 && { 'ipv6/conf/all/forwarding': 1 }) });
  await gateway.ip(`addr add ${GATEWAY}/24 dev out0`);
  await outside.ip(`addr add ${NEAR_OUTSIDE}/24 dev down0`);
  if (ipv6) {
    await gateway.ip(`addr add ${GATEWAY6}/64 dev out0 nodad`);
    await outside.ip(`addr add ${OUTSIDE6}/64 dev down0 nodad`);
  }
  if (topology === 'bridge') await gateway.ip('link add br0 type bridge', 'link set br0 up');
  for (const [i, slot] of slots.entries()) {
    await veth([gateway, devices[i]!], [slot, 'up0'], mtu);
    if (topology === 'bridge') {
      await gateway.ip(`link set ${devices[i]} master br0`);
      await slot.ip(`link set up0 address ${CLONE_MAC}`);
    }
    await slot.ip(`addr add ${CLONE}/24 dev up0`, `route add default via ${CLONE_GATEWAY}`);
    if (ipv6) await slot.ip(`addr add ${CLONE6}/64 dev up0 nodad`, `route add default via ${CLONE_GATEWAY6}`);
  }
  return { gateway, outside, slots, devices, server: NEAR_OUTSIDE };
}

/** Attaches an instance that has no mappings yet. @returns its name; it goes when the test is over. */
export async function attachBare(
  t: ExecutionContext,
  { gateway }: SlotLab,
  more: readonly string[] = [],
): Promise<string> {
  const name = uniqueName('slots');
  await tsnatOk(t, ['attach', 'out0', '--netns', gateway.name, '--name', name, ...more]);
  t.teardown(() => {
    try {
      detach(name);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
    }
  });
  return name;
}

/** Its slots, reserved on every device, and bound in order unless `bind` says no. */
export function takeSlots(
  t: ExecutionContext,
  lab: SlotLab,
  name: string,
  {
    bind = true,
    station,
    policy = {},
  }: {
    readonly bind?: boolean;
    readonly station?: string;
    readonly policy?: Parameters<Slots['reserve']>[1];
  } = {},
): Slots {
  const slots = openSlots(name);
  t.teardown(() => slots.close());
  slots.reserve(
    lab.devices.map((device) => ({
      interface: device,
      inside: CLONE,
      ...(station !== undefined && { station }),
    })),
    policy,
  );
  if (bind) slots.bindAll(lab.devices.map((device, i) => [device, outsideOf(i)] as const));
  return slots;
}
