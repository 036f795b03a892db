// Tells what kind of thing one side of a mapping is meant to be, without reading the numbers in it, so that it is
// read, or refused, as what it is.

export type Kind = 'address' | 'prefix' | 'port' | 'port_block' | 'slot';

/** As used in sentences: "maps a port onto an address". */
export const KIND_NOUNS: { readonly [K in Kind]: string } = {
  address: 'an address',
  prefix: 'a prefix',
  port: 'a port',
  port_block: 'a port block',
  slot: 'a slot',
};

const KINDS: readonly { readonly kind: Kind; readonly pattern: RegExp }[] = [
  { kind: 'address', pattern: /^[\d.]*$/ },
  // 172.16.0.2%tap7
  { kind: 'slot', pattern: /^[^%]*%/ },
  // 10.0.0.7:1024-2047 and [fd00::7]:1024-2047
  { kind: 'port_block', pattern: /^(?:[^:[\]]*|\[.*\]):\d+-\d+(?:\/\w+)?$/ },
  // 10.0.0.6:8080/tcp and [fd00::6]:8080/tcp
  { kind: 'port', pattern: /^(?:[^:[\]]*|\[.*\]):[^:/]*(?:\/\w*)?$/ },
  // 10.1.0.0/16 and fd00:1::/48
  { kind: 'prefix', pattern: /\// },
];

/** What `text` is meant to be. Whether it is a valid one is for the parser of that kind to say. */
export function kindOf(text: string): Kind {
  return KINDS.find(({ pattern }) => pattern.test(text))?.kind ?? 'address';
}
