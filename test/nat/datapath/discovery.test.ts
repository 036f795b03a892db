// Neighbour discovery through the real programs (RFC 4861, 7527): who is answered, with every byte of the answer, and what
// has to pass whatever the policy.

import test from 'ava';
import { ip6 } from './support/reference/mappings.ts';
import { hex, leaves, Rig, type RigOptions } from './support/rig.ts';
import { mac } from './support/shapes.ts';
import { addressBytes, type Bytes, be16, bytes, frame, join, patch } from './support/wire.ts';
import { FRAGMENT, fragment, HOP_BY_HOP, ICMPV6, icmp6, ipv6, padded } from './support/wire6.ts';

const US = mac('02:11:22:33:44:55');
const ASKER = mac('02:aa:bb:cc:dd:ee');
const ROUTER = ip6('2001:db8:1::1');
const HOST = ip6('2001:db8:1::5');
/** In a prefix, with a port, in a block, and neither on the link nor in a mapping. */
const PREFIXED = ip6('2001:db8:1:0:aaaa::77');
const PORTED = ip6('2001:db8:1::80');
const BLOCKED = ip6('2001:db8:1::90');
const ELSEWHERE = ip6('2001:db8:2::5');
const NOBODY = ip6('2001:db8:1::ffff');
const MAP = [
  'fd00::5=2001:db8:1::5',
  'fd00::aaaa:0:0:0/80=2001:db8:1:0:aaaa::/80',
  '[fd00::6]:8080/tcp=[2001:db8:1::80]:80/tcp',
  '[fd00::7]:1024-2047=[2001:db8:1::90]:1024-2047',
  'fd00::25=2001:db8:2::5',
];
const OPTIONS: RigOptions = {
  map: MAP,
  station: { mac: US, subnets: [], subnets6: [{ network: ip6('2001:db8:1::'), length: 64 }] },
};
const rigs = [new Rig(OPTIONS), new Rig({ ...OPTIONS, unmapped: 'drop' })];

const solicited = (target: bigint): bigint => ip6('ff02::1:ff00:0') | (target & 0xffffffn);
const groupMac = (group: bigint): Bytes => join(Uint8Array.of(0x33, 0x33), addressBytes(group).subarray(12));
const linkLayer = (type: number, address: Bytes): Bytes => join(Uint8Array.of(type, 1), address);

interface Shape {
  readonly from?: bigint;
  readonly to?: bigint;
  readonly options?: Bytes;
  readonly hopLimit?: number;
  readonly type?: number;
  readonly code?: number;
}

function solicitation(target: bigint, shape: Shape = {}): Bytes {
  const {
    from = ROUTER,
    to = solicited(target),
    options = linkLayer(1, ASKER),
    type = 135,
    code = 0,
  } = shape;
  const message = icmp6(
    type,
    code,
    bytes(4, () => 0),
    join(addressBytes(target), options),
  )(from, to);
  const packet = ipv6(
    { source: from, destination: to, protocol: ICMPV6, hopLimit: shape.hopLimit ?? 255 },
    message,
  );
  return join(groupMac(to), ASKER, be16(0x86dd), packet);
}

function advertisement(target: bigint, to: bigint, flags: number, station: Bytes): Bytes {
  const rest = Uint8Array.of(flags, 0, 0, 0);
  const message = icmp6(136, 0, rest, join(addressBytes(target), linkLayer(2, US)))(target, to);
  const packet = ipv6({ source: target, destination: to, protocol: ICMPV6, hopLimit: 255 }, message);
  return join(station, US, be16(0x86dd), packet);
}

const answered = (frame: Bytes, direction = 'inbound') => ({
  ...{ verdict: 'turn', frame: hex(frame), reasons: { [`${direction} ndp_answered`]: 1 }, mappings: [] },
});
const [SOLICITED, OVERRIDE] = [0x40, 0x20];

