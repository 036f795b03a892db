// XDP either leaves a packet and all counters as they are, or does what the programs of TC and routing would do together.
// Tried on random packets; TSNAT_DATAPATH_PACKETS says how many, TSNAT_SEED repeats a run.

import test from 'ava';
import fc from 'fast-check';
import { damage, spoil } from './support/arbitrary/damage.ts';
import { frameOf, scenario } from './support/arbitrary/scenario.ts';
import { ip, mappings } from './support/reference/mappings.ts';
import { OPTIONS } from './support/rigs.ts';
import { Tally } from './support/tally.ts';
import { be16, frame, ip4, ipv4, patch, read16, type Segment, TCP, tcp, UDP, udp } from './support/wire.ts';
import { ipv6 } from './support/wire6.ts';
import { agrees, answer, rigNamed } from './support/xdp/agrees.ts';
import { plain } from './support/xdp/conversation.ts';
import { ELSEWHERE, INSIDE, OUTSIDE } from './support/xdp/rig.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 600);
const SETTINGS = { numRuns, includeErrorInReport: true };
const names = fc.constantFrom(...Object.keys(OPTIONS));

for (const family of [4, 6] as const) {
  const odd = scenario(family).map((one) => ({ ...one, frame: frameOf(one) }));
  for (const [what, packets, harm] of [
    ['plain packets', plain(family), fc.constant(null)],
    ['valid packets', odd, fc.constant(null)],
    ['whatever the bytes', fc.oneof(plain(family), odd), damage],
  ] as const) {
    test(`IPv${family}: ${what}: as TC and routing do it, or not at all`, (t) => {
      const tally = new Tally();
      const one = packets.chain((made) => fc.tuple(fc.constant(made), answer(made.direction)));
      fc.assert(
        fc.property(one, names, harm, ([{ mappings, direction, frame }, routing], name, spoilt) => {
          rigNamed(name).tc.remap(mappings);
          tally.add(agrees(name, direction, spoilt === null ? frame : spoil(frame, spoilt), routing));
        }),
        SETTINGS,
      );
      t.log(tally.line(`IPv${family} frames`));
      for (const outcome of ['sent on', 'left to TC', 'not translated']) t.true(tally.has(outcome), outcome);
    });
  }
}

const WAY_OUT = { result: 0, ifindex: OUTSIDE };

test('a UDP checksum that comes out as zero is written as all ones', (t) => {
  const [inside, outside, peer] = ['10.0.0.5', '203.0.113.5', '198.51.100.1'].map(ip4) as [
    number,
    number,
    number,
  ];
  const datagram = (word: number): Segment => udp({ payload: be16(word) });
  const word = Array.from({ length: 0x10000 }, (_, i) => i).find(
    (i) => read16(datagram(i)(outside, peer), 6) === 0xffff,
  )!;
  const packet = ipv4({ source: inside, destination: peer, protocol: UDP }, datagram(word)(inside, peer));
  rigNamed('pass').tc.remap(mappings('10.0.0.5=203.0.113.5'));
  t.is(agrees('pass', 'outbound', frame(packet), WAY_OUT), 'sent on');
});

test('a checksum-neutral prefix leaves transport checksums as they are, odd ones too', (t) => {
  const [source, destination] = [ip('fd00:2::2:3') as bigint, ip('2600::1') as bigint];
  const segment = patch(tcp()(source, destination), 16, be16(0xffff));
  rigNamed('pass').tc.remap(mappings('fd00:2::/48=2001:db8:2::/48,neutral'));
  t.is(
    agrees('pass', 'outbound', frame(ipv6({ source, destination, protocol: TCP }, segment)), WAY_OUT),
    'sent on',
  );
});

test('an interface that takes no part, or is of the other side, leaves everything to TC', (t) => {
  const rig = rigNamed('pass');
  const [source, destination] = [ip4('10.0.0.5'), ip4('198.51.100.1')];
  rig.tc.remap(mappings('10.0.0.5=203.0.113.5'));
  const sent = frame(ipv4({ source, destination, protocol: TCP }, tcp()(source, destination)));
  for (const arrivedOn of [OUTSIDE, ELSEWHERE]) {
    t.is(rig.run('outbound', sent, WAY_OUT, arrivedOn).ifindex, undefined);
  }
  t.is(rig.run('outbound', sent, WAY_OUT).ifindex, OUTSIDE);
  rig.disable(INSIDE);
  t.is(rig.run('outbound', sent, WAY_OUT).ifindex, undefined);
  rig.enable();
  rig.disable(OUTSIDE);
  t.is(rig.run('outbound', sent, WAY_OUT).ifindex, undefined, 'the way on is no longer one');
  rig.enable();
});
