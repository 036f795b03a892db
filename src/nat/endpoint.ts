// One side of a mapping: what stands on the left or on the right of its `=`.

import { interfaceNameProblem } from '../interface-name.ts';
import { type Address, formatAddress, parseAddress, type Side } from './address.ts';
import { AddressError } from './address-error.ts';
import type { Mapping, PortProtocol } from './mapping.ts';
import { kindOf } from './mapping-shape.ts';
import { formatPrefix, parsePrefix } from './prefix.ts';

/** What one side says; of a mapping both sides have the same kind, but for slots. */
export type Endpoint =
  | { readonly kind: 'address'; readonly address: Address }
  | { readonly kind: 'prefix'; readonly address: Address; readonly length: number }
  | {
      readonly kind: 'port';
      readonly address: Address;
      readonly port: number;
      readonly protocol: PortProtocol;
    }
  | { readonly kind: 'port_block'; readonly address: Address; readonly port: number; readonly ports: number }
  /** An inside at its interface; such a mapping's outside is an address. */
  | { readonly kind: 'slot'; readonly address: Address; readonly interface: string };

const PORT_MAX = 0xffff;
const PROTOCOLS: readonly PortProtocol[] = ['tcp', 'udp'];

/** What is meant by it cannot be told for sure, an address ending in decimal digits as well. */
const WITHOUT_BRACKETS = /^([0-9a-f:]*:[0-9a-f:]*):(\d+(?:-\d+|\/[a-z]+))$/i;

/** One side of `mapping`. */
export function endpointOf(mapping: Mapping, side: Side): Endpoint {
  const address = mapping[side];
  switch (mapping.kind) {
    case 'address':
      return { kind: 'address', address };
    case 'prefix':
      return { kind: 'prefix', address, length: mapping.length };
    case 'port':
      return { kind: 'port', address, port: mapping[`${side}Port`], protocol: mapping.protocol };
    case 'port_block':
      return { kind: 'port_block', address, port: mapping[`${side}Port`], ports: mapping.ports };
    case 'slot':
      return side === 'inside'
        ? { kind: 'slot', address, interface: mapping.interface }
        : { kind: 'address', address };
  }
}

/**
 * Reads one side: `10.0.0.5`, `10.1.0.0/16`, `10.0.0.6:8080/tcp`, `[fd00::7]:1024-2047`,
 * `172.16.0.2%tap7`. A prefix that holds one
 * address alone is that address.
 *
 * @throws AddressError saying what is wrong and why.
 */
export function parseEndpoint(text: string): Endpoint {
  const [, host, rest] = WITHOUT_BRACKETS.exec(text) ?? [];
  if (host !== undefined) {
    throw new AddressError(
      `'${text}': an IPv6 address with ports stands in brackets: write [${host}]:${rest}`,
    );
  }
  switch (kindOf(text)) {
    case 'prefix': {
      const { address, length } = parsePrefix(text);
      const single = length === (typeof address === 'bigint' ? 128 : 32);
      return single ? { kind: 'address', address } : { kind: 'prefix', address, length };
    }
    case 'port':
      return readPort(text);
    case 'port_block':
      return readBlock(text);
    case 'slot':
      return readSlot(text);
    case 'address':
      return { kind: 'address', address: parseAddress(text) };
  }
}

/** `10.0.0.6` and `8080/tcp` of `10.0.0.6:8080/tcp`; an IPv6 address without its brackets. */
function splitHost(text: string): { address: Address; rest: string } {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon);
  const bracketed = /^\[(.*)\]$/.exec(host)?.[1];
  if (bracketed !== undefined && !bracketed.includes(':')) {
    throw new AddressError(`'${text}': brackets ([]) are for IPv6 addresses`);
  }
  return { address: parseAddress(bracketed ?? host), rest: text.slice(colon + 1) };
}

function readPort(text: string): Endpoint {
  const { address, rest } = splitHost(text);
  const [digits = '', protocol] = rest.split('/');
  const port = readNumber(text, digits, 1);
  const known = PROTOCOLS.find((candidate) => candidate === protocol);
  if (known !== undefined) return { kind: 'port', address, port, protocol: known };
  const why = protocol === undefined ? 'it names no protocol' : `protocol '${protocol}' has no port mappings`;
  throw new AddressError(`'${text}' is not a port: ${why}: write /tcp or /udp behind it`);
}

function readBlock(text: string): Endpoint {
  const { address, rest } = splitHost(text);
  const [range = '', protocol] = rest.split('/');
  if (protocol !== undefined) {
    throw new AddressError(
      `'${text}' is not a port block: a block is of TCP, UDP and ICMP identifiers together: leave out /${protocol}`,
    );
  }
  const [first, last] = range.split('-').map((digits) => readNumber(text, digits, 0)) as [number, number];
  if (first > last) throw new AddressError(`'${text}' is not a port block: it ends before it begins`);
  return { kind: 'port_block', address, port: first, ports: last - first + 1 };
}

/** The first `%` ends the address. `=`, which interfaces may have in their names, ends the inside of a mapping. */
function readSlot(text: string): Endpoint {
  const at = text.indexOf('%');
  const [host, name] = [text.slice(0, at), text.slice(at + 1)];
  if (kindOf(host) !== 'address') {
    throw new AddressError(`'${text}': a slot is one address at one interface: write ADDRESS%INTERFACE`);
  }
  const problem = name.includes('=') ? "has '=' in it" : interfaceNameProblem(name);
  if (problem !== undefined)
    throw new AddressError(`'${text}' is not a slot: its interface's name ${problem}`);
  return { kind: 'slot', address: parseAddress(host), interface: name };
}

function readNumber(text: string, digits: string, least: number): number {
  const port = Number(digits);
  if (/^(?:0|[1-9]\d{0,4})$/.test(digits) && port >= least && port <= PORT_MAX) return port;
  throw new AddressError(`'${text}': port '${digits}' is not a number from ${least} to ${PORT_MAX}`);
}

/** Writes one side as `parseEndpoint` reads it. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'address') return formatAddress(endpoint.address);
  if (endpoint.kind === 'prefix') return formatPrefix(endpoint);
  if (endpoint.kind === 'slot') return `${formatAddress(endpoint.address)}%${endpoint.interface}`;
  const host =
    typeof endpoint.address === 'bigint'
      ? `[${formatAddress(endpoint.address)}]`
      : formatAddress(endpoint.address);
  if (endpoint.kind === 'port') return `${host}:${endpoint.port}/${endpoint.protocol}`;
  return `${host}:${endpoint.port}-${endpoint.port + endpoint.ports - 1}`;
}
