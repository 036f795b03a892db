// Where mappings nest: the shortcuts of the check against a model that sends every packet there can be.

import test from 'ava';
import fc from 'fast-check';
import { type Address, bitsOf, familyOf, type Side } from '../../src/nat/address.ts';
import { formatMapping, type Mapping, parseMapping } from '../../src/nat/mapping.ts';
import { mappingComplaints } from '../../src/nat/mapping-check.ts';
import { networkOf } from '../../src/nat/prefix.ts';

/** What a packet is looked up by; an ICMP query has its identifier for a port, `other` has none. */
interface Key {
  readonly address: Address;
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'other';
  readonly port: number;
  /** What it comes from, or goes to, where that is a slot's interface. */
  readonly slot?: string | undefined;
}

const other = (side: Side): Side => (side === 'inside' ? 'outside' : 'inside');
const plus = (address: Address, offset: Address): Address =>
  typeof address === 'bigint' ? address + BigInt(offset) : address + Number(offset);
const minus = (a: Address, b: Address): Address => (typeof a === 'bigint' ? a - BigInt(b) : a - Number(b));

/** What `mapping` makes of a packet that has `key` on `side`; undefined where it does not match. */
function translate(mapping: Mapping, side: Side, key: Key): Key | undefined {
  const onto = other(side);
  if (mapping.kind === 'prefix') {
    if (networkOf(key.address, mapping.length) !== mapping[side]) return undefined;
    return { ...key, address: plus(mapping[onto], minus(key.address, mapping[side])) };
  }
  if (key.address !== mapping[side]) return undefined;
  if (mapping.kind === 'slot') {
    const { interface: slot } = mapping;
    if (side === 'outside') return { ...key, address: mapping.inside, slot };
    return key.slot === slot ? { ...key, address: mapping.outside } : undefined;
  }
  if (mapping.kind === 'address') return { ...key, address: mapping[onto] };
  if (key.protocol === 'other') return undefined;
  const [from, to] = [mapping[`${side}Port`], mapping[`${onto}Port`]];
  if (mapping.kind === 'port' && key.protocol !== mapping.protocol) return undefined;
  const ports = mapping.kind === 'port' ? 1 : mapping.ports;
  if (key.port < from || key.port >= from + ports) return undefined;
  return { ...key, address: mapping[onto], port: key.port - from + to };
}

/** Port, port block, address, longest prefix; but what a slot sends is translated at its interface. */
function rank(mapping: Mapping, side: Side): number {
  if (mapping.kind === 'slot') return side === 'inside' ? 1001 : 998;
  if (mapping.kind === 'port') return 1000;
  if (mapping.kind === 'port_block') return 999;
  return mapping.kind === 'address' ? 998 : mapping.length;
}

function matching(list: readonly Mapping[], side: Side, key: Key): Mapping[] {
  return list
    .filter((mapping) => translate(mapping, side, key) !== undefined)
    .sort((a, b) => rank(b, side) - rank(a, side));
}

const SIZE = 8;
const PORTS = 4;
const SLOTS = ['tap0', 'tap1'] as const;

/** From and to anywhere and the slots of a list. */
function* keys(base: Address, list: readonly Mapping[]): Generator<Key> {
  const slots = list.map((mapping) => (mapping.kind === 'slot' ? mapping.interface : undefined));
  for (const slot of new Set([undefined, ...slots])) {
    for (let host = 0; host < SIZE; host++) {
      const address = plus(base, host);
      yield { address, protocol: 'other', port: 0, slot };
      for (const protocol of ['tcp', 'udp', 'icmp'] as const) {
        for (let port = 0; port < PORTS; port++) yield { address, protocol, port, slot };
      }
    }
  }
}

/** Whether two of one kind have a packet in common on a side. */
function clashes(list: readonly Mapping[], side: Side, base: Address): boolean {
  for (const key of keys(base, list)) {
    const [first, second] = matching(list, side, key);
    const ranks = matching(list, side, key).map((mapping) => rank(mapping, side));
    if (first !== undefined && second !== undefined && new Set(ranks).size < ranks.length) return true;
  }
  return false;
}

