// The UDP ports that tunnels of an instance use, and by what their slots are told apart on the way in.

import { decode, encode } from '../../../asm/data.ts';
import type { BpfMap } from '../../../loader/index.ts';
import { sameBytes } from '../../entries.ts';
import type { InstanceMaps } from '../../maps.ts';
import { markBits, marksOf } from '../../tunnel-entries.ts';
import {
  MOST_TUNNEL_PORTS,
  TUNNEL_KINDS,
  TUNNEL_NEEDS,
  type TunnelKind,
  type TunnelMark,
  tunnelPorts,
} from '../../tunnel-layout.ts';
import type { Use } from '../../uses.ts';
import { InstanceError } from '../error.ts';
import type { InstanceRecord } from '../record.ts';

export interface TunnelPort {
  readonly port: number;
  readonly kind: TunnelKind;
  readonly marks: readonly TunnelMark[];
  /** What its slots need of the programs. */
  readonly needs: readonly (keyof typeof TUNNEL_NEEDS)[];
}

type PortsMap = BpfMap<InstanceMaps['tunnel_ports']['key'], InstanceMaps['tunnel_ports']['value']>;

const NEEDS = Object.keys(TUNNEL_NEEDS) as (keyof typeof TUNNEL_NEEDS)[];
const KINDS = Object.keys(TUNNEL_KINDS) as TunnelKind[];
const UNUSED = { port: 0, kind: 0, marks: 0, needs: 0, reserved: new Uint8Array(3) };

/** What was read last from a map, and the bytes that said it: they seldom change, and a bind is to be quick. */
const known = new WeakMap<PortsMap, { readonly data: Uint8Array; readonly ports: readonly TunnelPort[] }>();
const KEY = new Uint8Array(4);

export function readPorts(map: PortsMap): readonly TunnelPort[] {
  const data = map.raw.get(KEY)!;
  const last = known.get(map);
  if (last !== undefined && sameBytes(last.data, 0, data, 0, data.length)) return last.ports;
  const ports = decode(tunnelPorts, data).ports.flatMap(({ port, kind, marks, needs }): TunnelPort[] => {
    const name = KINDS.find((each) => TUNNEL_KINDS[each] === kind);
    if (port === 0 || name === undefined || (needs & TUNNEL_NEEDS.golden) !== 0) return [];
    const needed = NEEDS.filter((need) => (needs & TUNNEL_NEEDS[need]) !== 0);
    return [{ port, kind: name, marks: marksOf(marks), needs: needed }];
  });
  known.set(map, { data, ports });
  return ports;
}

/** The one entry, as it is. */
export const portsElement = (map: PortsMap): { key: Uint8Array; value: Uint8Array } => ({
  key: KEY,
  value: map.raw.get(KEY)!,
});

/** Of several changes to what packets meet the only one that all of them meet at once. */
export function writePorts(map: PortsMap, ports: readonly TunnelPort[]): void {
  map.raw.set(KEY, encodePorts(ports));
}

/** The value that says so. */
export function encodePorts(ports: readonly TunnelPort[]): Uint8Array {
  const used = ports.map(({ port, kind, marks, needs }) => ({
    ...UNUSED,
    port,
    kind: TUNNEL_KINDS[kind],
    marks: markBits(marks),
    needs: needs.reduce((bits, need) => bits | TUNNEL_NEEDS[need], 0),
  }));
  return encode(tunnelPorts, {
    ports: Array.from({ length: MOST_TUNNEL_PORTS }, (_, i) => used[i] ?? UNUSED),
  });
}

/** What the programs have to be able to do for these. */
export function usesOfPorts(ports: readonly TunnelPort[]): Use[] {
  const needs = new Set(ports.flatMap((each) => each.needs));
  return [
    ...(ports.length > 0 ? (['tunnels'] as const) : []),
    ...(needs.has('ipv6') ? (['tunnels6'] as const) : []),
    ...(needs.has('inner') ? (['tunnel_inner'] as const) : []),
  ];
}

/** @throws InstanceError with code `ENOTSUP` where there would be both XDP and tunnel slots. */
export function requireNoXdpBeside(
  instance: string,
  { interface: uplink, hook }: Pick<InstanceRecord, 'interface' | 'hook'>,
  xdp: object | 'none' | undefined,
  ports: readonly Pick<TunnelPort, 'port'>[],
): void {
  if (xdp === undefined || xdp === 'none' || ports.length === 0) return;
  throw new InstanceError(
    'ENOTSUP',
    `instance '${instance}': XDP does not look into tunnels, so that there is either XDP or tunnel slots: 'tsnat attach ${uplink} --name ${instance} --replace --hook ${hook}' takes XDP off ('--hook auto' keeps it)`,
  );
}
