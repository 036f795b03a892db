// Mappings and what went by them, as text for people and as JSON for programs. docs/mappings.md says what JSON has.

import { compareInterfaceNames } from '../interface-name.ts';
import { compareAddresses } from '../nat/address.ts';
import { endpointOf, formatEndpoint } from '../nat/endpoint.ts';
import type { MappingState } from '../nat/instance/types.ts';
import type { Mapping } from '../nat/mapping.ts';
import type { Output } from './output.ts';
import { grouped, readableBytes, table } from './table.ts';

/** Both sides as they are written on either side of `=`. */
interface MappingJson {
  readonly kind: Mapping['kind'];
  readonly inside: string;
  readonly outside: string;
  readonly neutral?: true;
  /** Of a slot; part of `inside` as well. */
  readonly interface?: string;
}

export function mappingJson(mapping: Mapping): MappingJson {
  return {
    kind: mapping.kind,
    inside: formatEndpoint(endpointOf(mapping, 'inside')),
    outside: formatEndpoint(endpointOf(mapping, 'outside')),
    ...(mapping.kind === 'prefix' && mapping.neutral && { neutral: true }),
    ...(mapping.kind === 'slot' && { interface: mapping.interface }),
  };
}

/** By the inside address, then the wider first; slots last, by their interfaces. */
export function compareInsides(a: Mapping, b: Mapping): number {
  return (
    compareAddresses(a.inside, b.inside) ||
    widthOf(b) - widthOf(a) ||
    portOf(a) - portOf(b) ||
    compareInterfaces(a, b)
  );
}

/** Prefixes by their length, then addresses, ports, slots. */
function widthOf(mapping: Mapping): number {
  if (mapping.kind === 'prefix') return 128 - mapping.length;
  if (mapping.kind === 'address') return -1;
  return mapping.kind === 'slot' ? -3 : -2;
}

/** tap9 before tap10. */
function compareInterfaces(a: Mapping, b: Mapping): number {
  if (a.kind !== 'slot' || b.kind !== 'slot') return 0;
  return compareInterfaceNames(a.interface, b.interface);
}

const portOf = (mapping: Mapping): number => ('insidePort' in mapping ? mapping.insidePort : 0);

export function mappingsTable(states: readonly MappingState[], output: Output): string {
  return table(
    [
      { heading: 'inside' },
      { heading: 'outside' },
      { heading: 'packets out', align: 'right' },
      { heading: 'bytes out', align: 'right' },
      { heading: 'packets in', align: 'right' },
      { heading: 'bytes in', align: 'right' },
    ],
    states.map(({ mapping, outbound, inbound }) => {
      const { inside, outside, neutral } = mappingJson(mapping);
      return [
        inside,
        neutral ? `${outside},neutral` : outside,
        grouped(outbound.packets),
        readableBytes(outbound.bytes),
        grouped(inbound.packets),
        readableBytes(inbound.bytes),
      ];
    }),
    (heading) => output.bold(heading),
  );
}