/** Whether the answer to every packet goes to the address that sent it, and something leaves by every mapping. */
function answered(list: readonly Mapping[], base: Address): boolean {
  const used = new Set<Mapping>();
  for (const key of keys(base, list)) {
    const [mapping] = matching(list, 'inside', key);
    if (mapping === undefined) continue;
    used.add(mapping);
    const outside = onTheWay(list, mapping, key);
    const [back] = matching(list, 'outside', outside);
    const answer = back && translate(back, 'outside', outside);
    if (answer?.address !== key.address) return false;
    if (answer.slot !== (mapping.kind === 'slot' ? mapping.interface : undefined)) return false;
  }
  return used.size === list.length;
}

/** As what a packet leaves. That of a slot meets the mappings of the outside interface as well. */
function onTheWay(list: readonly Mapping[], mapping: Mapping, key: Key): Key {
  const outside = { ...translate(mapping, 'inside', key)!, slot: undefined };
  if (mapping.kind !== 'slot') return outside;
  const [next] = matching(list, 'inside', outside);
  return next === undefined ? outside : translate(next, 'inside', outside)!;
}

/** Lists over eight addresses and four ports on each side. */
function lists(inside: Address, outside: Address): fc.Arbitrary<Mapping[]> {
  const host = fc.nat(SIZE - 1);
  const port = fc.integer({ min: 1, max: PORTS - 1 });
  const sides = (i: number, o: number) => ({ inside: plus(inside, i), outside: plus(outside, o) });
  const mapping = fc.oneof(
    fc.tuple(host, host).map(([i, o]): Mapping => ({ kind: 'address', ...sides(i, o) })),
    fc
      .tuple(host, host, fc.constantFrom(...SLOTS))
      .map(([i, o, slot]): Mapping => ({ kind: 'slot', interface: slot, ...sides(i, o) })),
    fc.tuple(fc.integer({ min: 1, max: 3 }), host, host).map(([free, i, o]): Mapping => {
      const length = bitsOf(familyOf(inside)) - free;
      const { inside: from, outside: onto } = sides(i, o);
      return { kind: 'prefix', inside: networkOf(from, length), outside: networkOf(onto, length), length };
    }),
    fc.tuple(host, host, port, port, fc.constantFrom('tcp' as const, 'udp' as const)).map(
      ([i, o, insidePort, outsidePort, protocol]): Mapping => ({
        kind: 'port',
        protocol,
        ...sides(i, o),
        insidePort,
        outsidePort,
      }),
    ),
    fc.tuple(host, host, fc.nat(PORTS - 1), fc.nat(PORTS - 1), fc.nat(PORTS - 1)).map(
      ([i, o, insidePort, outsidePort, more]): Mapping => ({
        kind: 'port_block',
        ...sides(i, o),
        insidePort,
        outsidePort,
        ports: 1 + Math.min(more, PORTS - 1 - insidePort, PORTS - 1 - outsidePort),
      }),
    ),
  );
  // Half of them keep hosts and ports, so that more nest without harm.
  const straight = mapping.map((one): Mapping => {
    const moved = { ...one, outside: plus(outside, minus(one.inside, inside)) };
    return 'outsidePort' in moved ? { ...moved, outsidePort: moved.insidePort } : moved;
  });
  return fc.array(fc.oneof(mapping, straight), { minLength: 1, maxLength: 7 });
}

for (const [family, inside, outside] of [
  ['IPv4', 0x0a000000, 0xcb007100],
  ['IPv6', 0xfd00n << 112n, 0x20010db8n << 96n],
  // Insides that are outsides.
  ['IPv4 onto itself', 0x0a000000, 0x0a000000],
] as const) {
  test(`a list is refused exactly where an answer goes astray: ${family}`, (t) => {
    const seen = { clashing: 0, shadowed: 0, sound: 0, nesting: 0 };
    fc.assert(
      fc.property(lists(inside, outside), (list) => {
        const complaints = mappingComplaints(list.map((mapping, i) => ({ mapping, origin: `#${i}` })));
        const codes = new Set(complaints.map(({ code }) => code));
        const clashing = clashes(list, 'inside', inside) || clashes(list, 'outside', outside);
        const text = list.map(formatMapping).join(' ');
        t.is(
          codes.has('duplicate') || codes.has('inside_taken') || codes.has('outside_taken'),
          clashing,
          text,
        );
        if (clashing) {
          seen.clashing++;
          return;
        }
        const sound = answered(list, inside);
        t.is(codes.has('shadowed'), !sound, text);
        if (!sound) seen.shadowed++;
        else {
          seen.sound++;
          if ([...keys(inside, list)].some((key) => matching(list, 'inside', key).length > 1)) seen.nesting++;
        }
      }),
      { numRuns: 4_000 },
    );
    // What is rare is not tested.
    t.true(Math.min(...Object.values(seen)) > 100, JSON.stringify(seen));
  });
}

