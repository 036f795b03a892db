// The self-test of tunnels: a slot that cannot be is put into the real maps, for each port of tunnels, packets of its go
// through the real programs, and it is taken out again. Where there are no tunnels yet, ports are for that while, too:
// programs that know of tunnels are not at work there.

import type { Family } from '../../address.ts';
import {
  type GoldenTunnel,
  goldenTunnelPackets,
  goldenTunnelSlot,
  isGoldenTunnel,
} from '../../golden/tunnels.ts';
import {
  decodeSlot,
  indexKeys,
  indexValue,
  isSlotKey,
  portOf,
  slotKey,
  slotValue,
} from '../../tunnel-entries.ts';
import { MOST_VNI, TUNNEL_MARKS, type TunnelMark } from '../../tunnel-layout.ts';
import type { Uses } from '../../uses.ts';
import type { Pair } from '../changeover.ts';
import { GOES_ON, requireGolden } from '../golden-run.ts';
import type { InstanceRecord } from '../record.ts';
import { type Element, entriesOf, type TunnelMaps } from './book.ts';
import { readPorts, type TunnelPort, writePorts } from './ports.ts';
import { writeAll } from './writing.ts';

/** Of the discard service (RFC 863) and the one above, which no tunnel has. */
const PASSING_PORTS = [9, 10] as const;

/** @throws InstanceError with code `ESELFTEST` for the first packet that does not come out as it should. */
export function testTunnels(
  name: string,
  programs: Pair,
  maps: TunnelMaps,
  { link, uses }: Pick<InstanceRecord, 'link' | 'uses'>,
): void {
  if (!uses.has('tunnels')) return;
  const known = readPorts(maps.tunnel_ports);
  const ports = known.length > 0 ? known : passingPorts(uses);
  const { raw } = maps.tunnels;
  const families: readonly Family[] = uses.has('tunnels6') ? [4, 6] : [4];
  const written: Element[] = [];
  try {
    const tunnels = ports.map((port) => goldenTunnel(maps, port, uses.has('tunnel_inner')));
    written.push(...tunnels.flatMap((tunnel, i) => elementsOf(tunnel, ports[i]!)));
    writeAll(raw, written);
    if (known.length === 0) writePorts(maps.tunnel_ports, ports);
    for (const packet of tunnels.flatMap((tunnel) => goldenTunnelPackets(tunnel, families, link))) {
      const { kind, family, inner, direction, before, after } = packet;
      const what = (): string => `an ${inner} packet in ${kind} over IPv${family}, ${direction}`;
      requireGolden(name, programs[direction], { before, after, verdict: GOES_ON, what });
    }
  } finally {
    if (known.length === 0) writePorts(maps.tunnel_ports, []);
    for (const { key } of written) raw.delete(key);
  }
}

/** One of each kind, told apart by all that the programs know. */
function passingPorts(uses: Uses): TunnelPort[] {
  const all = Object.keys(TUNNEL_MARKS) as TunnelMark[];
  const marks = all.filter((mark) => mark !== 'inner' || uses.has('tunnel_inner'));
  return (['vxlan', 'geneve'] as const).map((kind, i) => ({
    kind,
    port: PASSING_PORTS[i]!,
    marks,
    needs: ['golden'],
  }));
}

/** With the highest VNIs that nobody has, real or for a placeholder. */
function goldenTunnel(maps: TunnelMaps, { port, kind, marks }: TunnelPort, hasInner: boolean): GoldenTunnel {
  const { raw } = maps.tunnels;
  const free: number[] = [];
  for (let vni = MOST_VNI; free.length < 2; vni--) {
    const slot = goldenTunnelSlot({ kind, port, placeholder: vni, vni, hasInner });
    const keys = [slotKey(port, vni), ...indexKeys(slot, marks)];
    if (
      marks.includes('vni')
        ? keys.every((key) => raw.get(key) === undefined)
        : raw.get(keys[0]!) === undefined
    )
      free.push(vni);
  }
  const [placeholder = 0, vni = 0] = free;
  return { kind, port, placeholder, vni, hasInner };
}

function elementsOf(tunnel: GoldenTunnel, { marks }: TunnelPort): Element[] {
  const slot = goldenTunnelSlot(tunnel);
  return [
    ...indexKeys(slot, marks).map((key) => ({ key, value: indexValue(slot.placeholder) })),
    { key: slotKey(slot.port, slot.placeholder), value: slotValue(slot) },
  ];
}

/** Takes away what a killed self-test has left. */
export function sweepGoldenTunnels(maps: TunnelMaps): void {
  const entries = [...entriesOf(maps)];
  const golden = entries
    .filter(({ key }) => isSlotKey(key))
    .map(({ key, value }) => decodeSlot(portOf(key), value))
    .filter(isGoldenTunnel);
  // Its index entries are told by where they lead.
  const isOurs = ({ key, value }: Element): boolean =>
    golden.some(
      ({ port, placeholder }) => portOf(key) === port && decodeSlot(port, value).placeholder === placeholder,
    );
  for (const entry of entries) if (isOurs(entry)) maps.tunnels.raw.delete(entry.key);
  const known = readPorts(maps.tunnel_ports);
  if (known.length === 0) writePorts(maps.tunnel_ports, []);
}
