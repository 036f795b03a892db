// Slots at the outsides of plain packets, with records of all kinds.

import fc, { type Arbitrary } from 'fast-check';
import type { Family } from '../arbitrary/packets.ts';
import { ip } from '../reference/mappings.ts';
import { mac } from '../shapes.ts';
import type { SlotEntry } from '../slots.ts';
import type { Bytes } from '../wire.ts';
import { outsides, plain } from './conversation.ts';
import { forUs, NO_MAC } from './slot-agrees.ts';

const NEVER = 0x7fff_ffff_ffff_ffffn;
const STATION = mac('02:00:00:00:00:99');
const OWN = mac('02:77:00:00:00:01');
const INSIDE: { readonly [F in Family]: string } = { 4: '172.16.0.2', 6: 'fd00::2' };

/** Mostly as tsnat writes them where XDP can send. */
const mostly = <T>(usual: T, ...others: readonly T[]): Arbitrary<T> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

const entryAt = (family: Family, outside: string): Arbitrary<SlotEntry> =>
  fc
    .record({
      interface: fc.constantFrom(1, 7, 0x1_0007),
      station: mostly(STATION, NO_MAC, mac('00:00:00:00:00:01')),
      mac: mostly(OWN, NO_MAC),
      mtu: mostly(1500, 40, 60, 0),
      xdp: mostly(true, false),
      state: mostly<'bound' | 'quarantined'>('bound', 'quarantined'),
      since: fc.constantFrom(0n, NEVER),
    })
    .map((rest) => ({ at: 0, of: ip(outside), address: ip(INSIDE[family]), ...rest }));

export interface PlainSlots {
  readonly slots: readonly SlotEntry[];
  readonly frame: Bytes;
}

/** What arrives for them, mostly. */
export const plainSlots = (family: Family): Arbitrary<PlainSlots> =>
  fc.record({
    slots: fc.tuple(...[...new Set(outsides(family))].map((outside) => entryAt(family, outside))),
    frame: plain(family, ['inbound']).map(({ frame }) => forUs(frame)),
  });
