// Mappings to the entries of the tables: one for each direction, of port blocks one for each part of them that a trie
// can hold, and a mark for each address that has ports at all. What reads them back is entries-decode.ts. Slots have none
// here (slot-entries.ts).

import { LITTLE_ENDIAN } from '../asm/data.ts';
import { type Address, addressKey, bitsOf, type Family, familyOf } from './address.ts';
import { type Entries, putAddress, TABLES, type TableEntries, type TableFormat } from './entries.ts';
import type { Mapping, PortProtocol, PrefixMapping, TableMapping } from './mapping.ts';
import {
  NET_KINDS,
  NEUTRAL,
  net6Key,
  net6Record,
  netKey,
  netRecord,
  PORT_BITS,
  PROTOCOL_BITS,
} from './maps.ts';
import { maskOf } from './mask.ts';
import { neutralAdjustment, SUBNET_PREFIX } from './neutral.ts';
import { portParts } from './port-parts.ts';
import type { Direction } from './reason.ts';

export const PROTOCOL_NUMBERS: { readonly [P in PortProtocol]: number } = { tcp: 6, udp: 17 };

/** Port numbers are counted modulo this. */
export const PORTS: number = 1 << PORT_BITS;

type Offsets<F extends string> = { readonly [N in F]: number };

/** Where the fields of a family's tries are. */
export interface NetOffsets {
  readonly key: Offsets<'prefixLength' | 'address' | 'port' | 'protocol'>;
  readonly record: Offsets<'address' | 'mask' | 'kind' | 'flags' | 'shift' | 'first' | 'last'> & {
    /** IPv6 only. */
    readonly adjustment?: number;
  };
}

export const NET_OFFSETS: { readonly [F in Family]: NetOffsets } = {
  4: { key: netKey.offsets, record: netRecord.offsets },
  6: { key: net6Key.offsets, record: net6Record.offsets },
};

/** One direction of a mapping: what it is looked up with, and what that becomes. */
interface Half {
  readonly from: Address;
  readonly to: Address;
  readonly fromPort: number;
  readonly toPort: number;
}

function halfOf(mapping: TableMapping, direction: Direction): Half {
  const hasPorts = mapping.kind === 'port' || mapping.kind === 'port_block';
  const [insidePort, outsidePort] = hasPorts ? [mapping.insidePort, mapping.outsidePort] : [0, 0];
  const { inside, outside } = mapping;
  return direction === 'outbound'
    ? { from: inside, to: outside, fromPort: insidePort, toPort: outsidePort }
    : { from: outside, to: inside, fromPort: outsidePort, toPort: insidePort };
}

/** Collects the entries of mappings. */
export class Encoder {
  readonly #writers: readonly Writer[] = TABLES.map((format) => new Writer(format));

  add(mapping: Mapping): void {
    if (mapping.kind === 'slot') return;
    const family = familyOf(mapping.inside);
    const isNet = mapping.kind !== 'address';
    for (const writer of this.#writers) {
      if (writer.format.family === family && writer.format.isNet === isNet) writer.add(mapping);
    }
  }

  /** What has been added, with counters at zero; good until more is. */
  get entries(): TableEntries {
    return Object.fromEntries(
      this.#writers.map((writer) => [writer.format.name, writer.entries]),
    ) as unknown as TableEntries;
  }

  /** The same of one table. */
  entriesOf(format: TableFormat): Entries {
    return this.#writers[TABLES.indexOf(format)]!.entries;
  }

  /** Forgets what has been added. */
  clear(): void {
    for (const writer of this.#writers) writer.clear();
  }
}

export function encodeMappings(mappings: Iterable<Mapping>): TableEntries {
  const encoder = new Encoder();
  for (const mapping of mappings) encoder.add(mapping);
  return encoder.entries;
}

/** What an entry of a trie has besides the two addresses; the mask is as long as the prefix, if it is one. */
interface Net {
  readonly kind: keyof typeof NET_KINDS;
  readonly length: number;
  readonly mask: Address;
  readonly port?: number;
  readonly protocol?: number;
  readonly first?: number;
  readonly last?: number;
  readonly flags?: number;
  readonly adjustment?: number;
}

const FIRST_ROOM = 16;
const NO_ROOM: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(0));
const NO_ENTRIES: Entries = { count: 0, keys: new Uint8Array(), values: new Uint8Array() };

/** The entries of one table, in memory that grows. */
class Writer {
  readonly format: TableFormat;
  #count = 0;
  #keys: DataView<ArrayBuffer> = NO_ROOM;
  #values: DataView<ArrayBuffer> = NO_ROOM;
  /** The keys of addresses that have their mark. */
  #marked: Set<Address> | undefined;

  constructor(format: TableFormat) {
    this.format = format;
  }

