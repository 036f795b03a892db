// Tells what kind of thing one side of a mapping is meant to be, without reading the numbers in it, so that
// a kind that is not supported yet, or does not go with the other side, is refused by its name.

import type { Family } from './address.ts';
import { looksLikeIpv6 } from './ipv6.ts';

export type Kind = 'address' | 'prefix' | 'port' | 'port_block' | 'slot';

export interface Shape {
  readonly kind: Kind;
  readonly family: Family;
}

/** As used in sentences: "maps a port onto an address". */
export const KIND_NOUNS: { readonly [K in Kind]: string } = {
  address: 'an address',
  prefix: 'a prefix',
  port: 'a port',
  port_block: 'a port block',
  slot: 'a slot',
};

const KINDS: readonly { readonly kind: Kind; readonly pattern: RegExp }[] = [
  // 172.16.0.2%tap7
  { kind: 'slot', pattern: /^[^%]*%/ },
  // 10.0.0.7:1024-2047 and [fd00::7]:1024-2047
  { kind: 'port_block', pattern: /^(?:[^:[\]]*|\[.*\]):\d+-\d+(?:\/\w+)?$/ },
  // 10.0.0.6:8080/tcp and [fd00::6]:8080/tcp
  { kind: 'port', pattern: /^(?:[^:[\]]*|\[.*\]):[^:/]*(?:\/\w*)?$/ },
  // 10.1.0.0/16 and fd00:1::/48
  { kind: 'prefix', pattern: /\// },
];

const IPV4_ADDRESS: Shape = { kind: 'address', family: 4 };

/** What `text` is meant to be. Whether it is a valid one is for the parser of that kind to say. */
export function shapeOf(text: string): Shape {
  if (/^[\d.]*$/.test(text)) return IPV4_ADDRESS;
  const kind = KINDS.find(({ pattern }) => pattern.test(text))?.kind ?? 'address';
  const bracketed = /^\[(.*)\]/.exec(text)?.[1];
  const host = bracketed ?? text.replace(/[%/].*$/, '');
  return { kind, family: looksLikeIpv6(host) ? 6 : 4 };
}
