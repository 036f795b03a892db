// Tunnels over an underlay: on one host, `near`, the tunnels of several slots, each slot a namespace of its own with the same
// inner address as all the others; at the other end of each tunnel a host, `far`, of its own. Between them a router. What
// rewrites VNIs is attached to the underlay interface of `near`.

import { spawnSync } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import { veth } from './lab.ts';
import { enableIpv6 } from './lab6.ts';
import { Namespace } from './namespace.ts';

export type TunnelKind = 'vxlan' | 'geneve';
export const TUNNEL_PORTS: { readonly [K in TunnelKind]: number } = { vxlan: 4789, geneve: 6081 };

/** All slots call themselves this, and know the other end as that. */
export const SLOT = '10.0.0.2';
export const SLOT6 = 'fd00::2';
export const PEER = '10.0.0.1';
export const PEER6 = 'fd00::1';

/** Of the underlay. */
export interface TunnelUnderlay {
  readonly family: 4 | 6;
  /** Whether the senders put checksums into the outer UDP headers. */
  readonly checksums: boolean;
}

/** One tunnel: `near` has it with a placeholder, the other end with the VNI that it is to have. */
export interface TunnelPlan {
  readonly placeholder: number;
  readonly vni: number;
  /** What the other end knows the slot by, where that is something else than SLOT and SLOT6. */
  readonly outside?: readonly [four: string, six: string];
  /** The tunnel ends where the first one does, and has its VNI. */
  readonly shares?: true;
}

export interface TunnelEnd extends TunnelPlan {
  /** Where the slot lives. */
  readonly slot: Namespace;
  /** The host at the other end, and its underlay address. */
  readonly far: Namespace;
  readonly remote: string;
}

export interface TunnelLab extends TunnelUnderlay {
  readonly kind: TunnelKind;
  readonly near: Namespace;
  readonly wire: Namespace;
  /** Underlay interface of `near` and of each `far`; the router's are `near0` and `far0`, `far1`, ... */
  readonly device: 'under';
  readonly local: string;
  readonly ends: readonly TunnelEnd[];
}

/** Whether this kernel has such devices; asked in a namespace that is gone with the asking. */
const hasDevices = (kind: TunnelKind): boolean => {
  const how = ['type', kind, 'id', '1', 'remote', '192.0.2.1', 'dstport', `${TUNNEL_PORTS[kind]}`];
  return spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'dev', 'probe', ...how]).status === 0;
};

/** The kinds of tunnels that this kernel has devices for. */
export const tunnelKinds = (): TunnelKind[] => (['vxlan', 'geneve'] as const).filter(hasDevices);

const four = (subnet: number, host: number): string => `192.0.${subnet}.${host}`;
const six = (subnet: number, host: number): string => `2001:db8:${subnet.toString(16)}::${host}`;
const NEAR_SUBNET = 2;
const FIRST_FAR_SUBNET = 10;

function device(
  name: string,
  lab: Pick<TunnelLab, 'kind' | 'family' | 'checksums'>,
  id: number,
  remote: string,
): string {
  const { kind, family, checksums } = lab;
  const sums =
    family === 4
      ? [checksums ? 'udpcsum' : 'noudpcsum']
      : [checksums ? 'noudp6zerocsumtx' : 'udp6zerocsumtx', 'udp6zerocsumrx'];
  return [
    'link',
    'add',
    'dev',
    name,
    'type',
    kind,
    'id',
    id,
    'remote',
    remote,
    'dstport',
    TUNNEL_PORTS[kind],
    ...sums,
  ].join(' ');
}

export interface TunnelLabOptions extends TunnelUnderlay {
  readonly kind: TunnelKind;
  readonly plans: readonly TunnelPlan[];
  /** `wire` makes every sender finish its checksums, as on a wire; `on` leaves partial ones and super-packets. */
  readonly offload: 'on' | 'wire';
}

/** A tunnel of `near` whose other side is in a namespace of its own. */
async function addSlot(
  near: Namespace,
  slot: Namespace,
  options: Parameters<typeof device>[1],
  placeholder: number,
  remote: string,
): Promise<void> {
  await near.ip(device('tun', options, placeholder, remote), `link set dev tun netns ${slot.name}`);
  await slot.ip(
    'link set dev tun mtu 1400 address 02:00:00:00:00:02',
    'link set dev tun up',
    `addr add ${SLOT}/8 dev tun`,
    `addr add ${SLOT6}/64 dev tun`,
  );
}

/** Builds it; gone again when the test is over. */
export async function makeTunnelLab(t: ExecutionContext, options: TunnelLabOptions): Promise<TunnelLab> {
  const { family, plans, offload } = options;
  const namespaces: Namespace[] = [];
  t.teardown(async () => {
    await Promise.all(namespaces.map((namespace) => namespace.remove()));
  });
  const make = async (role: string, forwards = false): Promise<Namespace> => {
    const made = await Namespace.make(role);
    namespaces.push(made);
    await enableIpv6(made, forwards);
    return made;
  };
  const [near, wire] = [await make('near'), await make('wire', true)];
  await wire.sysctl({ 'ipv4/ip_forward': 1 });
  const at = family === 4 ? four : six;
  const [bits, any] = family === 4 ? [24, 'default'] : [64, 'default'];
  await veth([near, 'under'], [wire, 'near0'], 9000);
  await near.ip(
    `addr add ${at(NEAR_SUBNET, 2)}/${bits} dev under`,
    `route add ${any} via ${at(NEAR_SUBNET, 1)}`,
  );
  await wire.ip(`addr add ${at(NEAR_SUBNET, 1)}/${bits} dev near0`);
  const local = at(NEAR_SUBNET, 2);
  const ends: TunnelEnd[] = [];
  for (const [i, plan] of plans.entries()) {
    const slot = await make(`slot${i}`);
    const shared = plan.shares && ends[0];
    if (shared) {
      await addSlot(near, slot, options, plan.placeholder, shared.remote);
      ends.push({ ...plan, slot, far: shared.far, remote: shared.remote });
      continue;
    }
    const far = await make(`far${i}`);
    const subnet = FIRST_FAR_SUBNET + i;
    const remote = at(subnet, 2);
    await veth([far, 'under'], [wire, `far${i}`], 9000);
    await wire.ip(`addr add ${at(subnet, 1)}/${bits} dev far${i}`);
    await far.ip(`addr add ${remote}/${bits} dev under`, `route add ${any} via ${at(subnet, 1)}`);
    await addSlot(near, slot, options, plan.placeholder, remote);
    await far.ip(
      device('tun', options, plan.vni, local),
      'link set dev tun mtu 1400 address 02:00:00:00:00:01',
      'link set dev tun up',
      `addr add ${PEER}/8 dev tun`,
      `addr add ${PEER6}/64 dev tun`,
    );
    if (offload === 'wire')
      await Promise.all([far.offload('under', 'tx off'), wire.offload(`far${i}`, 'tx off')]);
    ends.push({ ...plan, slot, far, remote });
  }
  if (offload === 'wire')
    await Promise.all([near.offload('under', 'tx off'), wire.offload('near0', 'tx off')]);
  return { ...options, near, wire, device: 'under', local, ends };
}
