// XDP either leaves what is for a slot as it is, or does what the programs of TC do, in one look-up; and what is for other
// mappings is as without slots. TSNAT_DATAPATH_PACKETS says how many random packets, TSNAT_SEED repeats a run.

import test from 'ava';
import fc from 'fast-check';
import { isaLevelOf } from '../../../src/asm/index.ts';
import { xdpPrograms } from '../../../src/nat/datapath/xdp/index.ts';
import type { Use } from '../../../src/nat/uses.ts';
import type { Family } from './support/arbitrary/packets.ts';
import { slotFrame, slotScenario } from './support/arbitrary/slots.ts';
import { ip, mappings } from './support/reference/mappings.ts';
import { mac } from './support/shapes.ts';
import type { SlotEntry } from './support/slots.ts';
import { Tally } from './support/tally.ts';
import {
  type Bytes,
  be16,
  bytes,
  frame,
  ip4,
  ipv4,
  join,
  patch,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';
import { agrees, answer, rigNamed } from './support/xdp/agrees.ts';
import { plain } from './support/xdp/conversation.ts';
import { type PlainSlots, plainSlots } from './support/xdp/plain-slots.ts';
import { INSIDE, OUTSIDE, XdpRig, type XdpRigOptions } from './support/xdp/rig.ts';
import { agreesOnSlot, forUs, NO_MAC } from './support/xdp/slot-agrees.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 1_500);
const SETTINGS = { numRuns, includeErrorInReport: true };

const SLOTS: readonly Use[] = ['addresses', 'slots', 'slots6'];
const RIGS: { readonly [what: string]: XdpRigOptions } = {
  'everything beside slots': {},
  'slots alone': { uses: SLOTS, hasInsides: false },
  'segment sizes clamped': { uses: SLOTS, mss: 1360, unmapped: 'drop' },
  'slots at the uplink': { uses: SLOTS, slots: 'uplink' },
  'the oldest instructions': { uses: SLOTS, isa: 1 },
};

/** Packets of all kinds, spoilt ones too. */
const odd = (family: Family): fc.Arbitrary<PlainSlots> =>
  slotScenario(family, ['inbound']).map((one) => ({ slots: one.slots, frame: slotFrame(one) }));

for (const [what, options] of Object.entries(RIGS)) {
  for (const family of [4, 6] as const) {
    test(`IPv${family}: ${what}: as TC delivers it, or not at all`, (t) => {
      const tally = new Tally();
      const rig = new XdpRig(options);
      rig.enable(NO_MAC);
      fc.assert(
        fc.property(fc.oneof(plainSlots(family), odd(family)), ({ slots, frame: sent }) => {
          rig.tc.reslot(slots);
          const clamps = options.mss !== undefined;
          tally.add(agreesOnSlot(rig, sent, { slots, clamps }) ?? 'of no slot');
        }),
        SETTINGS,
      );
      t.log(tally.line(`IPv${family} frames`));
      const outcomes = ['delivered', 'left to TC', 'left to TC, which knows the slot', 'left to be judged'];
      for (const outcome of outcomes) t.true(tally.has(outcome), outcome);
    });
  }
}

test('programs in the instructions of older kernels have no newer ones', (t) => {
  for (const isa of [1, 2, 3] as const) {
    const { inbound } = xdpPrograms({ unmapped: 'pass', uses: new Set(SLOTS), isa }, false);
    t.true(isaLevelOf(inbound.code) <= isa);
  }
});

test('without interfaces inside, what there is for other mappings is not in the program', (t) => {
  const sizeOf = (hasInsides: boolean): number =>
    xdpPrograms({ unmapped: 'pass', uses: new Set(['addresses', 'slots']) }, hasInsides).inbound.code.length;
  t.true(sizeOf(false) < sizeOf(true));
});

for (const family of [4, 6] as const) {
  test(`IPv${family}: mappings beside slots`, (t) => {
    const tally = new Tally();
    const rig = rigNamed('pass');
    const [outside, inside] = family === 4 ? ['203.0.113.77', '172.16.0.2'] : ['2001:db8::77', 'fd00::2'];
    rig.tc.reslot([bound(ip(outside), ip(inside))]);
    const one = plain(family).chain((made) => fc.tuple(fc.constant(made), answer(made.direction)));
    fc.assert(
      fc.property(one, ([{ mappings: maps, direction, frame: sent }, routing]) => {
        rig.tc.remap(maps);
        tally.add(agrees('pass', direction, sent, routing));
      }),
      SETTINGS,
    );
    rig.tc.reslot([]);
    t.log(tally.line(`IPv${family} frames`));
    for (const outcome of ['sent on', 'left to TC', 'not translated']) t.true(tally.has(outcome), outcome);
  });
}

const [STATION, OWN] = [mac('02:00:00:00:00:99'), mac('02:77:00:00:00:01')];
const DEVICE = 0x1_0007;
const OUTSIDES = ip4('203.0.113.7');
const PEER = ip4('198.51.100.1');

function bound(of: SlotEntry['of'], address: SlotEntry['of'], more: Partial<SlotEntry> = {}): SlotEntry {
  const whole = { at: 0, of, address, interface: DEVICE, station: STATION, mac: OWN, xdp: true };
  return { ...whole, state: 'bound', ...more };
}

const datagram = (length: number, options: { fragment?: number; ttl?: number } = {}): Bytes => {
  const ends = { source: PEER, destination: OUTSIDES };
  const payload = udp({ payload: bytes(length) })(ends.source, ends.destination);
  return forUs(frame(ipv4({ ...ends, protocol: UDP, ...options }, payload)));
};

const rig = new XdpRig({ uses: SLOTS, hasInsides: false });
rig.enable(NO_MAC);

test.serial('a slot gets the frame, from its interface to its MAC', (t) => {
  rig.tc.reslot([bound(OUTSIDES, ip4('172.16.0.2'))]);
  const { frame: out, ifindex } = rig.run('inbound', datagram(20), { result: 4, ifindex: 0 });
  t.is(ifindex, DEVICE);
  t.deepEqual(out.subarray(0, 14), join(STATION, OWN, be16(0x0800)));
  t.deepEqual(rig.tc.take().mappings, ['slot 203.0.113.7 at 0: 1, 48']);
  t.is(
    rig.run('inbound', datagram(20), { result: 0, ifindex: INSIDE }).asked,
    undefined,
    'no route is asked for',
  );
});

for (const [what, sent, more] of [
  ['an interface that XDP cannot send to', datagram(20), { xdp: false }],
  ['an unknown MAC', datagram(20), { station: NO_MAC }],
  ['more than the interface takes', datagram(573), { mtu: 600 }],
  ['an outside in quarantine', datagram(20), { state: 'quarantined', since: 1n << 62n }],
  ['a fragment', datagram(24, { fragment: 0x2000 }), {}],
  ['the last hop', datagram(20, { ttl: 1 }), {}],
  ['another station', patch(datagram(20), 0, STATION), {}],
  ['no checksum', patch(datagram(20), 40, be16(0)), {}],
] as const) {
  test.serial(`left as it came: ${what}`, (t) => {
    rig.tc.reslot([bound(OUTSIDES, ip4('172.16.0.2'), more)]);
    rig.tc.take();
    const seen = rig.run('inbound', sent, { result: 0, ifindex: INSIDE });
    t.is(seen.ifindex, undefined);
    t.deepEqual(seen.frame, sent);
    t.deepEqual(rig.tc.take(), { reasons: {}, mappings: [] });
  });
}

test.serial('as much as the interface takes is delivered', (t) => {
  rig.tc.reslot([bound(OUTSIDES, ip4('172.16.0.2'), { mtu: 600 })]);
  t.is(rig.run('inbound', datagram(572), { result: 4, ifindex: 0 }).ifindex, DEVICE);
});

test.serial('an outside whose quarantine is over is what other mappings make of it', (t) => {
  const all = rigNamed('pass');
  all.enable(NO_MAC);
  all.tc.remap(mappings('10.0.0.5=203.0.113.7'));
  all.tc.reslot([bound(OUTSIDES, ip4('172.16.0.2'), { state: 'quarantined', since: 1n })]);
  const segment = tcp({ payload: bytes(9) })(PEER, OUTSIDES);
  const sent = forUs(frame(ipv4({ source: PEER, destination: OUTSIDES, protocol: TCP }, segment)));
  t.is(agrees('pass', 'inbound', sent, { result: 0, ifindex: INSIDE }, NO_MAC), 'sent on');
  all.tc.reslot([]);
  all.enable();
});

test.serial('at rest, or on another side, XDP takes nothing', (t) => {
  rig.tc.reslot([bound(OUTSIDES, ip4('172.16.0.2'))]);
  t.is(rig.run('inbound', datagram(20), { result: 4, ifindex: 0 }, INSIDE).ifindex, undefined);
  rig.disable(OUTSIDE);
  t.is(rig.run('inbound', datagram(20), { result: 4, ifindex: 0 }).ifindex, undefined);
  rig.enable(NO_MAC);
});
