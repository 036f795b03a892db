// Checks a list of mappings as a whole: the table must be a bijection over addresses that packets can carry.
//
// An address may be the inside of one mapping and the outside of another (a=b with b=c, a swap, even a=a). That is
// not ambiguous: a packet is looked up once per direction, outbound by its source among the insides and inbound by
// its destination among the outsides, and never again by the result. Renumbering a network in place needs it.

import { type Address, addressKey, SIDES, type Side } from './address.ts';
import { endpointOf, formatEndpoint } from './endpoint.ts';
import { formatMapping, type Mapping } from './mapping.ts';
import { type Complaint, complain, MappingError } from './mapping-error.ts';
import { unusable, unusableAddress } from './unusable.ts';

/** A mapping and where it came from: `--map #2`, `nat.yaml:12`. */
export interface LocatedMapping {
  readonly mapping: Mapping;
  readonly origin: string;
}

/** Everything that is wrong with `entries`, in their order. */
export function mappingComplaints(entries: readonly LocatedMapping[]): Complaint[] {
  const complaints: Complaint[] = [];
  const first: { readonly [S in Side]: Map<Key, LocatedMapping> } = {
    inside: new Map(),
    outside: new Map(),
  };
  for (const entry of entries) {
    complaints.push(...unusableSides(entry), ...overlaps(entry, first.inside, first.outside));
    for (const side of SIDES) {
      const key = keyOf(entry.mapping, side);
      if (!first[side].has(key)) first[side].set(key, entry);
    }
  }
  return complaints;
}

/**
 * The mappings of `entries`, found sound.
 *
 * @throws MappingError with every complaint.
 */
export function checkMappings(entries: readonly LocatedMapping[]): Mapping[] {
  const complaints = mappingComplaints(entries);
  if (complaints.length > 0) throw new MappingError(complaints);
  return entries.map(({ mapping }) => mapping);
}

/**
 * The same for mappings that come from nowhere in particular: they are called by their position. Lists are long and
 * nearly always sound, which is soon seen.
 *
 * @throws MappingError with every complaint.
 */
export function requireSound(mappings: readonly Mapping[]): void {
  const insides = new Set<Key>();
  const outsides = new Set<Key>();
  for (const { kind, inside, outside } of mappings) {
    if (kind !== 'address') break;
    if (unusableAddress(inside, 'inside') !== undefined) break;
    if (unusableAddress(outside, 'outside') !== undefined) break;
    insides.add(addressKey(inside));
    outsides.add(addressKey(outside));
  }
  if (insides.size === mappings.length && outsides.size === mappings.length) return;
  checkMappings(mappings.map((mapping, i) => ({ mapping, origin: `mapping #${i + 1}` })));
}

function unusableSides({ mapping, origin }: LocatedMapping): Complaint[] {
  const complaints: Complaint[] = [];
  for (const side of SIDES) {
    const address = mapping[side];
    const why =
      mapping.kind === 'prefix'
        ? unusable({ address, length: mapping.length }, side)
        : unusableAddress(address, side);
    if (why === undefined) continue;
    const message = `mapping '${formatMapping(mapping)}': ${side} ${textOf(mapping, side)} ${why}`;
    complaints.push(complain('unusable_address', origin, message));
  }
  return complaints;
}

/** How `entry` collides with the earlier ones, given by inside and by outside. */
function overlaps(
  entry: LocatedMapping,
  insides: ReadonlyMap<Key, LocatedMapping>,
  outsides: ReadonlyMap<Key, LocatedMapping>,
): Complaint[] {
  const { mapping, origin } = entry;
  const sameInside = insides.get(keyOf(mapping, 'inside'));
  const sameOutside = outsides.get(keyOf(mapping, 'outside'));
  if (sameInside === undefined && sameOutside === undefined) return [];
  const text = formatMapping(mapping);
  // Of three that share an inside the third may repeat the second, so both are looked at.
  const same = [sameInside, sameOutside].find((earlier) => earlier && sameMapping(earlier.mapping, mapping));
  if (same !== undefined) {
    const message = `mapping '${text}' is already given at ${same.origin}: leave one of them out`;
    return [complain('duplicate', origin, message, same.origin)];
  }
  const complaints: Complaint[] = [];
  if (sameInside !== undefined) {
    const message = `mapping '${text}': inside ${textOf(mapping, 'inside')} already maps to ${textOf(sameInside.mapping, 'outside')} at ${sameInside.origin}: an inside has one outside`;
    complaints.push(complain('inside_taken', origin, message, sameInside.origin));
  }
  if (sameOutside !== undefined) {
    const message = `mapping '${text}': outside ${textOf(mapping, 'outside')} is already that of ${textOf(sameOutside.mapping, 'inside')} at ${sameOutside.origin}: an outside has one inside`;
    complaints.push(complain('outside_taken', origin, message, sameOutside.origin));
  }
  return complaints;
}

function sameMapping(a: Mapping, b: Mapping): boolean {
  return SIDES.every((side) => keyOf(a, side) === keyOf(b, side));
}

type Key = Address | string;

const textOf = (mapping: Mapping, side: Side): string => formatEndpoint(endpointOf(mapping, side));

function keyOf(mapping: Mapping, side: Side): Key {
  return mapping.kind === 'address' ? addressKey(mapping[side]) : textOf(mapping, side);
}
