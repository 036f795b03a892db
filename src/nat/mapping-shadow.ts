// Mappings of several kinds, and prefixes of several lengths, may nest: on either side the narrowest goes first, by
// itself: port, port block, address, longest prefix. What must not come of it is that one inside sends by a mapping
// and the answers are another's. The rule: the answer to every packet that can leave goes to the address that sent it.
// Here it is held against what can break it, each mapping against the next wider ones; a test does so packet by packet.
//
// So exceptions are allowed: 10.1.0.0/16=100.64.0.0/16 with 10.1.0.5=203.0.113.5. Nobody leaves as 100.64.0.5 then,
// which still leads to 10.1.0.5. And so is a port of an address that is another port of the same address.
//
// A slot nests as an address does, but on its outside only. Its inside is that of packets from its interface, for which
// it goes before all others; to those of everybody else it is nothing, so 10.1.0.5 of a slot and of an address or prefix
// go together. Neither does it spare a prefix, nor has it ports of its own: its outside is its own, with every port, and is
// nobody's inside.

import { type Address, bitsOf, familyOf } from './address.ts';
import { type Endpoint, endpointOf } from './endpoint.ts';
import type {
  AddressMapping,
  Mapping,
  PortBlockMapping,
  PortMapping,
  PrefixMapping,
  SlotMapping,
} from './mapping.ts';
import type { MappingIndex, Position } from './mapping-index.ts';
import { translateNeutral } from './neutral.ts';
import type { Prefix } from './prefix.ts';

/** A list of mappings, and both of its sides. */
export interface MappingTable {
  at(position: Position): Mapping;
  readonly inside: MappingIndex;
  readonly outside: MappingIndex;
}

export interface Shadow {
  /** The mapping that goes first; of several the last in the list. */
  readonly by: Position;
  /** The wider one, which something leaves by and gets no answers; or which nothing ever leaves by. */
  readonly of: Position;
  /** What leaves by it and gets no answers; undefined where nothing does. */
  readonly sender?: Endpoint;
}

/** How the mapping at `position` and wider ones do not go together. */
export function shadowsOf(table: MappingTable, position: Position): Shadow[] {
  const mapping = table.at(position);
  switch (mapping.kind) {
    case 'address':
      return answersTaken(table, position, mapping);
    case 'slot':
      return [...translatedTwice(table, position, mapping), ...answersTaken(table, position, mapping)];
    case 'prefix':
      return [...neverUsed(table, position, mapping), ...answersTaken(table, position, mapping)];
    case 'port':
      return [...portOfBlock(table, position, mapping), ...portsOfAddress(table, position, mapping)];
    case 'port_block':
      return portsOfAddress(table, position, mapping);
  }
}

/** All of a prefix is in narrower mappings. */
function neverUsed({ inside }: MappingTable, position: Position, mapping: PrefixMapping): Shadow[] {
  const { inside: address, length } = mapping;
  const by = inside.covered({ address, length }, length);
  return by === undefined ? [] : [{ by, of: position }];
}

/** An address or prefix within a wider prefix on the outside: what leaves by that as one of these needs to be none. */
function answersTaken(
  table: MappingTable,
  position: Position,
  mapping: AddressMapping | PrefixMapping | SlotMapping,
): Shadow[] {
  const length = lengthOf(mapping);
  const wider = table.outside.prefix(mapping.outside, length);
  if (wider === undefined) return [];
  const prefix = table.at(wider) as PrefixMapping;
  const sender = senderOf(prefix, { address: mapping.outside, length });
  if (sender === undefined || table.inside.covered(sender, prefix.length) !== undefined) return [];
  return [{ by: position, of: wider, sender: endpointOfPrefix(sender) }];
}

/**
 * What a slot sends has its outside from the slot's interface on, and so is that of an inside when it leaves. Its answers
 * are looked up once.
 */
function translatedTwice({ inside }: MappingTable, position: Position, mapping: SlotMapping): Shadow[] {
  const { outside } = mapping;
  const by = inside.anyPort(outside) ?? inside.address(outside) ?? inside.prefix(outside);
  return by === undefined ? [] : [{ by, of: position, sender: endpointOf(mapping, 'inside') }];
}

/** A port within a port block on the outside. */
function portOfBlock(table: MappingTable, position: Position, mapping: PortMapping): Shadow[] {
  const { protocol, inside, outside, outsidePort } = mapping;
  const wider = table.outside.block(outside, outsidePort);
  if (wider === undefined) return [];
  const block = table.at(wider) as PortBlockMapping;
  const port = block.insidePort + outsidePort - block.outsidePort;
  if (block.inside === inside || table.inside.port(block.inside, port, protocol) !== undefined) return [];
  return [{ by: position, of: wider, sender: { kind: 'port', address: block.inside, port, protocol } }];
}

/** A port or port block of an outside that is, alone or in a prefix, an outside as a whole. Ports stay what they are. */
function portsOfAddress(
  table: MappingTable,
  position: Position,
  mapping: PortMapping | PortBlockMapping,
): Shadow[] {
  const { outside, outsidePort: port } = mapping;
  const wider = table.outside.address(outside) ?? table.outside.prefix(outside);
  if (wider === undefined) return [];
  const whole = table.at(wider) as AddressMapping | PrefixMapping | SlotMapping;
  if (whole.kind === 'slot') return [{ by: position, of: wider, sender: endpointOf(whole, 'inside') }];
  const sender =
    whole.kind === 'address' ? wholeAddress(whole.inside) : senderOf(whole, wholeAddress(outside));
  if (sender === undefined || sender.address === mapping.inside) return [];
  if (whole.kind === 'prefix' && table.inside.covered(sender, whole.length) !== undefined) return [];
  const { address } = sender;
  if (mapping.kind === 'port') {
    const { protocol } = mapping;
    const other = table.inside.port(address, port, protocol) ?? table.inside.block(address, port);
    return other === undefined
      ? [{ by: position, of: wider, sender: { kind: 'port', address, port, protocol } }]
      : [];
  }
  const { ports } = mapping;
  // Ports by themselves leave the ICMP identifiers of a block to the address.
  if (table.inside.blocksCover(address, port, port + ports - 1)) return [];
  return [{ by: position, of: wider, sender: { kind: 'port_block', address, port, ports } }];
}

/** What leaves by `prefix` as `outside`, which is in its outside; undefined where nothing does. */
function senderOf(prefix: PrefixMapping, outside: Prefix): Prefix | undefined {
  if (prefix.neutral !== true) {
    return { address: moved(outside.address, prefix.outside, prefix.inside), length: outside.length };
  }
  if (outside.length === bitsOf(6)) {
    const address = translateNeutral(prefix, 'outside', outside.address as bigint);
    return address === undefined ? undefined : wholeAddress(address);
  }
  // What a prefix comes from is spread; that it may be any of them is on the safe side.
  return { address: prefix.inside, length: prefix.length };
}

function moved(address: Address, from: Address, onto: Address): Address {
  return typeof address === 'bigint'
    ? address - BigInt(from) + BigInt(onto)
    : address - Number(from) + Number(onto);
}

const wholeAddress = (address: Address): Prefix => ({ address, length: bitsOf(familyOf(address)) });

const lengthOf = (mapping: AddressMapping | PrefixMapping | SlotMapping): number =>
  mapping.kind === 'prefix' ? mapping.length : bitsOf(familyOf(mapping.inside));

function endpointOfPrefix({ address, length }: Prefix): Endpoint {
  return length === bitsOf(familyOf(address))
    ? { kind: 'address', address }
    : { kind: 'prefix', address, length };
}
