// Entries of slots.

import fc from 'fast-check';
import type { Address, Family } from '../../../src/nat/address.ts';
import type { SlotEntry, SlotRecord } from '../../../src/nat/slot-entries.ts';
import { SLOT_FLAGS, SLOT_STATES } from '../../../src/nat/slot-layout.ts';

/** 172.16.0.2 or fd00::2 at interface 7, tap7, bound to 203.0.113.7 or 2001:db8::7. */
export function entryOf(family: Family, changes: Partial<SlotRecord> = {}): SlotEntry {
  const six = family === 6;
  return {
    key: { interface: 7, address: six ? (0xfd00n << 112n) | 2n : 0xac10_0002 },
    record: {
      address: six ? (0x2001_0db8n << 96n) | 7n : 0xcb00_7107,
      interface: 7,
      station: 0,
      mac: 0x0200_0000_0007,
      mtu: 1500,
      list: 0,
      state: SLOT_STATES.bound,
      flags: 0,
      xdp: 0,
      since: 0n,
      name: 'tap7',
      packets: 0n,
      bytes: 0n,
      ...changes,
    },
  };
}

/** What is looked up on the way in of what `entryOf` is on the way out. */
export function twinOf({ key, record }: SlotEntry, changes: Partial<SlotRecord> = {}): SlotEntry {
  return {
    key: { interface: 0, address: record.address },
    record: { ...record, address: key.address, packets: 0n, bytes: 0n, ...changes },
  };
}

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const mac = fc.nat(2 ** 48 - 1);
const name = fc
  .string({ unit: fc.oneof(fc.constantFrom('a', 'Z', '7', '.', '-'), fc.constantFrom('é', '漢', '🐙')) })
  .filter((text) => Buffer.from(text).length <= 15);

/** Any. */
export function slotEntries(family: Family): fc.Arbitrary<SlotEntry[]> {
  const address: fc.Arbitrary<Address> =
    family === 6 ? fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }) : fc.nat(0xffff_ffff);
  const index = fc.nat(0xffff_ffff);
  const entry = fc.record({
    key: fc.record({ interface: index, address }),
    record: fc.record({
      address,
      interface: index,
      station: mac,
      mac,
      mtu: fc.nat(0xffff),
      list: fc.nat(0xffff),
      state: fc.constantFrom(...Object.values(SLOT_STATES)),
      flags: fc.nat(Object.values(SLOT_FLAGS).reduce((all: number, flag) => all | flag, 0)),
      xdp: fc.nat(1),
      since: u64,
      name,
      packets: u64,
      bytes: u64,
    }),
  });
  return fc.array(entry, { maxLength: 5 });
}
