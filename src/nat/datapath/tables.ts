// Looks a mapping up: by address in the hash, by port and prefix in the trie (maps.ts says why it is one trie). What an
// instance does not use is not asked for; with addresses alone it is one look-up.

import {
  type Entry,
  type Expression,
  type Input,
  type PacketBuilder,
  type Place,
  type ScalarType,
  type StructType,
  struct,
  u64,
  type Value,
  type Variable,
} from '../../asm/index.ts';
import { NET_KINDS, PORT_BITS, PROTOCOL_BITS, tableNames } from '../maps.ts';
import type { Direction } from '../reason.ts';
import { applyNeutral } from './neutral.ts';
import type { Path } from './path.ts';
import { hasSlots, OUTSIDES, type Slot, slotAt, whenTaken } from './slot/table.ts';
import { type AddressPlace, type Words, wordsOf } from './words.ts';

export type IpVersion = 4 | 6;

/** What went by a mapping. */
export interface Counters {
  readonly packets: Place<'u64'>;
  readonly bytes: Place<'u64'>;
}

/** The same as they lie in every record, for whoever knows only later whether to count. */
export const counters: StructType<{ packets: ScalarType<'u64'>; bytes: ScalarType<'u64'> }> = struct(
  'counters',
  {
    packets: u64,
    bytes: u64,
  },
);

interface AddressRecord extends Counters {
  readonly address: AddressPlace;
}

export interface NetRecord extends AddressRecord {
  readonly mask: AddressPlace;
  readonly kind: Place<'u8'>;
  readonly flags: Place<'u8'>;
  readonly shift: Place<'u16'>;
  /** IPv6 only. */
  readonly adjustment?: Place<'be16'>;
}

/** What a packet is looked up by in a trie, behind its address. */
export interface Tail {
  /** In bits, address included. */
  readonly prefixLength: Input<'u32'>;
  readonly port: Input<'be16'>;
  readonly protocol: Input<'u8'>;
}

/** One direction of one family. */
export interface Tables {
  readonly version: IpVersion;
  /** Undefined where the instance has none. */
  readonly addresses: ((p: PacketBuilder, address: Words) => Entry<AddressRecord>) | undefined;
  readonly nets: ((p: PacketBuilder, address: Words, tail: Tail) => Entry<NetRecord>) | undefined;
  readonly hasPorts: boolean;
  readonly isNeutral: boolean;
  /** Slots by their outsides; undefined where the instance has none, and in the other direction. */
  readonly slots: ((p: PacketBuilder, address: Words) => Entry<Slot>) | undefined;
}

export const addressBits = (version: IpVersion): number => (version === 6 ? 128 : 32);

/** No port, and none to be had: what has none is mapped by address. */
export const byAddress = (version: IpVersion): Tail => ({
  prefixLength: addressBits(version),
  port: 0,
  protocol: 0,
});

/** The key by which an address that has ports is known as such. */
export const marker = (version: IpVersion): Tail => ({
  prefixLength: addressBits(version) + PORT_BITS + PROTOCOL_BITS,
  port: 0,
  protocol: 0,
});

export function tablesOf(path: Path, direction: Direction, version: IpVersion): Tables {
  const { maps, uses } = path;
  const tables = (version === 4 ? tables4 : tables6)(maps, uses, direction);
  const isKnown = direction === 'inbound' && hasSlots(uses, version);
  return {
    ...tables,
    slots: isKnown ? (p, address) => slotAt({ ...path, p }, version, OUTSIDES, address) : undefined,
  };
}

