// Checks a list of mappings as a whole: the table must be a bijection over addresses that packets can carry.
//
// An address may be the inside of one mapping and the outside of another (a=b with b=c, a swap, even a=a). That is
// not ambiguous: a packet is looked up once per direction, outbound by its source among the insides and inbound by
// its destination among the outsides, and never again by the result. Renumbering a network in place needs it.

import { formatIpv4, type Side, unusableIpv4 } from './address.ts';
import { formatMapping, type Mapping } from './mapping.ts';
import { type Complaint, complain, MappingError } from './mapping-error.ts';

/** A mapping and where it came from: `--map #2`, `nat.yaml:12`. */
export interface LocatedMapping {
  readonly mapping: Mapping;
  readonly origin: string;
}

const SIDES: readonly Side[] = ['inside', 'outside'];

/** Everything that is wrong with `entries`, in their order. */
export function mappingComplaints(entries: readonly LocatedMapping[]): Complaint[] {
  const complaints: Complaint[] = [];
  const first: { readonly [S in Side]: Map<number, LocatedMapping> } = {
    inside: new Map(),
    outside: new Map(),
  };
  for (const entry of entries) {
    complaints.push(...unusable(entry), ...overlaps(entry, first.inside, first.outside));
    for (const side of SIDES) {
      if (!first[side].has(entry.mapping[side])) first[side].set(entry.mapping[side], entry);
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
  const insides = new Set<number>();
  const outsides = new Set<number>();
  for (const { inside, outside } of mappings) {
    if (unusableIpv4(inside, 'inside') !== undefined || unusableIpv4(outside, 'outside') !== undefined) break;
    insides.add(inside);
    outsides.add(outside);
  }
  if (insides.size === mappings.length && outsides.size === mappings.length) return;
  checkMappings(mappings.map((mapping, i) => ({ mapping, origin: `mapping #${i + 1}` })));
}

function unusable({ mapping, origin }: LocatedMapping): Complaint[] {
  const complaints: Complaint[] = [];
  for (const side of SIDES) {
    const why = unusableIpv4(mapping[side], side);
    if (why === undefined) continue;
    const message = `mapping '${formatMapping(mapping)}': ${side} ${formatIpv4(mapping[side])} ${why}`;
    complaints.push(complain('unusable_address', origin, message));
  }
  return complaints;
}

/** How `entry` collides with the earlier ones, given by inside and by outside. */
function overlaps(
  entry: LocatedMapping,
  insides: ReadonlyMap<number, LocatedMapping>,
  outsides: ReadonlyMap<number, LocatedMapping>,
): Complaint[] {
  const { mapping, origin } = entry;
  const sameInside = insides.get(mapping.inside);
  const sameOutside = outsides.get(mapping.outside);
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
    const message = `mapping '${text}': inside ${formatIpv4(mapping.inside)} already maps to ${formatIpv4(sameInside.mapping.outside)} at ${sameInside.origin}: an inside has one outside`;
    complaints.push(complain('inside_taken', origin, message, sameInside.origin));
  }
  if (sameOutside !== undefined) {
    const message = `mapping '${text}': outside ${formatIpv4(mapping.outside)} is already that of ${formatIpv4(sameOutside.mapping.inside)} at ${sameOutside.origin}: an outside has one inside`;
    complaints.push(complain('outside_taken', origin, message, sameOutside.origin));
  }
  return complaints;
}

function sameMapping(a: Mapping, b: Mapping): boolean {
  return a.inside === b.inside && a.outside === b.outside;
}
