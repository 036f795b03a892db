// A mapping: which inside is which outside. Addresses are numbers here, text at the edges.

import { type Address, familyOf, SIDES, type Side } from './address.ts';
import { AddressError } from './address-error.ts';
import { type Endpoint, endpointOf, formatEndpoint, parseEndpoint } from './endpoint.ts';
import { type Complaint, type ComplaintCode, complain, MappingError } from './mapping-error.ts';
import { KIND_NOUNS, type Kind, kindOf } from './mapping-shape.ts';

/** 1:1, every protocol. */
export interface AddressMapping {
  readonly kind: 'address';
  readonly inside: Address;
  readonly outside: Address;
}

/** 1:1 by prefix, host bits kept; the addresses have none set. */
export interface PrefixMapping {
  readonly kind: 'prefix';
  readonly inside: Address;
  readonly outside: Address;
  /** Of both sides, in bits. */
  readonly length: number;
  /** IPv6 only: host bits are adjusted so that no checksum changes (NPTv6, RFC 6296). */
  readonly neutral?: true;
}

/** Protocols whose ports can be mapped one by one. */
export type PortProtocol = 'tcp' | 'udp';

/** One port of one protocol, both directions. */
export interface PortMapping {
  readonly kind: 'port';
  readonly protocol: PortProtocol;
  readonly inside: Address;
  /** 1 to 65535. */
  readonly insidePort: number;
  readonly outside: Address;
  readonly outsidePort: number;
}

/** A run of TCP and UDP ports and ICMP query identifiers: several insides share one outside, each with its own. */
export interface PortBlockMapping {
  readonly kind: 'port_block';
  readonly inside: Address;
  /** The first port, 0 to 65535. */
  readonly insidePort: number;
  readonly outside: Address;
  readonly outsidePort: number;
  /** How many ports, at least 1. */
  readonly ports: number;
}

/** 1:1, every protocol; the inside is only unique on its interface. */
export interface SlotMapping {
  readonly kind: 'slot';
  readonly inside: Address;
  /** Name of the slot's interface: a tap, the host's end of a veth pair, a port of a bridge. */
  readonly interface: string;
  readonly outside: Address;
}

/** What the tables of the two directions hold (entries.ts). */
export type TableMapping = AddressMapping | PrefixMapping | PortMapping | PortBlockMapping;

export type Mapping = TableMapping | SlotMapping;

const EXAMPLE = 'INSIDE=OUTSIDE, such as 10.0.0.5=203.0.113.5';
const NEUTRAL = 'neutral';
/** Checksum-neutral translation needs 16 bits behind the prefix and before, or in, the interface identifier. */
const MOST_NEUTRAL = 64;

/**
 * Reads a mapping as written on a command line: `10.0.0.5=203.0.113.5`, `fd00:1::/48=2001:db8:1::/48,neutral`.
 *
 * @param origin where the text came from, for the messages: `--map #2`.
 * @throws MappingError
 */
export function parseMapping(text: string, origin?: string): Mapping {
  const refuse = (what: string): MappingError =>
    new MappingError([complain('bad_mapping', origin, `mapping '${text}' ${what}`)]);
  const sides = text.split('=');
  const [inside, behind] = sides;
  if (sides.length !== 2 || inside === undefined || behind === undefined) {
    throw refuse(`${sides.length < 2 ? "has no '='" : "has more than one '='"}: write ${EXAMPLE}`);
  }
  const [outside = '', ...options] = behind.split(',');
  if (inside === '' || outside === '') {
    throw refuse(`has no ${inside === '' ? 'inside' : 'outside'} address: write ${EXAMPLE}`);
  }
  const unknown = options.find((option) => option !== NEUTRAL);
  if (unknown !== undefined) throw refuse(`has '${unknown}' at its end: only '${NEUTRAL}' may stand there`);
  if (options.length > 1) throw refuse(`says '${NEUTRAL}' twice`);
  return parseSides(inside, outside, {
    neutral: options.length > 0,
    ...(origin !== undefined && { origin }),
  });
}

/**
 * Reads a mapping whose two sides are already apart, as in a mapping file.
 *
 * @throws MappingError with a complaint for each side that is wrong.
 */
