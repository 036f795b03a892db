// A lab with both families whose gateway translates by XDP, and a witness for it: what XDP sends on, the stack of the
// gateway does not count as forwarded.

import type { ExecutionContext } from 'ava';
import { tsnatOk } from './cli.ts';
import { INSIDE, type Lab, type LabOptions, makeLab, ON_LINK } from './lab.ts';
import { since } from './since.ts';
import { ping } from './traffic.ts';
import { instanceName } from './translate.ts';

export const INSIDE6 = 'fd00::5';
export const ON_LINK6 = '2001:db8::5';
export const SERVER6 = '2001:db8::2';
export type Mode = 'generic' | 'native';
/** Native XDP sends to a veth only where the kernel says that it can. */
export const NATIVE_VETH: boolean = since('6.3');
export const MODES: readonly Mode[] = NATIVE_VETH ? ['generic', 'native'] : ['generic'];

/** The lab's links with IPv6 as well; native XDP can send to their ends. */
export async function makeXdpLab(t: ExecutionContext, options: LabOptions = {}): Promise<Lab> {
  const lab = await makeLab(t, { offload: 'wire', ...options });
  const { inside, gateway, outside, device } = lab;
  const ends = [
    [inside, 'up0', `${INSIDE6}/64`],
    [gateway, 'down0', 'fd00::1/64'],
    [gateway, device, '2001:db8::1/64'],
    [outside, 'down0', `${SERVER6}/64`],
  ] as const;
  for (const [host, name, address] of ends) {
    await host.sysctl({ [`ipv6/conf/${name}/disable_ipv6`]: 0 });
    await host.ip(`addr add ${address} dev ${name} nodad`);
  }
  await gateway.sysctl({ 'ipv6/conf/all/forwarding': 1 });
  await inside.ip('route add default via fd00::1');
  await inside.offload('up0', 'gro on');
  await outside.offload('down0', 'gro on');
  return lab;
}

/** Attaches with XDP; gone again when the test is over. @returns its name */
export async function accelerate(
  t: ExecutionContext,
  { gateway, device }: Lab,
  mode: Mode,
  more: readonly string[] = [],
): Promise<string> {
  const name = instanceName(t);
  await tsnatOk(t, [
    ...['attach', device, '--name', name, '--netns', gateway.name],
    ...['--hook', 'xdp', '--inside', 'down0', '--xdp-mode', mode],
    ...['--map', `${INSIDE}=${ON_LINK}`, '--map', `${INSIDE6}=${ON_LINK6}`, ...more],
  ]);
  return name;
}

/** Neighbours known: from here on XDP knows where to send. */
export async function acquaint({ inside, outside, server }: Lab): Promise<void> {
  await Promise.all([ping(inside, server), ping(inside, SERVER6)]);
  await Promise.all([ping(outside, ON_LINK), ping(outside, ON_LINK6)]);
}

/** Packets that the gateway's stack has forwarded (RFC 1213, ipForwDatagrams, and its like of IPv6). */
export async function forwarded({ gateway }: Pick<Lab, 'gateway'>): Promise<number> {
  const [four, six] = await Promise.all([
    gateway.must(['grep', '^Ip:', '/proc/net/snmp']),
    gateway.must(['grep', '^Ip6OutForwDatagrams', '/proc/net/snmp6']),
  ]);
  const [names, values] = four.trim().split('\n') as [string, string];
  const at = names.split(' ').indexOf('ForwDatagrams');
  return Number(values.split(' ')[at]) + Number(six.trim().split(/\s+/)[1]);
}

/** How many packets the stack has forwarded while `run` ran. */
export async function forwardedBy(lab: Pick<Lab, 'gateway'>, run: () => Promise<unknown>): Promise<number> {
  const before = await forwarded(lab);
  await run();
  return (await forwarded(lab)) - before;
}
