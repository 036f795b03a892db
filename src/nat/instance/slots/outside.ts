// Whether an outside is free: of other slots, of quarantines, and of the mappings of all other kinds.

import { LITTLE_ENDIAN } from '../../../asm/index.ts';
import { type Address, bitsOf, type Family, familyOf, formatAddress, parseAddress } from '../../address.ts';
import { formatFor, putAddress, viewOf } from '../../entries.ts';
import { decodeEntries } from '../../entries-decode.ts';
import { NET_OFFSETS } from '../../entries-encode.ts';
import { formatMapping, type SlotMapping } from '../../mapping.ts';
import { mappingComplaints } from '../../mapping-check.ts';
import { PORT_BITS, PROTOCOL_BITS } from '../../maps.ts';
import { getSlotRecord } from '../../slot-entries.ts';
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
  const record = getSlotRecord(viewOf(value), 0, familyOf(outside));
  if (record.state === SLOT_STATES.bound) {
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
  const record = getSlotRecord(viewOf(value), 0, familyOf(outside));
  const slot = slotText({ inside: record.address, interface: record.name });
  if (record.state !== SLOT_STATES.quarantined || record.since <= now) return;
  const left = ((Number(record.since - now) + MILLISECOND - 1) / SECOND).toFixed(1);
  throw new InstanceError(
    'EQUARANTINED',
    `instance '${instance}': outside ${formatAddress(outside)} is in quarantine for ${left} s more, since slot '${slot}' gave it up; choose another, or wait`,
  );
}

const MILLISECOND = 1e6;
const SECOND = 1e9;

/** Looks outsides up in the tables of the other kinds of mappings. */
export class Taken {
  readonly #instance: string;
  readonly #tables: Tables;
  readonly #uses: Uses;

  constructor(instance: string, tables: Tables, uses: Uses) {
    this.#instance = instance;
    this.#tables = tables;
    this.#uses = uses;
  }

  /** @throws InstanceError with code `EINUSE` */
  require(mapping: SlotMapping): void {
    const { outside } = mapping;
    const family = familyOf(outside);
    const there = addressAt(this.#tables, outside, 'outside');
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
