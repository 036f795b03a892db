// Whether an outside is free: of other slots, of quarantines, and of the mappings of all other kinds.

import { LITTLE_ENDIAN } from '../../../asm/data.ts';
import { type Address, bitsOf, type Family, familyOf, formatAddress, parseAddress } from '../../address.ts';
import { formatFor, putAddress, viewOf } from '../../entries.ts';
import { decodeEntries } from '../../entries-decode.ts';
import { NET_OFFSETS } from '../../entries-encode.ts';
import { formatMapping, type SlotMapping } from '../../mapping.ts';
import { mappingComplaints } from '../../mapping-check.ts';
import { PORT_BITS, PROTOCOL_BITS } from '../../maps.ts';
import { getSlotRecord, SLOT_FORMATS } from '../../slot-entries.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import { unusableAddress } from '../../unusable.ts';
import type { Uses } from '../../uses.ts';
import { addressAt, readTables, type Tables } from '../contents.ts';
import { InstanceError } from '../error.ts';
import { slotText } from './book.ts';

/** @throws AddressError, or InstanceError for one that no packet can carry. */
export function readOutside(outside: string | Address): Address {
  const address = typeof outside === 'string' ? parseAddress(outside) : outside;
  const why = unusableAddress(address, 'outside');
  if (why === undefined) return address;
  throw new RangeError(`outside ${formatAddress(address)} ${why}`);
}

/**
 * @param value what the map says of it
 * @param now CLOCK_MONOTONIC in nanoseconds
 * @throws InstanceError with code `EINUSE` or `EQUARANTINED`
 */
export function requireUnslotted(
  instance: string,
  outside: Address,
  value: Uint8Array | undefined,
  now: bigint,
): void {
  if (value === undefined) return;
  const family = familyOf(outside);
  if (value[SLOT_FORMATS[family].record.state] === SLOT_STATES.bound) {
    const record = getSlotRecord(viewOf(value), 0, family);
    const slot = slotText({ inside: record.address, interface: record.name });
    throw new InstanceError(
      'EINUSE',
      `instance '${instance}': outside ${formatAddress(outside)} is that of slot '${slot}'; 'tsnat slot release ${instance} ${slot}' frees it`,
    );
  }
  requireNoQuarantine(instance, outside, value, now);
}

/** The same as far as quarantines go. @throws InstanceError with code `EQUARANTINED` */
export function requireNoQuarantine(
  instance: string,
  outside: Address,
  value: Uint8Array,
  now: bigint,
): void {
  const family = familyOf(outside);
  const { record: offsets } = SLOT_FORMATS[family];
  const since = viewOf(value).getBigUint64(offsets.since, LITTLE_ENDIAN);
  if (value[offsets.state] !== SLOT_STATES.quarantined || since <= now) return;
  const record = getSlotRecord(viewOf(value), 0, family);
  const slot = slotText({ inside: record.address, interface: record.name });
  const left = ((Number(record.since - now) + MILLISECOND - 1) / SECOND).toFixed(1);
  throw new InstanceError(
    'EQUARANTINED',
    `instance '${instance}': outside ${formatAddress(outside)} is in quarantine for ${left} s more, since slot '${slot}' gave it up; choose another, or wait`,
  );
}

const MILLISECOND = 1e6;
const SECOND = 1e9;

/** To find out that a hash is empty takes a hundred look-ups. */
const MANY = 200;

/** Looks outsides up in the tables of the other kinds of mappings. */
export class Taken {
  readonly #instance: string;
  readonly #tables: Tables;
  readonly #uses: Uses;
  readonly #isEmpty: { readonly [F in Family]: boolean };

  /** @param count how many are going to be asked for: many are spared the look-ups in tables that hold nothing */
  constructor(instance: string, tables: Tables, uses: Uses, count: number) {
    this.#instance = instance;
    this.#tables = tables;
    this.#uses = uses;
    const isEmpty = (family: Family): boolean =>
      count >= MANY && tables[formatFor('inbound', family, false).name].raw.nextKey() === undefined;
    this.#isEmpty = { 4: isEmpty(4), 6: isEmpty(6) };
  }

  /** @throws InstanceError with code `EINUSE` */
  require(mapping: SlotMapping): void {
    const { outside } = mapping;
    const family = familyOf(outside);
    const there = this.#isEmpty[family] ? undefined : addressAt(this.#tables, outside, 'outside');
    if (there !== undefined) throw this.#refusal(`is in mapping ${formatMapping(there)}`, outside);
    if (!this.#isNested(family, outside)) return;
    // Where kinds nest a third mapping may decide.
    const all = decodeEntries(readTables(this.#tables)).states.map(({ mapping: its }) => ({
      mapping: its,
      origin: `instance '${this.#instance}'`,
    }));
    const origin = 'slot';
    const complaint = mappingComplaints([...all, { mapping, origin }]).find(
      ({ origins }) => origins[0] === origin,
    );
    if (complaint !== undefined) {
      throw this.#refusal(`cannot be taken: ${complaint.message.slice(`${origin}: `.length)}`, outside);
    }
  }

  /** Whether a prefix, a port or a port block has to do with it. */
  #isNested(family: Family, outside: Address): boolean {
    if (!NESTING[family].some((use) => this.#uses.has(use))) return false;
    const { raw } = this.#tables[formatFor('inbound', family, true).name];
    const { prefixLength, address } = NET_OFFSETS[family].key;
    const key = new Uint8Array(raw.keySize);
    const view = viewOf(key);
    view.setUint32(prefixLength, bitsOf(family) + PORT_BITS + PROTOCOL_BITS, LITTLE_ENDIAN);
    putAddress(view, address, outside);
    return raw.get(key) !== undefined;
  }

  #refusal(why: string, outside: Address): InstanceError {
    const message = `instance '${this.#instance}': outside ${formatAddress(outside)} ${why}`;
    return new InstanceError('EINUSE', `${message}; 'tsnat map list ${this.#instance}' shows all`);
  }
}

const NESTING = { 4: ['prefixes', 'ports'], 6: ['prefixes6', 'ports6'] } as const;
