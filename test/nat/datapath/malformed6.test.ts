// IPv6 that contradicts itself, and chains of extension headers at their limits: not a byte changes, the reason is counted,
// and the policy decides. Also what is long, strange, and sound.

import test from 'ava';
import { ip6 } from './support/reference/mappings.ts';
import { leaves, Rig, translates } from './support/rig.ts';
import {
  type Bytes,
  be16,
  bytes,
  ETH_P_IPV6,
  ETHERNET,
  frame,
  join,
  patch,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';
import {
  DESTINATION_OPTIONS,
  type Extension,
  FRAGMENT,
  fragment,
  HOP_BY_HOP,
  ICMPV6,
  type Ipv6Fields,
  icmp6,
  ipv6,
  NO_NEXT_HEADER,
  padded,
  routing,
} from './support/wire6.ts';

const INSIDE = 'fd00::5';
const OUTSIDE = '2001:db8::5';
const REMOTE = ip6('2001:db8:ffff::7');
const [source, destination] = [ip6(INSIDE), ip6(OUTSIDE)];
const OPTIONS = { map: [`${INSIDE}=${OUTSIDE}`] };
const rigs = [new Rig(OPTIONS), new Rig({ ...OPTIONS, unmapped: 'drop' })];

const segment = tcp({ payload: bytes(60) })(source, destination);
/** From inside to outside: to be translated by either program. */
const packet = (payload: Bytes, fields: Partial<Ipv6Fields> = {}): Bytes =>
  ipv6({ source, destination, protocol: TCP, ...fields }, payload);
const options = padded(DESTINATION_OPTIONS);
/** An extension header that says it is longer than all there is. */
const endless = (type: number): Extension => ({ type, body: join(Uint8Array.of(255), bytes(6)) });
const chain = (count: number): Extension[] => Array.from({ length: count }, () => options);

const malformed: { readonly [name: string]: Bytes } = {
  'version 0': packet(segment, { version: 0 }),
  'version 4': packet(segment, { version: 4 }),
  'version 15': packet(segment, { version: 15 }),
  'payload length one beyond the frame': packet(segment, { payloadLength: segment.length + 1 }),
  'payload length 65535': packet(segment, { payloadLength: 0xffff }),
  'payload length 0 with a transport': packet(segment, { payloadLength: 0 }),
  'payload length in the middle of the tcp header': packet(segment, { payloadLength: 19 }),
  'payload length in the middle of the udp header': packet(segment, { payloadLength: 7, protocol: UDP }),
  'payload length in the middle of the icmp header': packet(segment, { payloadLength: 7, protocol: ICMPV6 }),
  'payload length in the middle of an extension header': packet(segment, {
    payloadLength: 7,
    extensions: chain(1),
  }),
  'a jumbogram (RFC 2675), which no Ethernet carries': packet(segment, {
    payloadLength: 0,
    extensions: [{ type: HOP_BY_HOP, body: join(Uint8Array.of(0, 0xc2, 4), bytes(4)) }],
  }),
  'nine extension headers': packet(segment, { extensions: chain(9) }),
  'nine fragment headers': packet(segment, {
    extensions: Array.from({ length: 9 }, () => fragment(0, false)),
  }),
  'no room for the first extension header': packet(bytes(7), { protocol: HOP_BY_HOP }),
  'no room for the eighth extension header': packet(bytes(4), { extensions: chain(7), protocol: 60 }),
  'half a fragment header': packet(bytes(7), { protocol: FRAGMENT }),
  ...Object.fromEntries(
    [HOP_BY_HOP, 43, DESTINATION_OPTIONS, 135, 139, 140].map((type) => [
      `an extension header ${type} longer than the packet`,
      packet(segment, { extensions: [endless(type)] }),
    ]),
  ),
  'a first fragment without its transport (RFC 7112)': packet(bytes(8), { extensions: [fragment(0, true)] }),
  'a first fragment that ends within its extension headers': packet(bytes(0), {
    ...{ extensions: [fragment(0, true)], protocol: DESTINATION_OPTIONS },
  }),
  'an error that quotes nothing': packet(icmp6(1, 0, bytes(4), bytes(0))(source, destination), {
    protocol: ICMPV6,
  }),
  'an error that quotes 39 bytes': packet(
    icmp6(1, 0, bytes(4), packet(segment).subarray(0, 39))(source, destination),
    {
      protocol: ICMPV6,
    },
  ),
  'an error that quotes version 4': packet(
    icmp6(2, 0, bytes(4), packet(segment, { version: 4 }))(source, destination),
    { protocol: ICMPV6 },
  ),
};

for (const [name, one] of Object.entries(malformed)) {
  test(name, (t) => {
    for (const rig of rigs) {
      for (const direction of ['outbound', 'inbound'] as const) {
        for (const pad of [0, 400]) {
          if (pad > 0 && /beyond|65535|longer than the packet/.test(name)) continue;
          leaves(t, rig, direction, frame(one, { type: ETH_P_IPV6, pad }), 'malformed', `${pad}`);
        }
      }
    }
  });
}

test('every frame shorter than its payload length is malformed', (t) => {
  const whole = frame(packet(segment));
  for (let length = ETHERNET + 40; length < whole.length; length++) {
    leaves(t, rigs[0]!, 'outbound', whole.subarray(0, length), 'malformed', `${length}`);
  }
});

type Make = (from: bigint, to: bigint) => Bytes;
const transport =
  (extensions: readonly Extension[]): Make =>
  (from, to) =>
    ipv6({ source: from, destination: to, protocol: UDP, extensions }, udp()(from, to));
const bare =
  (fields: Partial<Ipv6Fields>, payload: Bytes): Make =>
  (from, to) =>
    ipv6({ source: from, destination: to, protocol: NO_NEXT_HEADER, ...fields }, payload);

const sound: { readonly [name: string]: Make } = {
  'eight extension headers': transport(chain(8)),
  'the longest extension header there is': transport([padded(DESTINATION_OPTIONS, 255)]),
  'extension headers in an order of their own': transport([
    ...[options, fragment(0, false), padded(135, 1), padded(HOP_BY_HOP), padded(139), padded(140, 2)],
  ]),
  'a source route that is at its end': transport([routing(0, 0, [REMOTE])]),
  'no next header': bare({}, bytes(0)),
  'no next header, and something behind it': bare({}, bytes(11)),
  'no next header behind options': bare({ extensions: chain(2) }, bytes(0)),
  'an unknown protocol without payload': bare({ protocol: 253 }, bytes(0)),
  'a later fragment, whatever it looks like': bare(
    { extensions: [fragment(8, true)], protocol: DESTINATION_OPTIONS },
    bytes(8, () => 0xff),
  ),
  'a later fragment of TCP, shorter than its header': bare(
    { extensions: [fragment(1480, false)], protocol: TCP },
    bytes(1),
  ),
};

for (const [name, make] of Object.entries(sound)) {
  test(`${name} is translated`, (t) => {
    const [inside, outside] = [source, destination];
    for (const rig of rigs) {
      translates(t, rig, 'outbound', frame(make(inside, REMOTE)), frame(make(outside, REMOTE)), INSIDE);
      translates(t, rig, 'inbound', frame(make(REMOTE, outside)), frame(make(REMOTE, inside)), OUTSIDE);
    }
  });
}

test('a source route that goes on: the destination is not in the checksum, the source is', (t) => {
  const stop = ip6('2001:db8:eeee::1');
  const make = (from: bigint, to: bigint, last: bigint): Bytes =>
    frame(
      ipv6(
        { source: from, destination: to, protocol: UDP, extensions: [routing(4, 1, [last])] },
        udp()(from, last),
      ),
    );
  translates(t, rigs[1]!, 'inbound', make(REMOTE, destination, stop), make(REMOTE, source, stop), OUTSIDE);
  translates(t, rigs[1]!, 'outbound', make(source, stop, REMOTE), make(destination, stop, REMOTE), INSIDE);
});

test('a super-packet of more than 64 KiB says zero for its payload length', (t) => {
  const big = (from: bigint): Bytes =>
    frame(patch(ipv6({ source: from, destination: REMOTE, protocol: UDP }, udp()(from, REMOTE)), 4, be16(0)));
  leaves(t, rigs[0]!, 'outbound', big(source), 'malformed');
  const seen = rigs[0]!.run('outbound', big(source), { gsoSize: 500 });
  t.is(seen.verdict, 'next');
  t.is(seen.frame, Buffer.from(big(destination)).toString('hex'));
});

test('the Authentication Header, wherever it is in the chain, and behind a fragment header', (t) => {
  const ah: Extension = { type: 51, body: join(Uint8Array.of(4), bytes(22)) };
  for (const extensions of [[ah], [options, ah], [fragment(0, false), ah], [fragment(64, true), ah]]) {
    for (const rig of rigs) {
      leaves(t, rig, 'outbound', frame(packet(segment, { extensions })), 'authenticated');
      leaves(t, rig, 'inbound', frame(packet(segment, { extensions })), 'authenticated');
    }
  }
});