export function parseSides(
  inside: string,
  outside: string,
  { neutral = false, origin }: { readonly neutral?: boolean; readonly origin?: string } = {},
): Mapping {
  const refuse = (code: ComplaintCode, what: string): Complaint =>
    complain(code, origin, `mapping '${inside}=${outside}${neutral ? `,${NEUTRAL}` : ''}'${what}`);
  if (kindOf(outside) === 'slot') {
    const what = 'has a slot (%) on the outside: a slot names an inside interface';
    throw new MappingError([refuse('mixed_kinds', ` ${what}`)]);
  }
  const complaints: Complaint[] = [];
  const read = (side: Side, text: string): Endpoint | undefined => {
    try {
      return parseEndpoint(text);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      complaints.push(refuse('bad_address', `: ${side} ${error.message}`));
      return undefined;
    }
  };
  const [from, onto] = [read('inside', inside), read('outside', outside)];
  if (from === undefined || onto === undefined) throw new MappingError(complaints);
  const mapping = joined(from, onto, neutral);
  if ('kind' in mapping) return mapping;
  throw new MappingError([refuse(mapping.code, ` ${mapping.what}`)]);
}

interface Problem {
  readonly code: ComplaintCode;
  /** As in "mapping '...' maps a port onto an address". */
  readonly what: string;
}

function mixed(inside: Kind, outside: Kind): Problem {
  const rule = inside === 'slot' ? "a slot's outside is an address" : 'both sides must be of one kind';
  const what = `maps ${KIND_NOUNS[inside]} onto ${KIND_NOUNS[outside]}: ${rule}`;
  return { code: 'mixed_kinds', what };
}

/** The mapping of one side onto the other, or why there is none. */
function joined(inside: Endpoint, outside: Endpoint, neutral: boolean): Mapping | Problem {
  const sides = { inside: inside.address, outside: outside.address };
  if (familyOf(sides.inside) !== familyOf(sides.outside)) {
    return { code: 'mixed_families', what: 'mixes IPv4 and IPv6: both sides must be of one family' };
  }
  if (neutral && !canBeNeutral(inside)) {
    const what = `cannot be ${NEUTRAL}: only IPv6 prefixes of up to ${MOST_NEUTRAL} bits can (RFC 6296)`;
    return { code: 'not_neutral', what };
  }
  if (inside.kind === 'address' && outside.kind === 'address') return { kind: 'address', ...sides };
  if (inside.kind === 'slot' && outside.kind === 'address') {
    return { kind: 'slot', ...sides, interface: inside.interface };
  }
  if (inside.kind === 'prefix' && outside.kind === 'prefix') {
    const { length } = inside;
    if (length === outside.length)
      return { kind: 'prefix', ...sides, length, ...(neutral && { neutral: true }) };
    return unequal('prefixes', `/${length}`, `/${outside.length}`);
  }
  if (inside.kind === 'port' && outside.kind === 'port') {
    const { protocol } = inside;
    if (protocol === outside.protocol) {
      return { kind: 'port', protocol, ...sides, insidePort: inside.port, outsidePort: outside.port };
    }
    const what = `maps ${protocol} onto ${outside.protocol}: both sides must be of one protocol`;
    return { code: 'mixed_protocols', what };
  }
  if (inside.kind === 'port_block' && outside.kind === 'port_block') {
    const { ports } = inside;
    if (ports === outside.ports) {
      return { kind: 'port_block', ...sides, insidePort: inside.port, outsidePort: outside.port, ports };
    }
    return unequal('blocks', `${ports} ports`, String(outside.ports));
  }
  return mixed(inside.kind, outside.kind);
}

const canBeNeutral = (endpoint: Endpoint): boolean =>
  endpoint.kind === 'prefix' && familyOf(endpoint.address) === 6 && endpoint.length <= MOST_NEUTRAL;

const unequal = (things: 'prefixes' | 'blocks', from: string, onto: string): Problem => ({
  code: `unequal_${things}`,
  what: `maps ${from} onto ${onto}: both ${things} must be of one size`,
});

/** Writes a mapping as `parseMapping` reads it. */
export function formatMapping(mapping: Mapping): string {
  const [inside, outside] = SIDES.map((side) => formatEndpoint(endpointOf(mapping, side)));
  return `${inside}=${outside}${mapping.kind === 'prefix' && mapping.neutral ? `,${NEUTRAL}` : ''}`;
}