const complaintsOf = (...texts: string[]): readonly { code: string; message: string }[] =>
  mappingComplaints(texts.map((text, i) => ({ mapping: parseMapping(text), origin: `f:${i + 1}` })));

const SOUND: readonly (readonly string[])[] = [
  // An exception of a prefix, of that, and of that.
  [
    '10.0.0.0/8=11.0.0.0/8',
    '10.1.0.0/16=100.64.0.0/16',
    '10.1.0.5=203.0.113.5',
    '10.1.0.5:1000-1999=203.0.113.6:5000-5999',
    '10.1.0.5:1500/tcp=203.0.113.7:80/tcp',
  ],
  // What would go astray is taken away by a third.
  ['10.1.0.0/24=203.0.113.0/24', '10.0.0.5=203.0.113.5', '10.1.0.5=203.0.114.5'],
  ['10.0.0.9=203.0.113.9', '10.0.0.6:8080/tcp=203.0.113.9:80/tcp', '10.0.0.9:80/tcp=203.0.113.10:80/tcp'],
  // A port of an address that is another one outside.
  ['10.0.0.6=203.0.113.6', '10.0.0.6:8080/tcp=203.0.113.6:80/tcp'],
  // Two addresses of a prefix changing places.
  ['10.0.0.0/24=203.0.113.0/24', '10.0.0.5=203.0.113.6', '10.0.0.6=203.0.113.5'],
  // A port of a block is another's, and the one it would have been has another.
  [
    '10.0.0.7:1000-1999=203.0.113.9:5000-5999',
    '10.0.0.6:80/tcp=203.0.113.9:5500/tcp',
    '10.0.0.7:1500/tcp=203.0.113.10:1500/tcp',
  ],
  ['fd00:1::/48=2001:db8:1::/48,neutral', 'fd00:1::5=2001:db8::5'],
  // The inside of slots is nobody else's.
  ['10.0.0.5=203.0.113.5', '10.0.0.5%tap6=203.0.113.6', '10.0.0.5%tap7=203.0.113.7'],
  ['10.0.0.0/24=203.0.113.0/24', '10.0.0.5%tap7=203.0.114.7', '10.0.0.5:80/tcp=203.0.114.5:80/tcp'],
  // And an exception of a prefix outside.
  ['10.1.0.0/24=203.0.113.0/24', '10.0.0.5%tap7=203.0.113.5', '10.1.0.5=203.0.114.5'],
  ['10.0.0.1=172.16.0.2', '172.16.0.2%tap7=203.0.113.7'],
  // Nothing leaves as 2001:db8:1:ffff::5, which has no inside.
  ['fd00:1::/48=2001:db8:1::/48,neutral', 'fd00::5=2001:db8:1:ffff::5'],
];
for (const texts of SOUND) {
  test(`sound: ${texts.join(' ')}`, (t) => t.deepEqual(complaintsOf(...texts), []));
}

