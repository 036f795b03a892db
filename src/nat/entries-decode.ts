// Entries of the tables back to mappings with their counters. A mapping is read from where it is looked up on the way
// out, and is whole if all that it is encoded to is there; what belongs to no whole mapping is torn: another program
// wrote it, or half of it.

import { LITTLE_ENDIAN } from '../asm/data.ts';
import { bitsOf, type Family } from './address.ts';
import {
  type Counters,
  countersAt,
  type Entries,
  formatFor,
  getAddress,
  type KeyName,
  keyNames,
  namesOf,
  positionsOf,
  sameBytes,
  type TableEntries,
  type TableFormat,
  viewOf,
} from './entries.ts';
import { Encoder, NET_OFFSETS, PORTS, PROTOCOL_NUMBERS } from './entries-encode.ts';
import type { Mapping, PortProtocol } from './mapping.ts';
import { NET_KINDS, PORT_BITS, PROTOCOL_BITS } from './maps.ts';
import { lengthOf } from './mask.ts';
import { portParts } from './port-parts.ts';
import type { Direction } from './reason.ts';

/** A mapping and what it has translated. */
export interface MappingState {
  readonly mapping: Mapping;
  readonly outbound: Counters;
  readonly inbound: Counters;
}

export interface Decoded {
  readonly states: MappingState[];
  /** How many mappings are there in part. */
  readonly torn: number;
}

export function decodeEntries(entries: TableEntries): Decoded {
  const states: MappingState[] = [];
  let torn = 0;
  for (const family of [4, 6] as const) {
    torn += decodeAddresses(entries, family, states) + decodeNets(entries, family, states);
  }
  return { states, torn };
}

const NOTHING: Counters = { packets: 0n, bytes: 0n };

/** Appends to `states`. @returns how many are torn. */
function decodeAddresses(entries: TableEntries, family: Family, states: MappingState[]): number {
  const format = formatFor('outbound', family, false);
  const { keySize, valueSize } = format;
  const [out, back] = [entries[format.name], entries[formatFor('inbound', family, false).name]];
  const positions = positionsOf(back, format);
  const inside = keyNames(out, format);
  const outside = namesOf(out.values, valueSize, keySize);
  const insideOfTwin = namesOf(back.values, valueSize, keySize);
  const views = viewsOf(out);
  const backValues = viewOf(back.values);
  let whole = 0;
  for (let i = 0; i < out.count; i++) {
    const twin = positions.get(outside(i));
    const isWhole = twin !== undefined && insideOfTwin(twin) === inside(i);
    if (isWhole) whole++;
    states.push({
      mapping: mappingAt(views, i, format)!,
      outbound: countersAt(views.values, i * valueSize, format),
      inbound: isWhole ? countersAt(backValues, twin * valueSize, format) : NOTHING,
    });
  }
  return Math.max(out.count, back.count) - whole;
}

/** One of the two tries: its entries, and which of them belong to whole mappings. */
class Half {
  readonly format: TableFormat;
  readonly entries: Entries;
  readonly views: Views;
  readonly #positions: ReadonlyMap<KeyName, number>;
  readonly #isClaimed: Uint8Array;

  constructor(direction: Direction, family: Family, all: TableEntries) {
    this.format = formatFor(direction, family, true);
    this.entries = all[this.format.name];
    this.views = viewsOf(this.entries);
    this.#positions = positionsOf(this.entries, this.format);
    this.#isClaimed = new Uint8Array(this.entries.count);
  }

  /** Where these stand; undefined for those that are not there, or say something else. */
  find(wanted: Entries): (number | undefined)[] {
    const { valueSize, identitySize } = this.format;
    const name = keyNames(wanted, this.format);
    return Array.from({ length: wanted.count }, (_, i) => {
      const at = this.#positions.get(name(i));
      if (at === undefined) return undefined;
      const { values } = this.entries;
      return sameBytes(values, at * valueSize, wanted.values, i * valueSize, identitySize) ? at : undefined;
    });
  }

  claim(found: readonly (number | undefined)[]): void {
    for (const position of found) if (position !== undefined) this.#isClaimed[position] = 1;
  }

  sum(found: readonly (number | undefined)[]): Counters {
    let [packets, bytes] = [0n, 0n];
    for (const position of found) {
      if (position === undefined) continue;
      const counters = countersAt(this.views.values, position * this.format.valueSize, this.format);
      packets += counters.packets;
      bytes += counters.bytes;
    }
    return { packets, bytes };
  }