  get entries(): Entries {
    if (this.#count === 0) return NO_ENTRIES;
    const { keySize, valueSize } = this.format;
    return {
      count: this.#count,
      keys: new Uint8Array(this.#keys.buffer, 0, this.#count * keySize),
      values: new Uint8Array(this.#values.buffer, 0, this.#count * valueSize),
    };
  }

  clear(): void {
    if (this.#count === 0) return;
    const { keys, values } = this.entries;
    keys.fill(0);
    values.fill(0);
    this.#count = 0;
    this.#marked = undefined;
  }

  add(mapping: TableMapping): void {
    const half = halfOf(mapping, this.format.direction);
    switch (mapping.kind) {
      case 'address': {
        const { keySize, valueSize } = this.format;
        const position = this.#next();
        putAddress(this.#keys, position * keySize, half.from);
        putAddress(this.#values, position * valueSize, half.to);
        return;
      }
      case 'prefix':
        this.#net(half, this.#prefix(mapping, half));
        return;
      case 'port':
        this.#mark(half.from);
        this.#net(half, this.#port(half, PROTOCOL_NUMBERS[mapping.protocol]));
        return;
      case 'port_block':
        this.#mark(half.from);
        for (const net of this.#block(half, mapping.ports)) this.#net(half, net);
    }
  }

  #prefix({ length, neutral }: PrefixMapping, { from, to }: Half): Net {
    const prefix: Net = { kind: 'prefix', length, mask: maskOf(length, this.format.family) };
    if (neutral !== true || typeof from === 'number' || typeof to === 'number') return prefix;
    const flags = length <= SUBNET_PREFIX ? NEUTRAL.subnet : NEUTRAL.identifier;
    return { ...prefix, flags, adjustment: neutralAdjustment(from, to) };
  }

  #port({ fromPort }: Half, protocol: number): Net {
    const { family } = this.format;
    const bits = bitsOf(family);
    const length = bits + PORT_BITS + PROTOCOL_BITS;
    const ports = { port: fromPort, first: fromPort, last: fromPort };
    return { kind: 'port', length, mask: maskOf(bits, family), protocol, ...ports };
  }

  #block({ fromPort }: Half, ports: number): Net[] {
    const { family } = this.format;
    const bits = bitsOf(family);
    const [mask, last] = [maskOf(bits, family), fromPort + ports - 1];
    return portParts(fromPort, ports).map(({ first: port, bits: size }) => {
      const length = bits + PORT_BITS - size;
      return { kind: 'port_block', length, mask, port, first: fromPort, last };
    });
  }

  /** The mark of an address that has ports, by which fragments without any are known. */
  #mark(from: Address): void {
    const key = addressKey(from);
    this.#marked ??= new Set();
    if (this.#marked.has(key)) return;
    this.#marked.add(key);
    const { family } = this.format;
    const nothing = maskOf(0, family);
    const length = bitsOf(family) + PORT_BITS + PROTOCOL_BITS;
    this.#net({ from, to: nothing, fromPort: 0, toPort: 0 }, { kind: 'ports', length, mask: nothing });
  }

  #net({ from, to, fromPort, toPort }: Half, net: Net): void {
    const { family, keySize, valueSize } = this.format;
    const { key, record } = NET_OFFSETS[family];
    const position = this.#next();
    const [k, v] = [position * keySize, position * valueSize];
    this.#keys.setUint32(k + key.prefixLength, net.length, LITTLE_ENDIAN);
    putAddress(this.#keys, k + key.address, from);
    this.#keys.setUint16(k + key.port, net.port ?? 0);
    this.#keys.setUint8(k + key.protocol, net.protocol ?? 0);
    putAddress(this.#values, v + record.address, to);
    putAddress(this.#values, v + record.mask, net.mask);
    this.#values.setUint8(v + record.kind, NET_KINDS[net.kind]);
    this.#values.setUint8(v + record.flags, net.flags ?? 0);
    this.#values.setUint16(v + record.shift, (toPort - fromPort) & (PORTS - 1), LITTLE_ENDIAN);
    this.#values.setUint16(v + record.first, net.first ?? 0, LITTLE_ENDIAN);
    this.#values.setUint16(v + record.last, net.last ?? 0, LITTLE_ENDIAN);
    if (record.adjustment !== undefined) this.#values.setUint16(v + record.adjustment, net.adjustment ?? 0);
  }

  /** @returns the position of a new entry, all zeros. */
  #next(): number {
    const { keySize, valueSize } = this.format;
    if ((this.#count + 1) * keySize > this.#keys.byteLength) {
      const room = Math.max(FIRST_ROOM, 2 * this.#count);
      this.#keys = grown(this.#keys, room * keySize);
      this.#values = grown(this.#values, room * valueSize);
    }
    return this.#count++;
  }
}

function grown({ buffer }: DataView<ArrayBuffer>, size: number): DataView<ArrayBuffer> {
  const larger = new Uint8Array(size);
  larger.set(new Uint8Array(buffer));
  return new DataView(larger.buffer);
}
