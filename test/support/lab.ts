// A small internet: inside host - (router) - gateway - (router) - outside host, each in its own namespace.
// The gateway routes and does nothing else; whatever translates is attached to its outside interface.

import type { ExecutionContext } from 'ava';
import { addIpv6 } from './lab6.ts';
import { Namespace } from './namespace.ts';

/** The hosts' own addresses. Each lab has namespaces of its own, so that all labs can share them. */
export const INSIDE = '10.0.0.5';
export const SECOND_INSIDE = '10.0.2.5';
export const GATEWAY = '203.0.113.1';
/** Where the outside host lives; behind a router it is `FAR_OUTSIDE`. */
export const NEAR_OUTSIDE = '203.0.113.2';
export const FAR_OUTSIDE = '192.0.2.2';
/** Routers, as traceroute sees them. */
export const INSIDE_ROUTER = '10.0.1.2';
export const OUTSIDE_ROUTER = '203.0.113.254';
/** Outside addresses to map to: in the outside interface's subnet, and routed to the gateway from elsewhere. */
export const ON_LINK = '203.0.113.5';
export const SECOND_ON_LINK = '203.0.113.6';
export const ROUTED = '198.51.100.5';

export interface LabOptions {
  /** A second host, on a link of its own to the gateway. */
  readonly secondInside?: boolean;
  /** A router between inside host and gateway; the MTU is that of the link from it to the inside host. */
  readonly insideRouter?: { readonly mtu?: number };
  /** A router between gateway and outside host; the MTU is that of the link from it to the outside host. */
  readonly outsideRouter?: { readonly mtu?: number };
  /** Name of the gateway's outside interface. */
  readonly outsideInterface?: string;
  /**
   * `on` leaves veth as it is: partial checksums and super-packets everywhere. `wire` makes every sender finish
   * its checksums, as on a wire. `partial` finishes them only where the gateway sends: what is translated is
   * partial, what is captured behind the gateway is complete.
   */
  readonly offload?: 'on' | 'wire' | 'partial';
  /** IPv6 beside IPv4, with the addresses of lab6.ts. */
  readonly ipv6?: boolean;
}

export interface Lab {
  readonly inside: Namespace;
  readonly secondInside: Namespace | undefined;
  readonly gateway: Namespace;
  readonly outside: Namespace;
  readonly insideRouter: Namespace | undefined;
  readonly outsideRouter: Namespace | undefined;
  /** Name of the gateway's outside interface; all other ends are `up0` (towards the other side) or `down0`. */
  readonly device: string;
  /** Address of the outside host. */
  readonly server: string;
  readonly namespaces: readonly Namespace[];
}

/** Joins two namespaces. */
export async function veth(
  [a, nameA]: readonly [Namespace, string],
  [b, nameB]: readonly [Namespace, string],
  mtu: number = 1500,
): Promise<void> {
  await a.ip(`link add ${nameA} mtu ${mtu} type veth peer name ${nameB} mtu ${mtu} netns ${b.name}`);
  await Promise.all([a.ip(`link set ${nameA} up`), b.ip(`link set ${nameB} up`)]);
}

async function insideLinks(lab: Lab, mtu: number | undefined): Promise<void> {
  const { inside, insideRouter, gateway } = lab;
  if (!insideRouter) {
    await veth([inside, 'up0'], [gateway, 'down0']);
    await gateway.ip('addr add 10.0.0.1/24 dev down0');
  } else {
    await veth([inside, 'up0'], [insideRouter, 'down0'], mtu);
    await veth([insideRouter, 'up0'], [gateway, 'down0']);
    await gateway.ip('addr add 10.0.1.1/24 dev down0', `route add 10.0.0.0/24 via ${INSIDE_ROUTER}`);
    await insideRouter.ip(
      'addr add 10.0.0.1/24 dev down0',
      `addr add ${INSIDE_ROUTER}/24 dev up0`,
      'route add default via 10.0.1.1',
    );
  }
  await inside.ip(`addr add ${INSIDE}/24 dev up0`, 'route add default via 10.0.0.1');
  if (lab.secondInside) {
    await veth([lab.secondInside, 'up0'], [gateway, 'down1']);
    await gateway.ip('addr add 10.0.2.1/24 dev down1');
    await lab.secondInside.ip(`addr add ${SECOND_INSIDE}/24 dev up0`, 'route add default via 10.0.2.1');
  }
}

async function outsideLinks(lab: Lab, mtu: number | undefined): Promise<void> {
  const { gateway, outsideRouter, outside, device } = lab;
  if (!outsideRouter) {
    await veth([gateway, device], [outside, 'down0']);
    await gateway.ip(`addr add ${GATEWAY}/24 dev ${device}`);
    await outside.ip(`addr add ${NEAR_OUTSIDE}/24 dev down0`, `route add 198.51.100.0/24 via ${GATEWAY}`);
    return;
  }
  await veth([gateway, device], [outsideRouter, 'down0']);
  await veth([outsideRouter, 'up0'], [outside, 'down0'], mtu);
  await gateway.ip(`addr add ${GATEWAY}/24 dev ${device}`, `route add default via ${OUTSIDE_ROUTER}`);
  await outsideRouter.ip(
    `addr add ${OUTSIDE_ROUTER}/24 dev down0`,
    'addr add 192.0.2.1/24 dev up0',
    `route add 198.51.100.0/24 via ${GATEWAY}`,
  );
  await outside.ip(`addr add ${FAR_OUTSIDE}/24 dev down0`, 'route add default via 192.0.2.1');
}

async function setOffload(lab: Lab, mode: 'on' | 'wire' | 'partial'): Promise<void> {
  if (mode === 'on') return;
  // On veth `tx off` takes scatter-gather and segmentation with it.
  await Promise.all([
    lab.gateway.offload(lab.device, 'tx off'),
    lab.gateway.offload('down0', 'tx off'),
    ...(mode === 'wire' ? [lab.inside.offload('up0', 'tx off'), lab.outside.offload('down0', 'tx off')] : []),
  ]);
}

/** Builds the namespaces and the links; they go when the test `t` is over, whatever becomes of it. */
export async function makeLab(t: ExecutionContext, options: LabOptions = {}): Promise<Lab> {
  const optional = (wanted: unknown, role: string) => (wanted ? Namespace.make(role) : undefined);
  const [inside, gateway, outside, secondInside, insideRouter, outsideRouter] = await Promise.all([
    Namespace.make('inside'),
    Namespace.make('gateway'),
    Namespace.make('outside'),
    optional(options.secondInside, 'inside2'),
    optional(options.insideRouter, 'irouter'),
    optional(options.outsideRouter, 'orouter'),
  ]);
  const namespaces = [inside, gateway, outside, secondInside, insideRouter, outsideRouter].filter(
    (namespace) => namespace !== undefined,
  );
  t.teardown(async () => {
    await Promise.all(namespaces.map((namespace) => namespace.remove()));
  });
  const lab: Lab = {
    inside,
    gateway,
    outside,
    secondInside,
    insideRouter,
    outsideRouter,
    namespaces,
    device: options.outsideInterface ?? 'out0',
    server: outsideRouter ? FAR_OUTSIDE : NEAR_OUTSIDE,
  };
  for (const router of [gateway, insideRouter, outsideRouter]) {
    await router?.sysctl({ 'ipv4/ip_forward': 1 });
  }
  await insideLinks(lab, options.insideRouter?.mtu);
  await outsideLinks(lab, options.outsideRouter?.mtu);
  if (options.ipv6) await addIpv6(lab);
  await setOffload(lab, options.offload ?? 'on');
  return lab;
}
