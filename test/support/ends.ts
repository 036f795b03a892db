// Hosts beyond narrow links: a lab with routers, whose inside and outside hosts forward for one more host each. Those
// have full-size links, so that only ICMP tells them of the narrow one half-way.

import type { ExecutionContext } from 'ava';
import { FAR_OUTSIDE, INSIDE, INSIDE_ROUTER, type Lab, makeLab, veth } from './lab.ts';
import { enableIpv6, FAR_OUTSIDE6, INSIDE_ROUTER6, INSIDE6 } from './lab6.ts';
import { Namespace } from './namespace.ts';

/** Addresses of the innermost host. */
export const INNERMOST = { address: '10.0.4.5', ports: '10.0.4.6', prefix: '10.0.5.7' } as const;
export const INNERMOST6 = { address: 'fd00:4::5', ports: 'fd00:4::6', prefix: 'fd00:5::7' } as const;
export const OUTERMOST = '192.0.3.2';
export const OUTERMOST6 = '2001:db8:3::2';

export interface LongLab extends Lab {
  readonly innermost: Namespace;
  readonly outermost: Namespace;
}

export interface LongLabOptions {
  /** MTUs of the links next but one to the end hosts. */
  readonly insideMtu?: number;
  readonly outsideMtu?: number;
  readonly ipv6?: boolean;
}

export async function makeLongLab(
  t: ExecutionContext,
  { insideMtu = 1500, outsideMtu = 1500, ipv6 = false }: LongLabOptions,
): Promise<LongLab> {
  const [innermost, outermost] = await Promise.all([
    Namespace.make('innermost'),
    Namespace.make('outermost'),
  ]);
  t.teardown(() => Promise.all([innermost.remove(), outermost.remove()]));
  const lab = await makeLab(t, {
    insideRouter: { mtu: insideMtu },
    outsideRouter: { mtu: outsideMtu },
    ipv6,
  });
  const { inside, insideRouter, gateway, outsideRouter, outside } = lab;
  await veth([innermost, 'up0'], [inside, 'down0']);
  await veth([outside, 'up0'], [outermost, 'down0']);
  for (const host of [inside, outside]) await host.sysctl({ 'ipv4/ip_forward': 1 });
  await innermost.ip(
    `addr add ${INNERMOST.address}/23 dev up0`,
    `addr add ${INNERMOST.ports}/23 dev up0`,
    `addr add ${INNERMOST.prefix}/23 dev up0`,
    'route add default via 10.0.4.1',
  );
  await inside.ip('addr add 10.0.4.1/23 dev down0');
  await insideRouter?.ip(`route add 10.0.4.0/23 via ${INSIDE}`);
  await gateway.ip(`route add 10.0.4.0/23 via ${INSIDE_ROUTER}`);
  await outside.ip('addr add 192.0.3.1/24 dev up0');
  await outermost.ip(`addr add ${OUTERMOST}/24 dev down0`, 'route add default via 192.0.3.1');
  await outsideRouter?.ip(`route add 192.0.3.0/24 via ${FAR_OUTSIDE}`);
  const long = { ...lab, innermost, outermost, namespaces: [...lab.namespaces, innermost, outermost] };
  if (ipv6) await lengthenIpv6(long);
  return long;
}

async function lengthenIpv6(lab: LongLab): Promise<void> {
  const { innermost, inside, insideRouter, gateway, outsideRouter, outside, outermost } = lab;
  for (const host of [innermost, outermost]) await enableIpv6(host, false);
  for (const host of [inside, outside]) await enableIpv6(host, true);
  await innermost.ip(
    `addr add ${INNERMOST6.address}/31 dev up0`,
    `addr add ${INNERMOST6.ports}/31 dev up0`,
    `addr add ${INNERMOST6.prefix}/31 dev up0`,
    'route add default via fd00:4::1',
  );
  await inside.ip('addr add fd00:4::1/31 dev down0');
  await insideRouter?.ip(`route add fd00:4::/31 via ${INSIDE6}`);
  await gateway.ip(`route add fd00:4::/31 via ${INSIDE_ROUTER6}`);
  await outside.ip('addr add 2001:db8:3::1/64 dev up0');
  await outermost.ip(`addr add ${OUTERMOST6}/64 dev down0`, 'route add default via 2001:db8:3::1');
  await outsideRouter?.ip(`route add 2001:db8:3::/64 via ${FAR_OUTSIDE6}`);
}