  /** What belongs to no whole mapping: mappings, and parts and marks that are left over. */
  get stray(): { readonly mappings: number; readonly others: number } {
    let [mappings, others] = [0, 0];
    for (let i = 0; i < this.entries.count; i++) {
      if (this.#isClaimed[i] === 1) continue;
      if (mappingAt(this.views, i, this.format) === undefined) others++;
      else mappings++;
    }
    return { mappings, others };
  }
}

/** Appends to `states`. @returns how many are torn. */
function decodeNets(entries: TableEntries, family: Family, states: MappingState[]): number {
  const outbound = new Half('outbound', family, entries);
  const inbound = new Half('inbound', family, entries);
  const encoder = new Encoder();
  for (let i = 0; i < outbound.entries.count; i++) {
    const mapping = mappingAt(outbound.views, i, outbound.format);
    if (mapping === undefined) continue;
    encoder.clear();
    encoder.add(mapping);
    const out = outbound.find(encoder.entriesOf(outbound.format));
    const back = inbound.find(encoder.entriesOf(inbound.format));
    if (![...out, ...back].includes(undefined)) {
      outbound.claim(out);
      inbound.claim(back);
    }
    states.push({ mapping, outbound: outbound.sum(out), inbound: inbound.sum(back) });
  }
  const [out, back] = [outbound.stray, inbound.stray];
  return Math.max(out.mappings, back.mappings) || Math.max(out.others, back.others);
}

/** Keys and values of one table. */
export interface Views {
  readonly keys: DataView;
  readonly values: DataView;
}

export const viewsOf = ({ keys, values }: Entries): Views => ({ keys: viewOf(keys), values: viewOf(values) });

/** The mapping that an entry is the first of, in its direction; undefined for other parts, marks, and what is none. */
export function mappingAt(views: Views, position: number, format: TableFormat): Mapping | undefined {
  const { direction, family, keySize, valueSize, isNet } = format;
  const [k, v] = [position * keySize, position * valueSize];
  const sides = <T>(from: T, to: T): [T, T] => (direction === 'outbound' ? [from, to] : [to, from]);
  if (!isNet) {
    const [from, to] = [getAddress(views.keys, k, family), getAddress(views.values, v, family)];
    const [inside, outside] = sides(from, to);
    return { kind: 'address', inside, outside };
  }
  const net = netAt(views, k, v, family);
  const [inside, outside] = sides(net.from, net.to);
  const [insidePort, outsidePort] = sides(net.first, (net.first + net.shift) & (PORTS - 1));
  if (net.kind === NET_KINDS.prefix && lengthOf(net.mask) === net.length) {
    return { kind: 'prefix', inside, outside, length: net.length, ...(net.flags !== 0 && { neutral: true }) };
  }
  if (net.kind === NET_KINDS.port) {
    const protocol = PROTOCOLS.find((name) => PROTOCOL_NUMBERS[name] === net.protocol);
    return protocol && { kind: 'port', protocol, inside, insidePort, outside, outsidePort };
  }
  if (net.kind === NET_KINDS.port_block && net.port === net.first) {
    return { kind: 'port_block', inside, insidePort, outside, outsidePort, ports: net.last - net.first + 1 };
  }
  return undefined;
}

/**
 * Whether a look-up found the very key it was asked for, which in a trie it need not: then the entry is a shorter one.
 *
 * @param views the key that was asked for, and the value that was found
 */
export function isExact(views: Views, { family, isNet }: Pick<TableFormat, 'family' | 'isNet'>): boolean {
  if (!isNet) return true;
  const { kind, length, mask, port, first, last } = netAt(views, 0, 0, family);
  if (kind === NET_KINDS.prefix) return lengthOf(mask) === length;
  if (kind !== NET_KINDS.port_block) return length === bitsOf(family) + PORT_BITS + PROTOCOL_BITS;
  const part = portParts(first, last - first + 1).find((each) => each.first === port);
  return part !== undefined && length === bitsOf(family) + PORT_BITS - part.bits;
}

/** Whether an entry is the mark of an address that has ports. */
export function isMark({ values }: Views, position: number, format: TableFormat): boolean {
  const { kind } = NET_OFFSETS[format.family].record;
  return format.isNet && values.getUint8(position * format.valueSize + kind) === NET_KINDS.ports;
}

const PROTOCOLS = Object.keys(PROTOCOL_NUMBERS) as PortProtocol[];

function netAt({ keys, values }: Views, k: number, v: number, family: Family) {
  const { key, record } = NET_OFFSETS[family];
  return {
    length: keys.getUint32(k + key.prefixLength, LITTLE_ENDIAN),
    from: getAddress(keys, k + key.address, family),
    port: keys.getUint16(k + key.port),
    protocol: keys.getUint8(k + key.protocol),
    to: getAddress(values, v + record.address, family),
    mask: getAddress(values, v + record.mask, family),
    kind: values.getUint8(v + record.kind),
    flags: values.getUint8(v + record.flags),
    shift: values.getUint16(v + record.shift, LITTLE_ENDIAN),
    first: values.getUint16(v + record.first, LITTLE_ENDIAN),
    last: values.getUint16(v + record.last, LITTLE_ENDIAN),
  };
}
