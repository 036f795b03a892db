// The addresses of golden slots, by which whoever reads the tables knows them.

import type { Address, Family } from '../address.ts';
import type { SlotKey } from '../slot-entries.ts';

export interface GoldenPlaces {
  readonly insides: { readonly [F in Family]: Address };
  /** Of one slot whose MAC is known, and of one whose MAC the kernel has to find. */
  readonly outsides: { readonly [F in Family]: readonly [Address, Address] };
}

/** In 0.0.0.0/8 and ::ffff:0:0/96: see unusable.ts. */
export const NEVER_ON_A_WIRE: GoldenPlaces = {
  insides: { 4: 0x0051_0701, 6: 0xffff_0051_0701n },
  outsides: { 4: [0x0051_0702, 0x0051_0703], 6: [0xffff_0051_0702n, 0xffff_0051_0703n] },
};

/** Whether an entry is one of a self-test, which nobody else is to see. */
export const isGolden = ({ address }: SlotKey): boolean =>
  ([4, 6] as const).some(
    (family) =>
      address === NEVER_ON_A_WIRE.insides[family] || NEVER_ON_A_WIRE.outsides[family].includes(address),
  );
