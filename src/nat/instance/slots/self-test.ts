// The self-test of what there is for slots: slots that cannot be are put into the real maps, packets of theirs go through
// the real programs, and the slots are taken out again.

import type { Family } from '../../address.ts';
import type { GoldenSlotPacket, GoldenSlots } from '../../golden/slots.ts';
import { encodeSlots, SLOT_FORMATS } from '../../slot-entries.ts';
import type { Uses } from '../../uses.ts';
import type { Pair, Programs } from '../changeover.ts';
import { keyAt, type Owned, valueAt } from '../contents.ts';
import { InstanceError } from '../error.ts';
import { FAMILIES } from './book.ts';

/** `TC_ACT_UNSPEC` and `TC_ACT_REDIRECT`, as a test run gives them. */
const VERDICTS: { readonly [F in GoldenSlotPacket['fate']]: number } = { next: 0xffff_ffff, redirect: 7 };

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
    for (const packet of packets) {
      const { returnValue, data } = programs[packet.program]?.testRun({ data: packet.before }) ?? {};
      if (data === undefined) continue;
      if (returnValue === VERDICTS[packet.fate] && Buffer.from(data).equals(packet.after)) continue;
      throw refusal(name, packet, returnValue, data);
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

function refusal(
  name: string,
  { program, family, transport, before, after, fate }: GoldenSlotPacket,
  verdict: number | undefined,
  data: Uint8Array,
): InstanceError {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const what = `an IPv${family} ${transport} packet ${program === 'slot' ? 'from' : 'for'} a slot`;
  const outcome = verdict === VERDICTS[fate] ? `became ${hex(data)}` : `got the verdict ${verdict}`;
  return new InstanceError(
    'ESELFTEST',
    `instance '${name}': the programs fail their self-test, nothing was changed: ${what}, ${hex(before)} ${outcome} instead of ${hex(after)}; please report this with the output of 'uname -r'`,
  );
}