const SHADOWED: readonly [texts: readonly string[], message: string][] = [
  [
    ['10.0.0.5=203.0.113.5', '10.1.0.0/24=203.0.113.0/24'],
    "f:2: mapping '10.1.0.0/24=203.0.113.0/24' with '10.0.0.5=203.0.113.5' at f:1: 10.1.0.5 would leave as " +
      '203.0.113.5, the answers going to 10.0.0.5: give 10.1.0.5 a mapping of its own, or leave one of these out',
  ],
  [
    ['10.1.0.0/24=203.0.113.0/24', '10.0.0.5=203.0.113.5'],
    "f:2: mapping '10.0.0.5=203.0.113.5' with '10.1.0.0/24=203.0.113.0/24' at f:1: 10.1.0.5 would leave as " +
      '203.0.113.5, the answers going to 10.0.0.5: give 10.1.0.5 a mapping of its own, or leave one of these out',
  ],
  [
    ['10.0.0.0/16=203.0.0.0/16', '10.1.0.0/24=203.0.113.0/24'],
    "f:2: mapping '10.1.0.0/24=203.0.113.0/24' with '10.0.0.0/16=203.0.0.0/16' at f:1: 10.0.113.0/24 would leave as " +
      '203.0.113.0/24, the answers going to 10.1.0.0/24: give 10.0.113.0/24 a mapping of its own, or leave one of these out',
  ],
  [
    ['10.0.0.9=203.0.113.9', '10.0.0.6:8080/tcp=203.0.113.9:80/tcp'],
    "f:2: mapping '10.0.0.6:8080/tcp=203.0.113.9:80/tcp' with '10.0.0.9=203.0.113.9' at f:1: 10.0.0.9:80/tcp would " +
      'leave as 203.0.113.9:80/tcp, the answers going to 10.0.0.6:8080/tcp: give 10.0.0.9:80/tcp a mapping of its own, ' +
      'or leave one of these out',
  ],
  [
    ['10.0.0.7:1000-1999=203.0.113.9:5000-5999', '10.0.0.6:80/tcp=203.0.113.9:5500/tcp'],
    "f:2: mapping '10.0.0.6:80/tcp=203.0.113.9:5500/tcp' with '10.0.0.7:1000-1999=203.0.113.9:5000-5999' at f:1: " +
      '10.0.0.7:1500/tcp would leave as 203.0.113.9:5500/tcp, the answers going to 10.0.0.6:80/tcp: give ' +
      '10.0.0.7:1500/tcp a mapping of its own, or leave one of these out',
  ],
  [
    ['10.0.0.0/31=203.0.113.0/31', '10.0.0.0=1.1.1.1', '10.0.0.1=1.1.1.2'],
    "f:3: mapping '10.0.0.1=1.1.1.2' with '10.0.0.0/31=203.0.113.0/31' at f:1: all of 10.0.0.0/31 is in mappings that " +
      'go before it: leave it out',
  ],
  [
    // That another has the slot's inside does not spare the prefix.
    ['10.1.0.0/24=203.0.113.0/24', '10.1.0.5%tap7=203.0.113.5'],
    "f:2: mapping '10.1.0.5%tap7=203.0.113.5' with '10.1.0.0/24=203.0.113.0/24' at f:1: 10.1.0.5 would leave as " +
      '203.0.113.5, the answers going to 10.1.0.5%tap7: give 10.1.0.5 a mapping of its own, or leave one of these out',
  ],
  [
    ['172.16.0.2%tap7=203.0.113.7', '172.16.0.2:80/tcp=203.0.113.7:80/tcp'],
    "f:2: mapping '172.16.0.2:80/tcp=203.0.113.7:80/tcp' with '172.16.0.2%tap7=203.0.113.7' at f:1: 172.16.0.2%tap7 " +
      'would leave as 203.0.113.7:80/tcp, the answers going to 172.16.0.2:80/tcp: leave one of these out',
  ],
  ...['203.0.113.7=1.1.1.1', '203.0.113.0/24=1.1.1.0/24', '203.0.113.7:1-2=1.1.1.1:1-2'].map(
    (text): [readonly string[], string] => {
      const [inside, outside] = text.split('=');
      return [
        ['172.16.0.2%tap7=203.0.113.7', text],
        `f:2: mapping '${text}' with '172.16.0.2%tap7=203.0.113.7' at f:1: 172.16.0.2%tap7 would leave as ${outside}, ` +
          `the answers going to ${inside}: leave one of these out`,
      ];
    },
  ),
  [
    // RFC 6296, appendix A: fd01:203:405:1::1234 leaves as 2001:db8:1:d550::1234.
    ['fd01:203:405::/48=2001:db8:1::/48,neutral', 'fd00::5=2001:db8:1:d550::1234'],
    "f:2: mapping 'fd00::5=2001:db8:1:d550::1234' with 'fd01:203:405::/48=2001:db8:1::/48,neutral' at f:1: " +
      'fd01:203:405:1::1234 would leave as 2001:db8:1:d550::1234, the answers going to fd00::5: ' +
      'give fd01:203:405:1::1234 a mapping of its own, or leave one of these out',
  ],
];
for (const [texts, message] of SHADOWED) {
  test(`shadowed: ${texts.join(' ')}`, (t) => {
    const [complaint, ...more] = complaintsOf(...texts);
    t.is(complaint?.code, 'shadowed');
    t.is(complaint?.message, message);
    t.deepEqual(more, []);
  });
}
