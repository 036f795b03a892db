// The entries of slots, byte by byte as docs/maps.md lays them out: a second opinion, written from the layout alone.

import { type Address, addressBytes, type Bytes, join } from './wire.ts';

const u16 = (value: number): Bytes => Uint8Array.of(value & 0xff, (value >> 8) & 0xff);
const u32 = (value: number): Bytes => join(u16(value & 0xffff), u16(value >>> 16));
const zeros = (length: number): Bytes => new Uint8Array(length);

export const STATES = { reserved: 1, bound: 2, quarantined: 3, interface: 4 } as const;
export type State = keyof typeof STATES;
export const FLAGS = { anySource: 1, denyLinkLocal: 2, listed: 4 } as const;
export type Flag = keyof typeof FLAGS;

/** What an entry holds, and by what it is found. */
export interface SlotEntry {
  /** Index of the interface, 0 for an outside. */
  readonly at: number;
  /** The address of the key. */
  readonly of: Address;
  readonly address?: Address;
  readonly interface: number;
  readonly station?: Bytes;
  readonly mac?: Bytes;
  readonly mtu?: number;
  readonly list?: number;
  readonly state: State;
  readonly flags?: readonly Flag[];
  /** Whether XDP may send to the interface. */
  readonly xdp?: boolean;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly since?: bigint;
}

export const slotMap = (of: Address): 'slots' | 'slots6' => (typeof of === 'bigint' ? 'slots6' : 'slots');

export const slotKeyBytes = ({ at, of }: SlotEntry): Bytes => join(u32(at), addressBytes(of));

export function slotValueBytes(entry: SlotEntry): Bytes {
  const { of, address, station = zeros(6), mac = zeros(6), mtu = 1500, list = 0, state, flags = [] } = entry;
  const six = typeof of === 'bigint';
  const since = new DataView(new ArrayBuffer(8));
  since.setBigUint64(0, entry.since ?? 0n, true);
  return join(
    ...[addressBytes(address ?? (six ? 0n : 0)), u32(entry.interface), station, mac, u16(mtu), u16(list)],
    Uint8Array.of(
      STATES[state],
      flags.reduce((all, flag) => all | FLAGS[flag], 0),
      entry.xdp === true ? 1 : 0,
    ),
    ...[zeros(six ? 1 : 5), new Uint8Array(since.buffer), zeros(16), zeros(16)],
  );
}

/** Where the two counters stand in a value. */
export const slotCountersAt = (map: 'slots' | 'slots6'): number => (map === 'slots' ? 56 : 64);

export const listKeyBytes = (one: {
  readonly list: number;
  readonly network: Address;
  readonly length: number;
}): Bytes => join(u32(32 + one.length), u32(one.list), addressBytes(one.network));
