// What a test run cannot make: packets in pieces (non-linear skbs), unfinished checksums, super-packets, 64 KiB, frames
// too short for their header, and frames for other stations. The programs sit on a tap.

import anyTest, { type TestFn } from 'ava';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { mac } from './support/shapes.ts';
import {
  type Bytes,
  be16,
  be32,
  bytes,
  ETH_P_ARP,
  ETHERNET,
  frame,
  ip4,
  join,
  read16,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';
import { brief, framed, frames, type Make, nexts, stays } from './support/wire-expect.ts';
import { type Arrival, WireRig } from './support/wire-rig.ts';
import { INSIDE, MAP, OUTSIDE, REMOTE, ROUTER } from './support/world.ts';

const US = '02:11:22:33:44:55';
const station = { mac: mac(US), subnets: [{ network: ip4('203.0.113.0'), mask: ip4('255.255.255.0') }] };

const test = anyTest as TestFn;
needsRootAndBpf(test);

const rigOf = (
  t: Parameters<typeof WireRig.make>[0],
  direction: 'outbound' | 'inbound',
  unmapped: 'pass' | 'drop' = 'pass',
) => WireRig.make(t, direction, { map: MAP, station, unmapped }, US);

/** Why each type of frame is left alone when it is too short for an IP header. */
const REASONS: { readonly [type: number]: string } = {
  2048: 'malformed', // ETH_P_IP
  2054: 'arp', // ETH_P_ARP
  34525: 'malformed', // ETH_P_IPV6
};

for (const direction of ['outbound', 'inbound'] as const) {
  const [before, after] = direction === 'outbound' ? [INSIDE, OUTSIDE] : [OUTSIDE, INSIDE];
  const ends = (make: Make, own: string): Bytes =>
    direction === 'outbound' ? make(own, REMOTE) : make(REMOTE, own);

  test.serial(`${direction}: wherever the linear part ends`, async (t) => {
    const wire = await rigOf(t, direction);
    for (const [name, make] of Object.entries(frames)) {
      const whole = ends(make, before);
      for (let linear = ETHERNET; linear <= whole.length; linear += linear < 90 ? 1 : 7) {
        const expected = nexts(wire.rig, direction, whole, ends(make, after), before);
        t.deepEqual(await wire.send(whole, { split: [linear] }), expected, `${name}, ${linear}`);
      }
      // Fourteen pieces of five bytes: nothing lies in one of them.
      const crumbs = [ETHERNET, ...Array<number>(14).fill(5)];
      t.deepEqual(
        await wire.send(whole, { split: crumbs }),
        nexts(wire.rig, direction, whole, ends(make, after), before),
        name,
      );
    }
  });

  test.serial(`${direction}: packets of 64 KiB, in pieces or not`, async (t) => {
    const wire = await rigOf(t, direction);
    const big = (length: number) => bytes(length, (i) => i * 31);
    for (const size of [3_700, 9_000, 40_001, 65_400]) {
      for (const make of [
        framed(UDP, udp({ payload: big(size) })),
        framed(TCP, tcp({ payload: big(size) })),
      ]) {
        const whole = ends(make, before);
        for (const split of [[], [ETHERNET], [60], [ETHERNET, 20]]) {
          const result = await wire.send(whole, { split: split.filter((n) => n < whole.length) });
          t.deepEqual(
            brief(result),
            brief(nexts(wire.rig, direction, whole, ends(make, after), before)),
            `${size} ${split}`,
          );
        }
      }
    }
  });

  test.serial(`${direction}: frames that end inside their header`, async (t) => {
    for (const policy of ['pass', 'drop'] as const) {
      const wire = await rigOf(t, direction, policy);
      for (const type of Object.keys(REASONS).map(Number)) {
        for (let length = ETHERNET; length < ETHERNET + 20; length++) {
          const short = frame(
            bytes(length - ETHERNET, () => 0x45),
            { type },
          );
          const reason = REASONS[type]!;
          const expected = stays(wire.rig, direction, short, reason);
          const emitted = policy === 'pass' || reason === 'arp' ? expected.emitted : [];
          t.deepEqual(
            await wire.send(short),
            { ...expected, emitted },
            `${policy} ${type.toString(16)} ${length}`,
          );
        }
      }
    }
  });
}

const request = (to: string, target: string): Bytes =>
  join(
    ...[mac(to), mac('02:aa:bb:cc:dd:ee'), be16(ETH_P_ARP), Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 1)],
    ...[mac('02:aa:bb:cc:dd:ee'), be32(ip4('203.0.113.1')), bytes(6, () => 0), be32(ip4(target))],
  );

test.serial('ARP: an answer goes out where the question came in, whatever the pieces', async (t) => {
  const wire = await rigOf(t, 'inbound');
  for (const to of ['ff:ff:ff:ff:ff:ff', US]) {
    for (const split of [[], [ETHERNET], [34], [ETHERNET, 8, 6, 4]] as Arrival['split'][]) {
      const { emitted, reasons } = await wire.send(request(to, OUTSIDE), { split: split! });
      t.deepEqual(reasons, { 'inbound arp_answered': 1 });
      t.deepEqual(
        emitted.map(({ at, frame: out }) => [at, out]),
        [
          [
            'answer',
            '02aabbccddee0211223344550806' + '0001080006040002021122334455cb00710502aabbccddeecb007101',
          ],
        ],
      );
    }
  }
});

test.serial('ARP: a request between others, seen in promiscuous mode, is not answered', async (t) => {
  const wire = await rigOf(t, 'inbound');
  const whole = request('02:77:77:77:77:77', OUTSIDE);
  t.deepEqual(await wire.send(whole), stays(wire.rig, 'inbound', whole, 'arp'));
});

test.serial('ARP: a request on a VLAN of the device is none of the device', async (t) => {
  const wire = await rigOf(t, 'inbound');
  const whole = request('ff:ff:ff:ff:ff:ff', OUTSIDE);
  // The kernel takes the tag (802.1Q, VLAN 100) out of the frame on the way in.
  const tagged = join(whole.subarray(0, 12), be16(0x8100), be16(100), whole.subarray(12));
  const { emitted, reasons } = await wire.send(tagged);
  t.deepEqual(reasons, { 'inbound arp': 1 });
  t.deepEqual(
    emitted.map(({ at }) => at),
    ['next'],
  );
});

test.serial('dropped is gone', async (t) => {
  const wire = await rigOf(t, 'outbound', 'drop');
  const whole = framed(TCP, tcp())(ROUTER, REMOTE);
  t.deepEqual(await wire.send(whole), { emitted: [], reasons: { 'outbound unmapped': 1 }, mappings: [] });
  t.is(read16(whole, 12), 0x0800);
});
