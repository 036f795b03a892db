// The tunnel slots there are, as they are told.

import { innerOf, slotCounters } from '../../tunnel-entries.ts';
import type { TunnelsSummary } from '../types.ts';
import { TunnelBook, type TunnelMaps } from './book.ts';
import type { TunnelState } from './types.ts';
import { now } from './writing.ts';

const NANOSECONDS_IN_MS = 1_000_000n;

/** By port and placeholder. */
export function listTunnels(name: string, maps: TunnelMaps): TunnelState[] {
  const at = now();
  return [...new TunnelBook(name, maps).slots()]
    .map(({ slot, port, value }): TunnelState => {
      const { placeholder, vni, remote, local, inside, outside, since } = slot;
      return {
        placeholder,
        kind: port.kind,
        port: port.port,
        by: port.marks,
        state: vni === undefined ? 'reserved' : 'bound',
        ...(vni !== undefined && { vni }),
        ...(remote !== undefined && { remote }),
        ...(local !== undefined && { local }),
        inside: innerOf(inside),
        outside: vni === undefined ? [] : innerOf(outside),
        since,
        age: Number((at - since) / NANOSECONDS_IN_MS),
        outbound: slotCounters(value, 'outbound'),
        inbound: slotCounters(value, 'inbound'),
      };
    })
    .sort((a, b) => a.port - b.port || a.placeholder - b.placeholder);
}

/** Undefined where there are none. */
export function tunnelsState(name: string, maps: TunnelMaps): TunnelsSummary | undefined {
  const slots = [...new TunnelBook(name, maps).slots()];
  const bound = slots.filter(({ slot }) => slot.vni !== undefined).length;
  return slots.length === 0 ? undefined : { bound, reserved: slots.length - bound };
}
