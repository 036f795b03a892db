// ARP through the real programs (RFC 826, 5227): who is answered, with every field of the reply, and who is not.

import test from 'ava';
import { hex, leaves, Rig, type Seen } from './support/rig.ts';
import { mac } from './support/shapes.ts';
import { type Bytes, be16, bytes, ETH_P_ARP, ETHERNET, ip4, join, patch } from './support/wire.ts';
import { INSIDE, MAP, OUTSIDE, OUTSIDE_2, REMOTE } from './support/world.ts';

const US = mac('02:11:22:33:44:55');
const ASKER = mac('02:aa:bb:cc:dd:ee');
const BROADCAST = mac('ff:ff:ff:ff:ff:ff');
const NOBODY = mac('00:00:00:00:00:00');
const ASKER_IP = '203.0.113.1';
const REQUEST = 1;
const REPLY = 2;

const bits = (length: number): number => (length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0);
const net = (text: string): { network: number; mask: number } => {
  const [address, length] = text.split('/') as [string, string];
  return { network: ip4(address), mask: bits(Number(length)) };
};
const station = (...subnets: readonly string[]) => ({ mac: US, subnets: subnets.map(net) });
/** OUTSIDE is in the subnet, OUTSIDE_2 is not. */
const rig = new Rig({ map: MAP, station: station('203.0.113.0/25') });
const strict = new Rig({ map: MAP, station: station('203.0.113.0/25'), unmapped: 'drop' });

interface Arp {
  readonly to?: Bytes;
  readonly from?: Bytes;
  readonly head?: Bytes;
  readonly op?: number;
  readonly senderMac?: Bytes;
  readonly sender?: string;
  readonly targetMac?: Bytes;
  readonly target: string;
  readonly pad?: number;
}

/** Ethernet, IPv4, addresses of 6 and 4 bytes. */
const HEAD = Uint8Array.of(0, 1, 8, 0, 6, 4);

function arp(fields: Arp): Bytes {
  const { to = BROADCAST, from = ASKER, head = HEAD, op = REQUEST, senderMac = ASKER, pad = 0 } = fields;
  const bare = join(
    ...[to, from, be16(ETH_P_ARP), head, be16(op)],
    ...[senderMac, address(fields.sender ?? ASKER_IP), fields.targetMac ?? NOBODY, address(fields.target)],
  );
  return join(
    bare,
    bytes(Math.max(0, pad - bare.length), () => 0xee),
  );
}

const address = (text: string): Bytes => Uint8Array.from(text.split('.').map(Number));

const answered = (reply: Bytes): Seen => ({
  verdict: 'turn',
  frame: hex(reply),
  reasons: { 'inbound arp_answered': 1 },
  mappings: [],
});

test('a request for a mapped address of the subnet is answered, field by field', (t) => {
  for (const one of [rig, strict]) {
    for (const pad of [0, 60, 64]) {
      t.deepEqual(
        one.run('inbound', arp({ target: OUTSIDE, pad })),
        answered(
          arp({
            ...{ to: ASKER, from: US, op: REPLY },
            ...{ senderMac: US, sender: OUTSIDE, targetMac: ASKER, target: ASKER_IP, pad },
          }),
        ),
      );
    }
  }
});

test('the asker is whoever the ARP says, not the frame’s source', (t) => {
  const proxy = mac('02:99:99:99:99:99');
  const seen = rig.run('inbound', arp({ target: OUTSIDE, from: proxy }));
  t.deepEqual(
    seen,
    answered(
      arp({
        to: ASKER,
        from: US,
        op: REPLY,
        senderMac: US,
        sender: OUTSIDE,
        targetMac: ASKER,
        target: ASKER_IP,
      }),
    ),
  );
});

test('a probe (RFC 5227: no sender address yet) for a mapped address is answered, or two would have it', (t) => {
  t.deepEqual(
    rig.run('inbound', arp({ target: OUTSIDE, sender: '0.0.0.0' })),
    answered(
      arp({
        to: ASKER,
        from: US,
        op: REPLY,
        senderMac: US,
        sender: OUTSIDE,
        targetMac: ASKER,
        target: '0.0.0.0',
      }),
    ),
  );
});

