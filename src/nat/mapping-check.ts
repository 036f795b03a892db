// Checks a list of mappings as a whole: no two of one kind may have the same on a side, all of it must be such as
// packets can carry, and where kinds nest, answers must come back (mapping-shadow.ts).
//
// An address may be the inside of one mapping and the outside of another (a=b with b=c, a swap, even a=a). That is
// not ambiguous: a packet is looked up once per direction, outbound by its source among the insides and inbound by
// its destination among the outsides, and never again by the result. Renumbering a network in place needs it.

import { type Address, addressKey, SIDES, type Side } from './address.ts';
import { type Endpoint, endpointOf, formatEndpoint } from './endpoint.ts';
import { formatMapping, type Mapping } from './mapping.ts';
import { type Complaint, complain, MappingError } from './mapping-error.ts';
import { MappingIndex, type Position } from './mapping-index.ts';
import { type Shadow, shadowsOf } from './mapping-shadow.ts';
import { unusable, unusableAddress } from './unusable.ts';

/** A mapping and where it came from: `--map #2`, `nat.yaml:12`. */
export interface LocatedMapping {
  readonly mapping: Mapping;
  readonly origin: string;
}

/** Everything that is wrong with `entries`, in their order. */
export function mappingComplaints(entries: readonly LocatedMapping[]): Complaint[] {
  const inside = new MappingIndex('inside');
  const outside = new MappingIndex('outside');
  const found: (readonly [Position, Complaint])[] = [];
  const free: Position[] = [];
  let nesting = false;
  for (const [position, entry] of entries.entries()) {
    const { mapping } = entry;
    nesting ||= mapping.kind !== 'address';
    for (const complaint of unusableSides(entry)) found.push([position, complaint]);
    const [taken, takenOutside] = [inside.add(mapping, position), outside.add(mapping, position)];
    if (taken === undefined && takenOutside === undefined) free.push(position);
    else {
      const others = { inside: entries[taken ?? -1], outside: entries[takenOutside ?? -1] };
      for (const complaint of takenSides(entry, others)) found.push([position, complaint]);
    }
  }
  // Addresses alone cannot nest.
  if (!nesting) return found.map(([, complaint]) => complaint);
  const table = { at: (position: Position) => entries[position]!.mapping, inside, outside };
  for (const position of free) {
    for (const shadow of shadowsOf(table, position)) found.push(shadowComplaint(entries, shadow));
  }
  return found.sort(([a], [b]) => a - b).map(([, complaint]) => complaint);
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
 * nearly always sound addresses, which is soon seen.
 *
 * @throws MappingError with every complaint.
 */
export function requireSound(mappings: readonly Mapping[]): void {
  const insides = new Set<Address>();
  const outsides = new Set<Address>();
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

/** How `entry` collides with earlier ones, which have something of its inside or of its outside. */
function takenSides(
  { mapping, origin }: LocatedMapping,
  others: { readonly [S in Side]: LocatedMapping | undefined },
): Complaint[] {
  const text = formatMapping(mapping);
  // Of three that share an inside the third may repeat the second, so both are looked at.
  const same = SIDES.map((side) => others[side]).find(
    (other) => other && formatMapping(other.mapping) === text,
  );
  if (same !== undefined) {
    const message = `mapping '${text}' is already given at ${same.origin}: leave one of them out`;
    return [complain('duplicate', origin, message, same.origin)];
  }
  return SIDES.flatMap((side) => {
    const other = others[side];
    if (other === undefined) return [];
    const [mine, its] = [textOf(mapping, side), textOf(other.mapping, side)];
    const what = mine === its ? `${side} ${mine}` : `${side} ${mine} overlaps ${its}, which`;
    const message =
      side === 'inside'
        ? `${what} already maps to ${textOf(other.mapping, 'outside')} at ${other.origin}: an inside has one outside`
        : `${what} is already that of ${textOf(other.mapping, 'inside')} at ${other.origin}: an outside has one inside`;
    return [complain(`${side}_taken`, origin, `mapping '${text}': ${message}`, other.origin)];
  });
}

/** It is the later of the two that is complained of. */
function shadowComplaint(
  entries: readonly LocatedMapping[],
  { by, of, sender }: Shadow,
): readonly [Position, Complaint] {
  const [earlier, later] = by < of ? [by, of] : [of, by];
  const [first, second] = [entries[earlier]!, entries[later]!];
  const { mapping } = entries[by]!;
  const what =
    sender === undefined
      ? `all of ${textOf(entries[of]!.mapping, 'inside')} is in mappings that go before it: leave it out`
      : `${formatEndpoint(sender)} would leave as ${textOf(mapping, 'outside')}, the answers going to ` +
        `${textOf(mapping, 'inside')}: ${remedy(sender)}`;
  const message = `mapping '${formatMapping(second.mapping)}' with '${formatMapping(first.mapping)}' at ${first.origin}: ${what}`;
  return [later, complain('shadowed', second.origin, message, first.origin)];
}

/** A slot cannot have a mapping of one of its ports. */
const remedy = (sender: Endpoint): string =>
  sender.kind === 'slot'
    ? 'leave one of these out'
    : `give ${formatEndpoint(sender)} a mapping of its own, or leave one of these out`;

const textOf = (mapping: Mapping, side: Side): string => formatEndpoint(endpointOf(mapping, side));
