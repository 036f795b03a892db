// Which of some mappings do not go together with those that an instance has. Most new ones touch none that are there,
// which few look-ups tell. Those that do are checked with all that is there, since where kinds nest a third mapping
// may decide; addresses, which nest with nothing among themselves, only with the ones they touch.

import { LITTLE_ENDIAN } from '../../asm/index.ts';
import type { RawMap } from '../../loader/index.ts';
import { type Address, bitsOf, familyOf, SIDES, type Side } from '../address.ts';
import { formatFor, putAddress, type TableFormat, viewOf } from '../entries.ts';
import { decodeEntries, mappingAt, viewsOf } from '../entries-decode.ts';
import { NET_OFFSETS } from '../entries-encode.ts';
import { formatMapping, type Mapping } from '../mapping.ts';
import { type LocatedMapping, mappingComplaints } from '../mapping-check.ts';
import { type Complaint, complain } from '../mapping-error.ts';
import { PORT_BITS, PROTOCOL_BITS } from '../maps.ts';
import type { Direction } from '../reason.ts';
import type { Use, Uses } from '../uses.ts';
import { exactValue, readTables, type Tables } from './contents.ts';
import { nextOfAddress } from './marks.ts';

/** The tables that are looked up with one side of mappings. */
const DIRECTION_OF: { readonly [S in Side]: Direction } = { inside: 'outbound', outside: 'inbound' };

/**
 * @param name the instance's
 * @param uses kinds of mappings there can be
 */
export function takenComplaints(
  name: string,
  maps: Tables,
  mappings: readonly Mapping[],
  uses: Uses,
): Complaint[] {
  const there = touched(maps, mappings, uses);
  const added = mappings.map((mapping, i) => ({ mapping, origin: `mapping #${i + 1}` }));
  const origins = new Set(added.map(({ origin }) => origin));
  const existing = there.map((mapping): LocatedMapping => ({ mapping, origin: `instance '${name}'` }));
  return existing.length === 0
    ? []
    : mappingComplaints([...existing, ...added])
        .filter(({ origins: [first = ''] }) => origins.has(first))
        .map(({ code, message, origins: [first = '', ...others] }) => {
          const what = message.slice(`${first}: `.length);
          return complain(code, undefined, `${what}; 'tsnat map del ${name} INSIDE' frees it`, ...others);
        });
}

/** What is there and may not go together with these. */
function touched(maps: Tables, mappings: readonly Mapping[], uses: Uses): Mapping[] {
  const isFlat = mappings.every(({ kind }) => kind === 'address') && !NESTING.some((use) => uses.has(use));
  if (isFlat) {
    const found = mappings.flatMap((mapping) => SIDES.map((side) => addressAt(maps, mapping[side], side)));
    const known = new Map(found.flatMap((each) => (each === undefined ? [] : [[formatMapping(each), each]])));
    return [...known.values()];
  }
  const isTouching = (mapping: Mapping): boolean =>
    mapping.kind === 'prefix' || SIDES.some((side) => touches(maps, mapping, side, uses));
  if (!mappings.some(isTouching)) return [];
  return decodeEntries(readTables(maps)).states.map(({ mapping }) => mapping);
}

/** Kinds that hold others, or are held by them. */
const NESTING: readonly Use[] = ['prefixes', 'ports', 'prefixes6', 'ports6'];

/** The address mapping of this very address. */
function addressAt(maps: Tables, address: Address, side: Side): Mapping | undefined {
  const format = formatFor(DIRECTION_OF[side], familyOf(address), false);
  const keys = new Uint8Array(format.keySize);
  putAddress(viewOf(keys), 0, address);
  const values = maps[format.name].raw.get(keys);
  return values && mappingAt(viewsOf({ count: 1, keys, values }), 0, format);
}

/** Whether what is there has something of a mapping that is no prefix. */
function touches(maps: Tables, mapping: Mapping, side: Side, uses: Uses): boolean {
  const address = mapping[side];
  if (addressAt(maps, address, side) !== undefined) return true;
  const six = familyOf(address) === 6;
  const format = formatFor(DIRECTION_OF[side], familyOf(address), true);
  const { raw: map } = maps[format.name];
  if (uses.has(six ? 'prefixes6' : 'prefixes')) {
    if (map.get(netKeyOf(format, address, bitsOf(format.family))) !== undefined) return true;
  }
  return uses.has(six ? 'ports6' : 'ports') && portsTouch(map, format, mapping, side);
}

/** Whether ports of the same address are those of `mapping`. */
function portsTouch(map: RawMap, format: TableFormat, mapping: Mapping, side: Side): boolean {
  const mark = netKeyOf(format, mapping[side], bitsOf(format.family) + PORT_BITS + PROTOCOL_BITS);
  if (exactValue(map, mark, format) === undefined) return false;
  if (mapping.kind !== 'port' && mapping.kind !== 'port_block') return true;
  const first = mapping[`${side}Port`];
  const last = mapping.kind === 'port' ? first : first + mapping.ports - 1;
  for (let key = nextOfAddress(map, mark, format); key !== undefined; key = nextOfAddress(map, key, format)) {
    const { prefixLength, port } = NET_OFFSETS[format.family].key;
    const view = viewOf(key);
    const bits = view.getUint32(prefixLength, LITTLE_ENDIAN) - bitsOf(format.family);
    const its = view.getUint16(port);
    const itsLast = its + (1 << Math.max(0, PORT_BITS - bits)) - 1;
    if (its <= last && itsLast >= first) return true;
  }
  return false;
}

/** A key of a trie without ports; it is long enough to have them as zeros. */
function netKeyOf({ family, keySize }: TableFormat, address: Address, length: number): Uint8Array {
  const { prefixLength, address: at } = NET_OFFSETS[family].key;
  const key = new Uint8Array(keySize);
  viewOf(key).setUint32(prefixLength, length, LITTLE_ENDIAN);
  putAddress(viewOf(key), at, address);
  return key;
}