const notOurs: { readonly [name: string]: Bytes } = {
  'a request for an address in no mapping': arp({ target: '203.0.113.77' }),
  'a request for a mapped address outside the subnets': arp({ target: OUTSIDE_2 }),
  'a request for an inside address': arp({ target: INSIDE }),
  'an announcement of a mapped address by somebody else': arp({ target: OUTSIDE, sender: OUTSIDE }),
  'an announcement by reply': arp({ target: OUTSIDE, sender: OUTSIDE, op: REPLY, targetMac: ASKER }),
  'a probe for an address in no mapping': arp({ target: REMOTE, sender: '0.0.0.0' }),
  'a reply': arp({ target: OUTSIDE, op: REPLY }),
  'a reverse request': arp({ target: OUTSIDE, op: 3 }),
  'operation 0': arp({ target: OUTSIDE, op: 0 }),
  'operation 0x0101': arp({ target: OUTSIDE, op: 0x0101 }),
  'operation 0x0100': arp({ target: OUTSIDE, op: 0x0100 }),
  'other hardware': arp({ target: OUTSIDE, head: patch(HEAD, 0, be16(6)) }),
  'another protocol': arp({ target: OUTSIDE, head: patch(HEAD, 2, be16(0x86dd)) }),
  'hardware addresses of 8 bytes': arp({ target: OUTSIDE, head: patch(HEAD, 4, Uint8Array.of(8)) }),
  'protocol addresses of 16 bytes': arp({ target: OUTSIDE, head: patch(HEAD, 5, Uint8Array.of(16)) }),
};

for (const [name, frame] of Object.entries(notOurs)) {
  test(`${name} is left to others`, (t) => {
    for (const one of [rig, strict]) leaves(t, one, 'inbound', frame, 'arp');
    leaves(t, strict, 'inbound', join(frame, bytes(18)), 'arp', 'padded');
  });
}

test('ARP cut short is left to others', (t) => {
  const whole = arp({ target: OUTSIDE });
  for (let length = ETHERNET + 20; length < whole.length; length++) {
    leaves(t, rig, 'inbound', whole.subarray(0, length), 'arp', `${length}`);
  }
});

test('a request of this host itself is answered as well: what it sends there is taken in again', (t) => {
  const asked = arp({ from: US, senderMac: US, target: OUTSIDE });
  const reply = arp({
    ...{ to: US, from: US, op: REPLY },
    ...{ senderMac: US, sender: OUTSIDE, targetMac: US, target: ASKER_IP },
  });
  for (const one of [rig, strict]) {
    t.deepEqual(one.run('outbound', asked), {
      ...answered(reply),
      reasons: { 'outbound arp_answered': 1 },
    });
  }
});

test('other ARP that leaves is never touched', (t) => {
  for (const frame of Object.values(notOurs)) leaves(t, strict, 'outbound', frame, 'arp');
});

test('every subnet counts, the last of sixteen as well; an unused one matches nothing', (t) => {
  const fifteen = Array.from({ length: 15 }, (_, i) => `10.9.${i}.0/24`);
  const full = new Rig({
    map: [...MAP, ['10.3.0.1', '0.0.0.9']],
    station: station(...fifteen, '203.0.113.130/32'),
  });
  t.is(full.run('inbound', arp({ target: OUTSIDE_2 })).verdict, 'turn');
  leaves(t, full, 'inbound', arp({ target: OUTSIDE }), 'arp');
  leaves(t, full, 'inbound', arp({ target: '0.0.0.9', sender: '0.0.0.8' }), 'arp', 'subnets of zero');
  const none = new Rig({ map: [...MAP, ['10.3.0.1', '0.0.0.9']], station: station() });
  for (const target of [OUTSIDE, '0.0.0.9', '0.0.0.0']) {
    leaves(t, none, 'inbound', arp({ target, sender: '0.0.0.8' }), 'arp', `no subnet, ${target}`);
  }
});

test('subnets of every length', (t) => {
  const one = new Rig({ map: [[INSIDE, OUTSIDE]] });
  for (let length = 1; length <= 32; length++) {
    const mask = bits(length);
    const network = (ip4(OUTSIDE) & mask) >>> 0;
    one.place({ mac: US, subnets: [{ network, mask }] });
    t.is(one.run('inbound', arp({ target: OUTSIDE })).verdict, 'turn', `/${length}`);
    const beside = ((network ^ (1 << (32 - length))) & mask) >>> 0;
    one.place({ mac: US, subnets: [{ network: beside, mask }] });
    t.is(one.run('inbound', arp({ target: OUTSIDE })).verdict, 'next', `beside /${length}`);
  }
});

test('an instance that knows no interface answers nothing', (t) => {
  const blank = new Rig({ map: MAP });
  leaves(t, blank, 'inbound', arp({ target: OUTSIDE }), 'arp');
});
