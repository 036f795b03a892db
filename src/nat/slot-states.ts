// Bound slots as mappings with their counters, out of the entries of a family's table. As in entries-decode.ts a mapping
// is read from where it is looked up on the way out, and whole if the way in says the same.

import { type Address, addressKey, type Family } from './address.ts';
import type { Entries } from './entries.ts';
import type { Decoded, MappingState } from './entries-decode.ts';
import { decodeSlots, type SlotRecord } from './slot-entries.ts';
import { SLOT_STATES } from './slot-layout.ts';

const NOTHING = { packets: 0n, bytes: 0n };

/** Reserved slots, interfaces and quarantined outsides are no mappings. */
export function boundSlots(family: Family, entries: Entries): Decoded {
  const outsides = new Map<Address, SlotRecord>();
  const insides: (readonly [Address, SlotRecord])[] = [];
  for (const { key, record } of decodeSlots(family, entries)) {
    if (record.state !== SLOT_STATES.bound) continue;
    if (key.interface === 0) outsides.set(addressKey(key.address), record);
    else insides.push([key.address, record]);
  }
  let whole = 0;
  const states = insides.map(([inside, record]): MappingState => {
    const { address: outside, packets, bytes } = record;
    const twin = outsides.get(addressKey(outside));
    const isWhole = twin?.address === inside && twin.interface === record.interface;
    if (isWhole) whole++;
    return {
      mapping: { kind: 'slot', inside, interface: record.name, outside },
      outbound: { packets, bytes },
      inbound: isWhole ? { packets: twin.packets, bytes: twin.bytes } : NOTHING,
    };
  });
  return { states, torn: Math.max(insides.length, outsides.size) - whole };
}