function tables4(maps: Path['maps'], uses: Path['uses'], direction: Direction): Omit<Tables, 'slots'> {
  const names = tableNames(direction, 4);
  const table = maps[names.addresses];
  const trie = maps[names.nets];
  const hasPorts = uses.has('ports');
  return {
    version: 4,
    hasPorts,
    isNeutral: false,
    addresses: (p, [address]) =>
      seenAs(p.lookup(table, address!), (record) => ({ ...record, address: wordsOf(record.address) })),
    nets:
      hasPorts || uses.has('prefixes')
        ? (p, [address], tail) =>
            seenAs(p.lookup(trie, { ...tail, address: address!, zero: 0 }), (record) => ({
              ...record,
              address: wordsOf(record.address),
              mask: wordsOf(record.mask),
            }))
        : undefined,
  };
}

const ZERO6: Uint8Array = new Uint8Array(5);

function tables6(maps: Path['maps'], uses: Path['uses'], direction: Direction): Omit<Tables, 'slots'> {
  const names = tableNames(direction, 6);
  const table = maps[names.addresses];
  const trie = maps[names.nets];
  const hasPorts = uses.has('ports6');
  return {
    version: 6,
    hasPorts,
    isNeutral: uses.has('neutral6'),
    addresses: uses.has('addresses6')
      ? (p, address) =>
          seenAs(p.lookup(table, address), (record) => ({ ...record, address: wordsOf(record.address) }))
      : undefined,
    nets:
      hasPorts || uses.has('prefixes6')
        ? (p, address, tail) =>
            seenAs(p.lookup(trie, { ...tail, address, zero: ZERO6 }), (record) => ({
              ...record,
              address: wordsOf(record.address),
              mask: wordsOf(record.mask),
            }))
        : undefined,
  };
}

/** An entry whose value is seen in another form. */
function seenAs<A, B>(entry: Entry<A>, as: (value: A) => B): Entry<B> {
  return { exists: () => entry.exists(), missing: () => entry.missing(), value: as(entry.value) };
}

/** What a mapping makes of an address, and of the port beside it. */
export interface Translation {
  readonly address: Words;
  /** What is added to the port; undefined where the instance has none. */
  readonly shift: Expression<'u16'> | undefined;
  /** Not zero where no checksum changes; undefined where the instance has no such prefix. */
  readonly neutral: Expression<'u32'> | undefined;
}

export interface Events {
  /** A mapping was found: the place to leave after all. */
  readonly onFound: () => void;
  /** And it translates: the place to count by it. */
  readonly onUsed: (counters: Counters) => void;
  /** The address has ports, and the packet, a fragment, does not say which. Ends the path. */
  readonly onMarked: () => void;
}

/** The mapping of `address`; `onMissing` runs where there is none, and must end the path. */
export function translationOf(
  path: Path,
  tables: Tables,
  address: Words,
  tail: Tail,
  events: Events & { readonly onMissing: () => void },
): Translation {
  if (tables.nets === undefined && tables.addresses !== undefined) {
    const entry = tables.addresses(path.p, address);
    path.p.rarely(entry.missing(), events.onMissing);
    events.onFound();
    events.onUsed(entry.value);
    return { address: entry.value.address.map((word) => word.get()), shift: undefined, neutral: undefined };
  }
  const { found, ...translation } = findTranslation(path, tables, address, tail, events);
  path.p.rarely(found.eq(0), events.onMissing);
  return translation;
}

/** A translation, or `found` zero and the address as it was. */
export interface Finding extends Translation {
  readonly found: Expression<'u32'>;
  /** Counts by the mapping, where there is one: for whoever knows only later whether to. */
  readonly count: (count: (counters: Counters) => void) => void;
}

