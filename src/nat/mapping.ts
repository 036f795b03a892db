// A mapping: which inside address is which outside address. Addresses are numbers here (host order), text at the edges.
// Today IPv4 addresses only; the other kinds of the mapping language are recognised and refused by name.

import { type Address, AddressError, formatIpv4, parseIpv4, type Side } from './address.ts';
import { type Complaint, type ComplaintCode, complain, MappingError } from './mapping-error.ts';
import { KIND_NOUNS, type Kind, type Shape, shapeOf } from './mapping-shape.ts';

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

export type Mapping = AddressMapping | PrefixMapping | PortMapping | PortBlockMapping;

const EXAMPLE = 'INSIDE=OUTSIDE, such as 10.0.0.5=203.0.113.5';

/**
 * Reads a mapping as written on a command line: `10.0.0.5=203.0.113.5`.
 *
 * @param origin where the text came from, for the messages: `--map #2`.
 * @throws MappingError
 */
export function parseMapping(text: string, origin?: string): Mapping {
  const sides = text.split('=');
  const [inside, outside] = sides;
  if (sides.length !== 2 || inside === undefined || outside === undefined) {
    const why = sides.length < 2 ? "has no '='" : "has more than one '='";
    throw new MappingError([complain('bad_mapping', origin, `mapping '${text}' ${why}: write ${EXAMPLE}`)]);
  }
  if (inside === '' || outside === '') {
    const side = inside === '' ? 'inside' : 'outside';
    const message = `mapping '${text}' has no ${side} address: write ${EXAMPLE}`;
    throw new MappingError([complain('bad_mapping', origin, message)]);
  }
  return parseSides(inside, outside, origin);
}

/**
 * Reads a mapping whose two sides are already apart, as in a mapping file.
 *
 * @throws MappingError with a complaint for each side that is wrong.
 */
export function parseSides(inside: string, outside: string, origin?: string): Mapping {
  const unfit = shapeProblem(inside, shapeOf(inside), outside, shapeOf(outside));
  if (unfit !== undefined) throw new MappingError([complain(unfit.code, origin, unfit.message)]);
  const complaints: Complaint[] = [];
  const read = (side: Side, text: string): number => {
    try {
      return parseIpv4(text);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      complaints.push(
        complain('bad_address', origin, `mapping '${inside}=${outside}': ${side} ${error.message}`),
      );
      return 0;
    }
  };
  const mapping: Mapping = {
    kind: 'address',
    inside: read('inside', inside),
    outside: read('outside', outside),
  };
  if (complaints.length > 0) throw new MappingError(complaints);
  return mapping;
}

/** What the two sides cannot be, taken together. */
function shapeProblem(
  inside: string,
  insideShape: Shape,
  outside: string,
  outsideShape: Shape,
): { code: ComplaintCode; message: string } | undefined {
  const problem = (code: ComplaintCode, what: string): { code: ComplaintCode; message: string } => ({
    code,
    message: `mapping '${inside}=${outside}' ${what}`,
  });
  if (insideShape.family !== outsideShape.family) {
    return problem('mixed_families', 'mixes IPv4 and IPv6: both sides must be of one family');
  }
  if (outsideShape.kind === 'slot') {
    return problem('mixed_kinds', 'has a slot (%) on the outside: a slot names an inside interface');
  }
  // A slot stands for an address.
  const expected: Kind = insideShape.kind === 'slot' ? 'address' : insideShape.kind;
  if (expected !== outsideShape.kind) {
    const [from, onto] = [KIND_NOUNS[insideShape.kind], KIND_NOUNS[outsideShape.kind]];
    return problem('mixed_kinds', `maps ${from} onto ${onto}: both sides must be of one kind`);
  }
  if (insideShape.kind !== 'address') {
    const kind = insideShape.kind.replace('_', ' ');
    const wayOut =
      /\/32$/.test(inside) && /\/32$/.test(outside) ? 'leave out the /32' : 'map single addresses';
    return problem(
      'not_supported',
      `is a ${kind} mapping; ${kind} mappings are not supported yet: ${wayOut}`,
    );
  }
  if (insideShape.family === 6) {
    return problem(
      'not_supported',
      'is an IPv6 mapping; IPv6 mappings are not supported yet: map IPv4 addresses',
    );
  }
  return undefined;
}

/** Writes a mapping as `parseMapping` reads it. */
export function formatMapping(mapping: Mapping): string {
  return `${formatIpv4(mapping.inside)}=${formatIpv4(mapping.outside)}`;
}
