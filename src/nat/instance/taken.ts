// Which of some mappings do not go together with those that an instance has. Most new ones touch none that are there,
// which few look-ups tell. Those that do are checked with all that is there, since where kinds nest a third mapping
// may decide; addresses, which nest with nothing among themselves, only with the ones they touch.

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import type { RawMap } from '../../loader/index.ts';
import { type Address, addressKey, bitsOf, type Family, familyOf, SIDES, type Side } from '../address.ts';
import { formatFor, getAddress, putAddress, type TableFormat, viewOf } from '../entries.ts';
import { decodeEntries, mappingAt, viewsOf } from '../entries-decode.ts';
import { NET_OFFSETS } from '../entries-encode.ts';
import { formatMapping, type Mapping, type PrefixMapping, type SlotMapping } from '../mapping.ts';
import { type LocatedMapping, mappingComplaints } from '../mapping-check.ts';
import { type Complaint, complain } from '../mapping-error.ts';
import { PORT_BITS, PROTOCOL_BITS } from '../maps.ts';
import { type Prefix, prefixesOverlap } from '../prefix.ts';
import type { Use, Uses } from '../uses.ts';
import { addressAt, DIRECTION_OF, exactValue, readTables, type Tables } from './contents.ts';
import { nextOfAddress } from './marks.ts';

/**
 * @param name the instance's
 * @param uses kinds of mappings there can be
 * @param slots of those that are bound the ones that may not go together with these
 */
export function takenComplaints(
  name: string,
  maps: Tables,
  mappings: readonly Mapping[],
  uses: Uses,
  slots: readonly SlotMapping[],
): Complaint[] {
  const there = touched(maps, mappings, uses, slots);
  if (there.length === 0) return [];
  const added = mappings.map((mapping, i) => ({ mapping, origin: `mapping #${i + 1}` }));
  const origins = new Set(added.map(({ origin }) => origin));
  const existing = there.map((mapping): LocatedMapping => ({ mapping, origin: `instance '${name}'` }));
  return mappingComplaints([...existing, ...added])
    .filter(({ origins: [first = ''] }) => origins.has(first))
    .map(({ code, message, origins: [first = '', ...others] }) => {
      const what = message.slice(`${first}: `.length);
      return complain(code, undefined, `${what}; 'tsnat map del ${name} INSIDE' frees it`, ...others);
    });
}

/** What is there and may not go together with these. */
function touched(
  maps: Tables,
  mappings: readonly Mapping[],
  uses: Uses,
  slots: readonly SlotMapping[],
): Mapping[] {
  const isFlat = mappings.every(({ kind }) => kind === 'address') && !NESTING.some((use) => uses.has(use));
  if (isFlat) {
    const found = new Map<string, Mapping>();
    for (const family of [4, 6] as const) {
      const ours = mappings.filter(({ inside }) => familyOf(inside) === family);
      for (const side of SIDES) {
        const at = addressFinder(maps, side, family, ours.length);
        for (const mapping of ours) {
          const there = at(mapping[side]);
          if (there !== undefined) found.set(formatMapping(there), there);
        }
      }
    }
    return [...found.values(), ...slots];
  }
  const prefixes = mappings.filter(({ kind }) => kind === 'prefix');
  const isTouching = (mapping: Mapping): boolean =>
    SIDES.some((side) =>
      mapping.kind === 'prefix' ? prefixTouches(maps, mapping, side) : touches(maps, mapping, side, uses),
    );
  if (slots.length === 0 && prefixes.length <= FEW && !mappings.some(isTouching)) return [];
  return [...decodeEntries(readTables(maps)).states.map(({ mapping }) => mapping), ...slots];
}

/** The most prefixes that all keys are searched for, one by one. */
const FEW = 4;

/** Whether what is there is in a prefix, or holds it. */
function prefixTouches(maps: Tables, { length, ...sides }: PrefixMapping, side: Side): boolean {
  const family = familyOf(sides[side]);
  const wanted = { address: sides[side], length };
  return [false, true].some((isNet) => {
    const format = formatFor(DIRECTION_OF[side], family, isNet);
    const { count, keys } = maps[format.name].raw.elements();
    const view = viewOf(keys);
    const { prefixLength, address } = NET_OFFSETS[family].key;
    for (let i = 0; i < count; i++) {
      const at = i * format.keySize;
      const its: Prefix = {
        address: getAddress(view, at + (isNet ? address : 0), family),
        length: isNet
          ? Math.min(view.getUint32(at + prefixLength, LITTLE_ENDIAN), bitsOf(family))
          : bitsOf(family),
      };
      if (prefixesOverlap(its, wanted)) return true;
    }
    return false;
  });
}

/** Kinds that hold others, or are held by them. */
const NESTING: readonly Use[] = ['prefixes', 'ports', 'prefixes6', 'ports6'];

/** One look-up takes as long as it takes to read so many places of a table at once. */
const PLACES = 64;

/** The same for `count` addresses, by whichever way is shorter. */
function addressFinder(
  maps: Tables,
  side: Side,
  family: Family,
  count: number,
): (address: Address) => Mapping | undefined {
  const format = formatFor(DIRECTION_OF[side], family, false);
  const { raw } = maps[format.name];
  if (count * PLACES < raw.maxEntries) return (address) => addressAt(maps, address, side);
  const entries = raw.elements();
  const views = viewsOf(entries);
  const positions = new Map<Address, number>();
  for (let i = 0; i < entries.count; i++) {
    positions.set(addressKey(getAddress(views.keys, i * format.keySize, family)), i);
  }
  return (address) => {
    const position = positions.get(addressKey(address));
    return position === undefined ? undefined : mappingAt(views, position, format);
  };
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