/** As `translationOf`, but goes on where there is none. */
export function findTranslation(
  path: Path,
  tables: Tables,
  address: Words,
  tail: Tail,
  { onFound, onUsed = () => {}, onMarked }: Pick<Events, 'onFound' | 'onMarked'> & Partial<Events>,
): Finding {
  const { p } = path;
  const found = p.variable('u32', 0);
  const after = address.map((word) => p.variable('u32', word.bits()));
  const shift = tables.hasPorts ? p.variable('u16', 0) : undefined;
  const neutral = tables.isNeutral ? p.variable('u32', 0) : undefined;

  const takeAddress = (record: AddressRecord): void => {
    onFound();
    found.set(1);
    for (const [i, word] of record.address.entries()) after[i]!.set(word.get().bits());
    onUsed(record);
  };
  const takeNet = (record: NetRecord): void => {
    onFound();
    found.set(1);
    const words = record.address.map((word, i) => word.or(address[i]!.and(record.mask[i]!.not())));
    for (const [i, word] of words.entries()) after[i]!.set(word.bits());
    shift?.set(record.shift.get());
    if (neutral !== undefined) {
      p.when(record.flags.ne(0), () => {
        neutral.set(1);
        applyNeutral(path, record, after);
      });
    }
    onUsed(record);
  };
  const entry = tables.nets === undefined ? tables.addresses?.(p, address) : undefined;
  if (entry !== undefined) p.when(entry.exists(), () => takeAddress(entry.value));
  else look(p, tables, address, tail, { takeAddress, takeNet, onMarked });
  // One record is kept at hand; of several it is looked up again which it was.
  const count: Finding['count'] = (by) => {
    if (entry !== undefined) p.when(entry.exists(), () => by(entry.value));
    else look(p, tables, address, tail, { takeAddress: by, takeNet: by, onMarked: () => {} });
  };
  return { found, address: after.map((word) => word.get().bits()), shift, neutral, count };
}

/**
 * Whether a mapping has this address with this port. An address that has ports, asked for without one, is mapped or not
 * as `marked` says, or as its address alone is.
 */
export function isMapped(
  p: PacketBuilder,
  tables: Tables,
  address: Words,
  tail: Tail,
  { marked }: { readonly marked: 'mapped' | 'unmapped' | 'by address' },
): Variable<'u32'> {
  const found = p.variable('u32', 0);
  const take = (): void => found.set(1);
  const takes = { takeAddress: take, takeNet: take };
  if (tables.slots) whenTaken(p, tables.slots(p, address), take);
  const onMarked = {
    mapped: take,
    unmapped: (): void => {},
    'by address': (): void => {
      const portless = { ...tables, hasPorts: false };
      look(p, portless, address, byAddress(tables.version), { ...takes, onMarked: () => {} });
    },
  }[marked];
  const others = (): void => look(p, tables, address, tail, { ...takes, onMarked });
  if (tables.slots) p.when(found.eq(0), others);
  else others();
  return found;
}

/** Ports before addresses before prefixes. */
function look(
  p: PacketBuilder,
  tables: Tables,
  address: Words,
  tail: Tail,
  take: {
    readonly takeAddress: (record: AddressRecord) => void;
    readonly takeNet: (record: NetRecord) => void;
    readonly onMarked: () => void;
  },
): void {
  const byAddress = (otherwise: () => void): void => {
    if (tables.addresses === undefined) {
      otherwise();
      return;
    }
    const entry = tables.addresses(p, address);
    p.when(entry.exists(), () => take.takeAddress(entry.value), otherwise);
  };
  const { nets } = tables;
  if (nets === undefined || !tables.hasPorts) {
    byAddress(() => {
      const prefix = nets?.(p, address, tail);
      if (prefix) p.when(prefix.exists(), () => take.takeNet(prefix.value));
    });
    return;
  }
  const net = nets(p, address, tail);
  const ofNet = (): void => p.when(net.exists(), () => take.takeNet(net.value));
  const kind = p.variable('u32', NET_KINDS.prefix);
  p.when(net.exists(), () => kind.set(net.value.kind.get()));
  p.match(
    kind,
    [
      [NET_KINDS.prefix, () => byAddress(ofNet)],
      [NET_KINDS.ports, take.onMarked],
    ],
    ofNet,
  );
}

/** Counts a packet from the IP header on; what Ethernet pads a short frame with is counted too. */
export function countPacket(counters: Counters, bytes: Value<'u32'>): void {
  counters.packets.increase(1);
  counters.bytes.increase(bytes);
}
