// Mappings as plain data, and the text they are written in; a parser of its own, so that the product's is not believed.
//
//   10.0.0.5=203.0.113.5                        address
//   10.1.0.0/16=100.64.0.0/16                   prefix; `,neutral` behind it for RFC 6296
//   10.0.0.6:8080/tcp=203.0.113.9:80/tcp        port; IPv6 in brackets
//   10.0.0.7:1024-2047=203.0.113.9:1024-2047    port block

import { type Address, addressBytes, ip4, TCP, UDP } from '../wire.ts';

export type Mapping =
  | { readonly kind: 'address'; readonly inside: Address; readonly outside: Address }
  | {
      readonly kind: 'prefix';
      readonly inside: Address;
      readonly outside: Address;
      readonly length: number;
      readonly neutral: boolean;
    }
  | {
      readonly kind: 'port';
      readonly protocol: number;
      readonly inside: Address;
      readonly insidePort: number;
      readonly outside: Address;
      readonly outsidePort: number;
    }
  | {
      readonly kind: 'port_block';
      readonly inside: Address;
      readonly insidePort: number;
      readonly outside: Address;
      readonly outsidePort: number;
      readonly ports: number;
    };

/** Traffic with this other end is translated, or it is not. */
export interface Destination {
  readonly network: Address;
  readonly length: number;
  readonly translate: boolean;
}

const PROTOCOLS: { readonly [name: string]: number } = { tcp: TCP, udp: UDP };

export const widthOf = (address: Address): 32 | 128 => (typeof address === 'number' ? 32 : 128);

/** RFC 4291, section 2.2; the mixed form is not needed here. */
export function ip6(text: string): bigint {
  const [head = '', tail] = text.split('::') as [string, string?];
  const words = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [left, right] = [words(head), words(tail ?? '')];
  const gap = Array<string>(8 - left.length - right.length).fill('0');
  const all = tail === undefined ? left : [...left, ...gap, ...right];
  return all.reduce((sum, word) => (sum << 16n) | BigInt(`0x${word}`), 0n);
}

export const ip = (text: string): Address => (text.includes(':') ? ip6(text) : ip4(text));

interface Side {
  readonly address: Address;
  readonly length?: number;
  readonly first?: number;
  readonly last?: number;
  readonly protocol?: string;
}

/** Address in brackets or not, then `/length`, or `:first-last/protocol`. */
const SIDE = /^(?:\[(.+)\]|([\d.]+|[^/[]+))(?:\/(\d+)|:(\d+)(?:-(\d+))?(?:\/(\w+))?)?$/;

function side(text: string): Side {
  // Without brackets the colons of an IPv6 address are its own.
  const bare = text.includes(':') && !text.includes('.') && !text.startsWith('[');
  const [whole, length] = bare ? text.split('/') : [];
  if (whole !== undefined) {
    return { address: ip(whole), ...(length === undefined ? {} : { length: Number(length) }) };
  }
  const match = SIDE.exec(text);
  if (match === null) throw new Error(`no side of a mapping: ${text}`);
  const [, bracketed, plain, bits, first, last, protocol] = match;
  return {
    address: ip((bracketed ?? plain)!),
    ...(bits === undefined ? {} : { length: Number(bits) }),
    ...(first === undefined ? {} : { first: Number(first) }),
    ...(last === undefined ? {} : { last: Number(last) }),
    ...(protocol === undefined ? {} : { protocol }),
  };
}

export function mapping(text: string): Mapping {
  const [pair, option] = text.split(',');
  const [left, right] = pair!.split('=').map(side) as [Side, Side];
  const ends = { inside: left.address, outside: right.address };
  if (left.length !== undefined) {
    return { kind: 'prefix', ...ends, length: left.length, neutral: option === 'neutral' };
  }
  if (left.first === undefined) return { kind: 'address', ...ends };
  const ports = { insidePort: left.first, outsidePort: right.first! };
  if (left.protocol !== undefined) {
    return { kind: 'port', ...ends, ...ports, protocol: PROTOCOLS[left.protocol]! };
  }
  return { kind: 'port_block', ...ends, ...ports, ports: left.last! - left.first + 1 };
}

export const mappings = (...texts: readonly string[]): readonly Mapping[] => texts.map(mapping);

/** `10.0.0.0/8` is not translated for, `+10.0.0.0/8` is. A list of what is included excludes all else by a length of 0. */
export function destination(text: string): Destination {
  const translate = text.startsWith('+');
  const [network, length] = text.replace('+', '').split('/');
  return { network: ip(network!), length: Number(length), translate };
}

/** Whether the first `length` bits are the same; never of two families. */
export function within(address: Address, network: Address, length: number): boolean {
  if (typeof address !== typeof network) return false;
  const host = BigInt(widthOf(address) - length);
  return BigInt(address) >> host === BigInt(network) >> host;
}

const words = (address: bigint): string[] =>
  Array.from({ length: 8 }, (_, i) => ((address >> BigInt(16 * (7 - i))) & 0xffffn).toString(16));

export const addressText = (address: Address): string =>
  typeof address === 'bigint' ? words(address).join(':') : addressBytes(address).join('.');

/** As it is read. */
export function mappingText(one: Mapping): string {
  const side = (address: Address, rest: string): string =>
    rest.startsWith(':') && typeof address === 'bigint'
      ? `[${addressText(address)}]${rest}`
      : `${addressText(address)}${rest}`;
  const both = (inside: string, outside: string): string =>
    `${side(one.inside, inside)}=${side(one.outside, outside)}`;
  switch (one.kind) {
    case 'address':
      return both('', '');
    case 'prefix':
      return `${both(`/${one.length}`, `/${one.length}`)}${one.neutral ? ',neutral' : ''}`;
    case 'port': {
      const protocol = one.protocol === TCP ? 'tcp' : 'udp';
      return both(`:${one.insidePort}/${protocol}`, `:${one.outsidePort}/${protocol}`);
    }
    case 'port_block': {
      const last = one.ports - 1;
      return both(
        `:${one.insidePort}-${one.insidePort + last}`,
        `:${one.outsidePort}-${one.outsidePort + last}`,
      );
    }
  }
}
