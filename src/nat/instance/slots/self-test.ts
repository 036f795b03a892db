// The self-test of what there is for slots: slots that cannot be are put into the real maps, packets of theirs go through
// the real programs, and the slots are taken out again.

import type { Family } from '../../address.ts';
import type { GoldenSlotPacket, GoldenSlots } from '../../golden/slots.ts';
import { encodeSlots, SLOT_FORMATS } from '../../slot-entries.ts';
import type { Uses } from '../../uses.ts';
import type { Pair, Programs } from '../changeover.ts';
import { keyAt, type Owned, valueAt } from '../contents.ts';
import { GOES_ON, requireGolden } from '../golden-run.ts';
import { FAMILIES } from './book.ts';

/** `TC_ACT_REDIRECT`, as a test run gives it, besides. */
const VERDICTS: { readonly [F in GoldenSlotPacket['fate']]: number } = { next: GOES_ON, redirect: 7 };

/** Families that the programs know slots of. */
export const slotFamilies = (uses: Uses): Family[] =>
  FAMILIES.filter((family) => uses.has(SLOT_FORMATS[family].name));

/** @throws InstanceError with code `ESELFTEST` for the first packet that does not come out as it should. */
export function testSlots(
  name: string,
  programs: Pair & Partial<Pick<Programs, 'slot'>>,
  maps: Owned,
  { entries, packets }: GoldenSlots,
): void {
  try {
    for (const family of FAMILIES) write(maps, family, entries[family]);
    for (const { program: role, family, transport, before, after, fate } of packets) {
      const program = programs[role];
      const what = (): string =>
        `an IPv${family} ${transport} packet ${role === 'slot' ? 'from' : 'for'} a slot`;
      if (program !== undefined)
        requireGolden(name, program, { before, after, verdict: VERDICTS[fate], what });
    }
  } finally {
    for (const family of FAMILIES) remove(maps, family, entries[family]);
  }
}

function write(maps: Owned, family: Family, entries: GoldenSlots['entries'][Family]): void {
  const format = SLOT_FORMATS[family];
  const encoded = encodeSlots(family, entries);
  for (let i = 0; i < encoded.count; i++) {
    maps[format.name].raw.set(keyAt(encoded, i, format), valueAt(encoded, i, format));
  }
}

function remove(maps: Owned, family: Family, entries: GoldenSlots['entries'][Family]): void {
  const format = SLOT_FORMATS[family];
  const encoded = encodeSlots(family, entries);
  for (let i = 0; i < encoded.count; i++) maps[format.name].raw.delete(keyAt(encoded, i, format));
}
