// Golden packets of slots: what a slot sends and what comes for it, and what has to come of them. Their slots have keys
// that no real one has: addresses that are never on a wire, at the loopback device, where test runs are.

import type { Address, Family } from '../address.ts';
import type { SlotEntry, SlotRecord } from '../slot-entries.ts';
import { SLOT_STATES } from '../slot-layout.ts';
import { type Ends, frameOf, type Transport } from './frame.ts';
import { type GoldenPlaces, NEVER_ON_A_WIRE } from './slot-addresses.ts';

export interface GoldenSlotPacket {
  readonly program: 'slot' | 'inbound';
  readonly family: Family;
  readonly transport: Transport;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** Whether it goes on, or is sent out of another interface. */
  readonly fate: 'next' | 'redirect';
  /** Whether the slot's MAC is known. */
  readonly isKnown: boolean;
}

/** Slots of both families, and packets of those that `remoteOf` has somebody for. */
export interface GoldenSlots {
  readonly entries: { readonly [F in Family]: readonly SlotEntry[] };
  readonly packets: readonly GoldenSlotPacket[];
}

/** 10.81.7.1 and the like. */
const ORDINARY: GoldenPlaces = {
  insides: { 4: 0x0a51_0701, 6: (0xfd51n << 112n) | 0x0701n },
  outsides: { 4: [0x0a51_0702, 0x0a51_0703], 6: [(0xfd51n << 112n) | 0x0702n, (0xfd51n << 112n) | 0x0703n] },
};
const LOOPBACK = 1;
const STATION = 0x02_51_07_00_00_01;
const MAC = 0x02_51_07_00_00_02;
const MTU = 1500;
const HOPS = 64;
const ADDRESSES = 12;
const TRANSPORTS: readonly Transport[] = ['tcp', 'udp', 'echo'];
const PORT = 40_000;
const REMOTE_PORT = 53;
const ANNOUNCED_MSS = 9000;

export const goldenSlots = (
  families: readonly Family[],
  remoteOf: (family: Family) => Address | undefined,
  options: { readonly mss?: number },
): GoldenSlots => goldenAt(NEVER_ON_A_WIRE, families, remoteOf, options);

/** The same with addresses that XDP takes, for maps of their own: what arrives. */
export function goldenXdpSlots(
  families: readonly Family[],
  remoteOf: (family: Family) => Address | undefined,
  options: { readonly mss?: number },
): GoldenSlots {
  const { entries, packets } = goldenAt(ORDINARY, families, remoteOf, options);
  return { entries, packets: packets.filter(({ program }) => program === 'inbound') };
}

function goldenAt(
  places: GoldenPlaces,
  families: readonly Family[],
  remoteOf: (family: Family) => Address | undefined,
  { mss = ANNOUNCED_MSS }: { readonly mss?: number },
): GoldenSlots {
  const packets = families.flatMap((family) => {
    const remote = remoteOf(family);
    return remote === undefined
      ? []
      : TRANSPORTS.flatMap((one) => packetsOf(places, family, one, remote, mss));
  });
  const entries = {
    4: families.includes(4) ? entriesOf(places, 4) : [],
    6: families.includes(6) ? entriesOf(places, 6) : [],
  };
  return { entries, packets };
}

function entriesOf({ insides, outsides }: GoldenPlaces, family: Family): SlotEntry[] {
  const inside = insides[family];
  const [known, sought] = outsides[family];
  return [
    { key: { interface: LOOPBACK, address: inside }, record: recordOf(known, STATION) },
    { key: { interface: 0, address: known }, record: recordOf(inside, STATION) },
    { key: { interface: 0, address: sought }, record: recordOf(inside, 0) },
  ];
}

const recordOf = (address: Address, station: number): SlotRecord => ({
  address,
  interface: LOOPBACK,
  station,
  mac: MAC,
  mtu: MTU,
  list: 0,
  state: SLOT_STATES.bound,
  flags: 0,
  xdp: 1,
  since: 0n,
  name: '',
  packets: 0n,
  bytes: 0n,
});

function packetsOf(
  { insides, outsides }: GoldenPlaces,
  family: Family,
  transport: Transport,
  remote: Address,
  mss: number,
): GoldenSlotPacket[] {
  const inside = insides[family];
  const [known, sought] = outsides[family];
  const clamped = Math.min(mss, ANNOUNCED_MSS);
  const out = (source: Address): Ends => ({ source, destination: remote, sport: PORT, dport: REMOTE_PORT });
  const back = (destination: Address): Ends => exchanged(out(destination), transport);
  const frame = (ends: Ends, announced: number, hops: number, [dest, source]: readonly [number, number]) =>
    addressed(frameOf(transport, ends, { link: 'ethernet', mss: announced, hops }), dest, source);
  const common = { family, transport };
  const sent: GoldenSlotPacket = {
    ...{ ...common, program: 'slot', fate: 'next', isKnown: true },
    before: frame(out(inside), ANNOUNCED_MSS, HOPS, [MAC, STATION]),
    after: frame(out(known), clamped, HOPS, [MAC, STATION]),
  };
  const come = (outside: Address, station: number): GoldenSlotPacket => ({
    ...{ ...common, program: 'inbound', fate: 'redirect', isKnown: station !== 0 },
    // For the loopback device, whose MAC is zero: what is for another one is nobody's here.
    before: frame(back(outside), ANNOUNCED_MSS, HOPS, [0, 0]),
    after: frame(back(inside), clamped, HOPS - 1, [station, MAC]),
  });
  return [sent, come(known, STATION), come(sought, 0)];
}

/** What comes back. An identifier belongs to both ends of an echo. */
const exchanged = ({ source, destination, sport, dport }: Ends, transport: Transport): Ends => ({
  ...{ source: destination, destination: source, dport: sport },
  sport: transport === 'echo' ? sport : dport,
});

function addressed(frame: Uint8Array, destination: number, source: number): Uint8Array {
  const macs = [destination, source].flatMap((mac) =>
    Array.from({ length: ADDRESSES / 2 }, (_, i) => Math.floor(mac / 2 ** (8 * (5 - i))) & 0xff),
  );
  return Uint8Array.of(...macs, ...frame.subarray(ADDRESSES));
}
