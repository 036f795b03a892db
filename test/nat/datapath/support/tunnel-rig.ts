// Rigs with tunnel slots, and what packets of theirs are to come to.

import { Rig, type RigOptions } from './rig.ts';
import {
  INSIDE,
  type InnerFrame,
  LOCAL,
  OUTSIDE,
  type Outer,
  PEER,
  PLACEHOLDER,
  REMOTE,
  type TunnelKind,
  tunnelFrame,
  VNI,
} from './tunnel.ts';
import {
  COUNTERS_AT,
  indexEntry,
  type Mark,
  portsValue,
  type SlotFields,
  slotEntry,
  type TunnelEntry,
} from './tunnel-entries.ts';
import { type Address, type Bytes, be32 } from './wire.ts';

export type Way = 'outbound' | 'inbound';
export type Family = 4 | 6;
export const at = (pair: readonly [number, bigint], family: Family): Address => pair[family === 4 ? 0 : 1];
export const WAYS: readonly Way[] = ['outbound', 'inbound'];
export const FAMILIES: readonly Family[] = [4, 6];
export const KINDS: readonly TunnelKind[] = ['vxlan', 'geneve'];

const rigs = new Map<string, Rig>();
/** One for each way to run; `all` knows everything there is, `slots` tunnels without inner addresses alone. */
export function rigOf(
  machine: 'kernel' | 'interpreter',
  uses: 'all' | 'slots' = 'all',
  options: RigOptions = {},
): Rig {
  const name = JSON.stringify([machine, uses, options]);
  const made =
    rigs.get(name) ??
    new Rig({ machine, ...(uses === 'slots' && { uses: ['addresses', 'tunnels', 'tunnels6'] }), ...options });
  rigs.set(name, made);
  return made;
}

export interface Setting {
  readonly slots: readonly SlotFields[];
  readonly index: readonly TunnelEntry[];
  readonly by?: readonly Mark[];
}

/** These slots and no other. */
export function setUp(rig: Rig, { slots, index, by = ['remote', 'vni'] }: Setting): () => void {
  const tables = rig.machine.tables;
  const entries = [...slots.map(slotEntry), ...index];
  for (const { key, value } of entries) tables.tunnels!.set(key, value);
  const ports = KINDS.map((kind) => ({ kind, by }));
  tables.tunnel_ports!.set(be32(0), portsValue(ports));
  return () => {
    for (const { key } of entries) tables.tunnels!.delete(key);
    tables.tunnel_ports!.set(be32(0), portsValue([]));
  };
}

/** One slot, bound, and the way to it. */
export function boundSlot(kind: TunnelKind, family: Family, inner: 'translated' | 'plain'): Setting {
  const slot: SlotFields = {
    kind,
    placeholder: PLACEHOLDER,
    vni: VNI,
    ...(inner === 'translated' && { inside: [...INSIDE], outside: [...OUTSIDE] }),
  };
  return { slots: [slot], index: [indexEntry(slot, { vni: VNI, remote: at(REMOTE, family) })] };
}

export const outerOf = (way: Way, family: Family, kind: TunnelKind, more: Partial<Outer> = {}): Outer => {
  const [local, remote] = [at(LOCAL, family), at(REMOTE, family)];
  const [source, destination] = way === 'outbound' ? [local, remote] : [remote, local];
  return { kind, vni: way === 'outbound' ? PLACEHOLDER : VNI, source, destination, checksum: 'sum', ...more };
};

/** The same with the VNI that it is to have. */
export const rewritten = (outer: Outer, way: Way): Outer => ({
  ...outer,
  vni: way === 'outbound' ? VNI : PLACEHOLDER,
});

export function counters(rig: Rig, slot: SlotFields): bigint[] {
  const value = rig.machine.tables.tunnels!.get(slotEntry(slot).key)!;
  const view = new DataView(value.buffer, value.byteOffset);
  return [0, 8, 16, 24].map((offset) => view.getBigUint64(COUNTERS_AT + offset, true));
}

export const GOES_ON: {
  readonly verdict: string;
  readonly reasons: object;
  readonly mappings: readonly string[];
} = { verdict: 'next', reasons: {}, mappings: [] };
/** What a frame comes to, but for where a turned one goes. */
export function outcome(rig: Rig, way: Way, whole: Bytes): object {
  const { to: _, ...seen } = rig.run(way, whole);
  return seen;
}

/** A tunnel packet of a slot with inner addresses, as it comes and as it goes on. */
export function translated(
  outer: Outer,
  way: Way,
  version: Family,
  make: InnerFrame,
): [before: Bytes, after: Bytes] {
  const [inside, outside, peer] = [INSIDE, OUTSIDE, PEER].map((pair) => at(pair, version));
  const leaving = way === 'outbound';
  const [from, to] = leaving ? [inside!, outside!] : [outside!, inside!];
  return [
    tunnelFrame(outer, make(from, peer!, leaving)),
    tunnelFrame(rewritten(outer, way), make(to, peer!, leaving)),
  ];
}
