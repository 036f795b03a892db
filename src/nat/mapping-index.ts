// All that a list of mappings has on one of its two sides, found as a packet finds it: by port, port block, address,
// longest prefix. Nothing is searched linearly, so that a million mappings are checked in seconds.

import { type Address, addressKey, bitsOf, familyOf, formatAddress, type Side } from './address.ts';
import type { Mapping, PortProtocol } from './mapping.ts';
import { networkOf, type Prefix } from './prefix.ts';

/** Place of a mapping in the list. */
export type Position = number;

interface Block {
  readonly first: number;
  readonly last: number;
  readonly position: Position;
}

/** What an address has by ports. */
interface Ports {
  readonly single: Map<string, Position>;
  /** In order, none overlapping another. */
  readonly blocks: Block[];
}

export class MappingIndex {
  readonly #side: Side;
  readonly #addresses = new Map<Address, Position>();
  /** By length; a bigint and a number are never the same key. */
  readonly #prefixes = new Map<number, Map<Address, Position>>();
  /** Those there are, longest first. */
  #lengths: readonly number[] = [];
  readonly #ports = new Map<Address, Ports>();
  /** Insides of slots: apart from addresses, which are looked up where it does not matter whence a packet comes. */
  readonly #slots = new Map<string, Position>();

  constructor(side: Side) {
    this.#side = side;
  }

  /** Takes a mapping in, unless one of its kind has some of it already, whose position is returned then. */
  add(mapping: Mapping, position: Position): Position | undefined {
    const address = mapping[this.#side];
    switch (mapping.kind) {
      case 'address':
        return addTo(this.#addresses, addressKey(address), position);
      case 'prefix':
        return addTo(this.#prefixesOf(mapping.length), addressKey(address), position);
      case 'port': {
        const key = portKey(mapping[`${this.#side}Port`], mapping.protocol);
        return addTo(this.#portsOf(address).single, key, position);
      }
      case 'port_block': {
        const first = mapping[`${this.#side}Port`];
        return addBlock(this.#portsOf(address).blocks, { first, last: first + mapping.ports - 1, position });
      }
      case 'slot':
        return this.#side === 'inside'
          ? addTo(this.#slots, `${formatAddress(address)}%${mapping.interface}`, position)
          : addTo(this.#addresses, addressKey(address), position);
    }
  }

  /** The mapping of this very address; on the outside it may be that of a slot. */
  address(address: Address): Position | undefined {
    return this.#addresses.get(addressKey(address));
  }

  /** The longest prefix that `address` is in, of those shorter than `limit`. */
  prefix(address: Address, limit: number = bitsOf(familyOf(address))): Position | undefined {
    for (const length of this.#lengths) {
      if (length >= limit) continue;
      const found = this.#prefixes.get(length)?.get(addressKey(networkOf(address, length)));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  port(address: Address, port: number, protocol: PortProtocol): Position | undefined {
    return this.#ports.get(addressKey(address))?.single.get(portKey(port, protocol));
  }

  /** One of the ports and port blocks of an address. */
  anyPort(address: Address): Position | undefined {
    const ports = this.#ports.get(addressKey(address));
    return ports?.single.values().next().value ?? ports?.blocks[0]?.position;
  }

  block(address: Address, port: number): Position | undefined {
    return this.#blockAt(address, port)?.position;
  }

  /** Whether port blocks have every port from `first` to `last` of an address. */
  blocksCover(address: Address, first: number, last: number): boolean {
    for (let port = first; port <= last; ) {
      const block = this.#blockAt(address, port);
      if (block === undefined) return false;
      port = block.last + 1;
    }
    return true;
  }

  /**
   * Whether every address of a prefix has a mapping of its own or is in a prefix longer than `length`, which is at most
   * its own: the last position of the mappings that together cover it, or undefined. It is gone through from mapping to
   * mapping, as far as that goes.
   */
  covered({ address: start, length: size }: Prefix, length: number): Position | undefined {
    const last = lastOf(start, size);
    let latest = 0;
    for (let address = start; ; ) {
      const found = this.#widest(address, length);
      if (found === undefined) return undefined;
      latest = Math.max(latest, found.position);
      if (found.last >= last) return latest;
      address = next(found.last);
    }
  }

  /** The widest that has `address`, of the prefixes longer than `length` and the addresses; and its last address. */
  #widest(address: Address, length: number): { position: Position; last: Address } | undefined {
    const bits = bitsOf(familyOf(address));
    const has = (size: number): boolean =>
      this.#prefixes.get(size)?.has(addressKey(networkOf(address, size))) === true;
    // The shortest is the last.
    const widest = this.#lengths.findLast((size) => size > length && size < bits && has(size));
    if (widest !== undefined) {
      const network = networkOf(address, widest);
      const position = this.#prefixes.get(widest)!.get(addressKey(network))!;
      return { position, last: lastOf(network, widest) };
    }
    const position = this.address(address);
    return position === undefined ? undefined : { position, last: address };
  }

  #prefixesOf(length: number): Map<Address, Position> {
    const known = this.#prefixes.get(length);
    if (known !== undefined) return known;
    const made = new Map<Address, Position>();
    this.#prefixes.set(length, made);
    this.#lengths = [...this.#prefixes.keys()].sort((a, b) => b - a);
    return made;
  }

  #portsOf(address: Address): Ports {
    const key = addressKey(address);
    const known = this.#ports.get(key);
    if (known !== undefined) return known;
    const made: Ports = { single: new Map(), blocks: [] };
    this.#ports.set(key, made);
    return made;
  }

  #blockAt(address: Address, port: number): Block | undefined {
    const blocks = this.#ports.get(addressKey(address))?.blocks ?? [];
    const block = blocks[placeOf(blocks, port)];
    return block !== undefined && block.first <= port ? block : undefined;
  }
}

const portKey = (port: number, protocol: PortProtocol): string => `${port}/${protocol}`;

function addTo<K>(map: Map<K, Position>, key: K, position: Position): Position | undefined {
  const taken = map.get(key);
  if (taken === undefined) map.set(key, position);
  return taken;
}

function addBlock(blocks: Block[], block: Block): Position | undefined {
  const place = placeOf(blocks, block.first);
  const following = blocks[place];
  if (following !== undefined && following.first <= block.last) return following.position;
  blocks.splice(place, 0, block);
  return undefined;
}

/** Where the first block is that does not end before `port`. */
function placeOf(blocks: readonly Block[], port: number): number {
  let [low, high] = [0, blocks.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (blocks[middle]!.last < port) low = middle + 1;
    else high = middle;
  }
  return low;
}

function lastOf(network: Address, length: number): Address {
  const hostBits = bitsOf(familyOf(network)) - length;
  return typeof network === 'bigint' ? network + (1n << BigInt(hostBits)) - 1n : network + 2 ** hostBits - 1;
}

const next = (address: Address): Address => (typeof address === 'bigint' ? address + 1n : address + 1);