for (const [what, target] of Object.entries({ HOST, PREFIXED, PORTED, BLOCKED })) {
  test(`a solicitation for ${what} is answered, byte for byte`, (t) => {
    for (const rig of rigs) {
      t.deepEqual(
        rig.run('inbound', solicitation(target)),
        answered(advertisement(target, ROUTER, SOLICITED | OVERRIDE, ASKER)),
      );
      // As a host asks that wants to know whether a neighbour is still there, to itself alone and without the option.
      t.deepEqual(
        rig.run('inbound', solicitation(target, { to: target, options: bytes(0) })),
        answered(advertisement(target, ROUTER, SOLICITED | OVERRIDE, ASKER)),
      );
      // More options, such as a nonce (RFC 3971), are not given back.
      const nonce = Uint8Array.of(14, 1, 1, 2, 3, 4, 5, 6);
      t.deepEqual(
        rig.run('inbound', solicitation(target, { options: join(nonce, linkLayer(1, ASKER)) })),
        answered(advertisement(target, ROUTER, SOLICITED | OVERRIDE, ASKER)),
      );
    }
  });

  test(`who wants to have ${what} for itself (RFC 4862, 5.4) is told that it is taken`, (t) => {
    for (const rig of rigs) {
      const probe = solicitation(target, { from: 0n, options: bytes(0) });
      const everybody = ip6('ff02::1');
      t.deepEqual(
        rig.run('inbound', probe),
        answered(advertisement(target, everybody, OVERRIDE, groupMac(everybody))),
      );
    }
  });

  test(`this host itself, which sends to ${what} what is taken in again, gets its answer`, (t) => {
    for (const rig of rigs) {
      const own = patch(solicitation(target, { options: linkLayer(1, US) }), 6, US);
      t.deepEqual(
        rig.run('outbound', own),
        answered(advertisement(target, ROUTER, SOLICITED | OVERRIDE, US), 'outbound'),
      );
    }
  });
}

const whole = solicitation(HOST);
const ndp = (type: number, extensions: Parameters<typeof ipv6>[0]['extensions'] = []): Bytes =>
  frame(
    ipv6(
      { source: ip6('fe80::1'), destination: ip6('ff02::16'), protocol: ICMPV6, hopLimit: 1, extensions },
      icmp6(type, 0, bytes(4), bytes(20))(ip6('fe80::1'), ip6('ff02::16')),
    ),
  );
const passing: { readonly [name: string]: Bytes } = {
  'a solicitation for an address in no mapping': solicitation(NOBODY),
  'a solicitation for a mapped address that is not on the link': solicitation(ELSEWHERE),
  'a solicitation that came over a router': solicitation(HOST, { hopLimit: 254 }),
  'a solicitation with a code': solicitation(HOST, { code: 1 }),
  'an advertisement': solicitation(HOST, { type: 136 }),
  'a solicitation without a target': frame(
    ipv6(
      { source: ROUTER, destination: HOST, protocol: ICMPV6, hopLimit: 255 },
      icmp6(135, 0, bytes(4), bytes(15))(ROUTER, HOST),
    ),
  ),
  'a solicitation behind a tag': join(whole.subarray(0, 12), be16(0x8100), be16(5), whole.subarray(12)),
  'a solicitation in a fragment': frame(
    ipv6(
      {
        ...{ source: ROUTER, destination: HOST, protocol: ICMPV6, hopLimit: 255 },
        extensions: [{ type: FRAGMENT, body: fragment(0, false).body }],
      },
      whole.subarray(54),
    ),
  ),
  'a report of listeners behind a router alert': ndp(143, [padded(HOP_BY_HOP)]),
  ...Object.fromEntries(
    [130, 131, 132, 133, 134, 136, 137, 143].map((type) => [`ICMPv6 of type ${type}`, ndp(type)]),
  ),
};

for (const [name, one] of Object.entries(passing)) {
  test(`${name} passes, whatever the policy`, (t) => {
    for (const rig of rigs) {
      leaves(t, rig, 'inbound', one, 'ndp');
      leaves(t, rig, 'outbound', one, 'ndp');
    }
  });
}

test('an instance that knows nothing of IPv6 has nothing to say to neighbour discovery either', (t) => {
  const rig = new Rig({ map: ['10.0.0.5=203.0.113.5'], uses: ['addresses'], unmapped: 'drop' });
  for (const one of [whole, ...Object.values(passing)]) leaves(t, rig, 'outbound', one, 'not_ip');
});

test('the asker is whoever the option says, not the frame’s source', (t) => {
  const proxied = patch(solicitation(HOST), 6, mac('02:99:99:99:99:99'));
  const answer = advertisement(HOST, ROUTER, SOLICITED | OVERRIDE, ASKER);
  t.deepEqual(rigs[0]!.run('inbound', proxied), answered(answer));
});

test('other ICMPv6 types are traffic like any other', (t) => {
  for (const type of [100, 127, 138, 139, 142, 144, 160, 200, 255]) {
    leaves(t, rigs[1]!, 'outbound', ndp(type), 'unmapped', `${type}`);
  }
});

test('an instance without a subnet of its own answers nothing', (t) => {
  const rig = new Rig({ map: MAP, station: { mac: US, subnets: [] } });
  leaves(t, rig, 'inbound', whole, 'ndp');
});
