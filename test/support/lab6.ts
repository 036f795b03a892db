// IPv6 for a lab: every IPv4 address of it gets a counterpart, on the same links and by the same routes.

import type { Lab } from './lab.ts';
import type { Namespace } from './namespace.ts';

export const INSIDE6 = 'fd00::5';
export const SECOND_INSIDE6 = 'fd00:2::5';
export const INSIDE_GATEWAY6 = 'fd00::1';
export const GATEWAY6 = '2001:db8::1';
export const NEAR_OUTSIDE6 = '2001:db8::2';
export const FAR_OUTSIDE6 = '2001:db8:2::2';
export const INSIDE_ROUTER6 = 'fd00:1::2';
export const OUTSIDE_ROUTER6 = '2001:db8::fe';
/** Outside addresses to map to: in the outside interface's subnet, and routed to the gateway from elsewhere. */
export const ON_LINK6 = '2001:db8::5';
export const SECOND_ON_LINK6 = '2001:db8::6';
export const ROUTED6 = '2001:db8:a::5';
/** What is routed to the gateway from outside. */
const ROUTED_PREFIX6 = '2001:db8:a::/48';

/** Address of the lab's outside host. */
export const serverOf6 = (lab: Lab): string => (lab.outsideRouter ? FAR_OUTSIDE6 : NEAR_OUTSIDE6);

export async function enableIpv6(namespace: Namespace, forwards: boolean): Promise<void> {
  await namespace.sysctl({
    'ipv6/conf/all/disable_ipv6': 0,
    'ipv6/conf/default/disable_ipv6': 0,
    ...(forwards && { 'ipv6/conf/all/forwarding': 1 }),
  });
}

export async function addIpv6(lab: Lab): Promise<void> {
  const { inside, secondInside, insideRouter, gateway, outsideRouter, outside } = lab;
  const routers = [gateway, insideRouter, outsideRouter];
  for (const namespace of lab.namespaces) await enableIpv6(namespace, routers.includes(namespace));
  await inside.ip(`addr add ${INSIDE6}/64 dev up0`, `route add default via ${INSIDE_GATEWAY6}`);
  await (insideRouter ?? gateway).ip(`addr add ${INSIDE_GATEWAY6}/64 dev down0`);
  await insideRouter?.ip(`addr add ${INSIDE_ROUTER6}/64 dev up0`, 'route add default via fd00:1::1');
  if (insideRouter) {
    await gateway.ip('addr add fd00:1::1/64 dev down0', `route add fd00::/64 via ${INSIDE_ROUTER6}`);
  }
  if (secondInside) {
    await gateway.ip('addr add fd00:2::1/64 dev down1');
    await secondInside.ip(`addr add ${SECOND_INSIDE6}/64 dev up0`, 'route add default via fd00:2::1');
  }
  await gateway.ip(`addr add ${GATEWAY6}/64 dev ${lab.device}`);
  const atGateway = `route add ${ROUTED_PREFIX6} via ${GATEWAY6}`;
  if (!outsideRouter) {
    await outside.ip(`addr add ${NEAR_OUTSIDE6}/64 dev down0`, atGateway);
    return;
  }
  await gateway.ip(`route add default via ${OUTSIDE_ROUTER6}`);
  await outsideRouter.ip(
    `addr add ${OUTSIDE_ROUTER6}/64 dev down0`,
    'addr add 2001:db8:2::1/64 dev up0',
    atGateway,
  );
  await outside.ip(`addr add ${FAR_OUTSIDE6}/64 dev down0`, 'route add default via 2001:db8:2::1');
}
