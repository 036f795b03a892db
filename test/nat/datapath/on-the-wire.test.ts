// What a test run cannot make: packets in pieces (non-linear skbs), unfinished checksums, super-packets, 64 KiB, frames
// too short for their header, and frames for other stations. The programs sit on a tap.

import { createHash } from 'node:crypto';
import anyTest, { type TestFn } from 'ava';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { seen } from './support/rig.ts';
import {
  type Bytes,
  be16,
  be32,
  bytes,
  ETH_P_ARP,
  ETHERNET,
  frame,
  ICMP,
  icmp,
  ip4,
  ipv4,
  join,
  onesSum,
  patch,
  pseudoHeader,
  read16,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';
import { type Arrival, type SeenOnWire, WireRig } from './support/wire-rig.ts';
import { INSIDE, MAP, OUTSIDE, REMOTE, ROUTER } from './support/world.ts';

const US = '02:11:22:33:44:55';
const mac = (text: string): Bytes =>
  Uint8Array.from(text.split(':').map((byte) => Number.parseInt(byte, 16)));
const station = { mac: mac(US), subnets: [{ network: ip4('203.0.113.0'), mask: ip4('255.255.255.0') }] };

const test = anyTest as TestFn;
needsRootAndBpf(test);

const rigOf = (
  t: Parameters<typeof WireRig.make>[0],
  direction: 'outbound' | 'inbound',
  unmapped: 'pass' | 'drop' = 'pass',
) => WireRig.make(t, direction, { map: MAP, station, unmapped }, US);

const NO_OFFLOAD = bytes(10, () => 0);

function nexts(
  direction: 'outbound' | 'inbound',
  before: Bytes,
  after: Bytes,
  counted: string,
  vnet = NO_OFFLOAD,
): SeenOnWire {
  const {
    verdict,
    frame: out,
    ...rest
  } = seen(direction, before, { verdict: 'next', frame: after, counted: ip4(counted) });
  return {
    emitted: [{ at: verdict as 'next', frame: out, vnet: Buffer.from(vnet).toString('hex') }],
    ...rest,
  };
}

const stays = (direction: 'outbound' | 'inbound', whole: Bytes, reason: string): SeenOnWire => {
  const { frame: out, reasons, mappings } = seen(direction, whole, { verdict: 'next', frame: whole, reason });
  return {
    emitted: [{ at: 'next', frame: out, vnet: Buffer.from(NO_OFFLOAD).toString('hex') }],
    reasons,
    mappings,
  };
};

type Make = (source: string, destination: string) => Bytes;
const packet =
  (protocol: number, segment: ReturnType<typeof tcp>, options: Bytes = bytes(0)): Make =>
  (source, destination) => {
    const [from, to] = [ip4(source), ip4(destination)];
    return frame(ipv4({ source: from, destination: to, protocol, options }, segment(from, to)));
  };
const error =
  (protocol: number, segment: ReturnType<typeof tcp>): Make =>
  (source, destination) => {
    const [from, to] = [ip4(source), ip4(destination)];
    const quote = ipv4({ source: to, destination: from, protocol }, segment(to, from));
    return frame(ipv4({ source: from, destination: to, protocol: ICMP }, icmp(3, 4, be32(1280), quote)));
  };

/** Why each type of frame is left alone when it is too short for an IPv4 header. */
const REASONS: { readonly [type: number]: string } = {
  2048: 'malformed', // ETH_P_IP
  2054: 'arp', // ETH_P_ARP
  34525: 'not_ipv4', // ETH_P_IPV6
};

const NOPS = bytes(40, () => 1);
const makes: { readonly [name: string]: Make } = {
  tcp: packet(TCP, tcp()),
  udp: packet(UDP, udp()),
  'tcp behind options': packet(TCP, tcp(), NOPS),
  echo: packet(ICMP, () => icmp(8, 0, be32(7), bytes(30))),
  'other protocol': packet(47, () => bytes(30)),
  'error about tcp': error(TCP, tcp()),
  'error about udp': error(UDP, udp()),
};

for (const direction of ['outbound', 'inbound'] as const) {
  const [before, after] = direction === 'outbound' ? [INSIDE, OUTSIDE] : [OUTSIDE, INSIDE];
  const ends = (make: Make, own: string): Bytes =>
    direction === 'outbound' ? make(own, REMOTE) : make(REMOTE, own);

  test.serial(`${direction}: wherever the linear part ends`, async (t) => {
    const wire = await rigOf(t, direction);
    for (const [name, make] of Object.entries(makes)) {
      const whole = ends(make, before);
      for (let linear = ETHERNET; linear <= whole.length; linear += linear < 90 ? 1 : 7) {
        const expected = nexts(direction, whole, ends(make, after), before);
        t.deepEqual(await wire.send(whole, { split: [linear] }), expected, `${name}, ${linear}`);
      }
      // Fourteen pieces of five bytes: nothing lies in one of them.
      const crumbs = [ETHERNET, ...Array<number>(14).fill(5)];
      t.deepEqual(
        await wire.send(whole, { split: crumbs }),
        nexts(direction, whole, ends(make, after), before),
        name,
      );
    }
  });

  test.serial(`${direction}: packets of 64 KiB, in pieces or not`, async (t) => {
    const wire = await rigOf(t, direction);
    const big = (length: number) => bytes(length, (i) => i * 31);
    for (const size of [3_700, 9_000, 40_001, 65_400]) {
      for (const make of [
        packet(UDP, udp({ payload: big(size) })),
        packet(TCP, tcp({ payload: big(size) })),
      ]) {
        const whole = ends(make, before);
        for (const split of [[], [ETHERNET], [60], [ETHERNET, 20]]) {
          const result = await wire.send(whole, { split: split.filter((n) => n < whole.length) });
          t.deepEqual(
            brief(result),
            brief(nexts(direction, whole, ends(make, after), before)),
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
          const expected = stays(direction, short, reason);
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

  test.serial(`${direction}: unfinished checksums stay unfinished, over the new address`, async (t) => {
    const wire = await rigOf(t, direction);
    for (const [inside, outside] of MAP) {
      const [own, becomes] = direction === 'outbound' ? [inside, outside] : [outside, inside];
      for (const [protocol, segment, field] of [
        [TCP, tcp(), 16],
        [UDP, udp(), 6],
        // A pseudo-header whose sum is all ones, before or after.
        ...[own, becomes].map((address) => [UDP, udp({ payload: bytes(onesLength(address)) }), 6] as const),
      ] as const) {
        const make = partial(packet(protocol, segment), protocol, field);
        const whole = ends(make, own);
        const vnet = needsChecksum(34, field);
        for (const split of [[], [ETHERNET], [34 + field + 1]]) {
          t.deepEqual(
            await wire.send(whole, { split, vnet }),
            nexts(direction, whole, ends(make, becomes), own, vnet),
            `${own} ${protocol} ${split}`,
          );
        }
      }
    }
  });

  test.serial(`${direction}: super-packets`, async (t) => {
    const wire = await rigOf(t, direction);
    for (const [protocol, segment, field, gso, header] of [
      [TCP, tcp({ payload: bytes(30_000) }), 16, 1 /* VIRTIO_NET_HDR_GSO_TCPV4 */, 20],
      [UDP, udp({ payload: bytes(20_000) }), 6, 5 /* VIRTIO_NET_HDR_GSO_UDP_L4 */, 8],
    ] as const) {
      const make = partial(packet(protocol, segment), protocol, field);
      const whole = ends(make, before);
      const vnet = needsChecksum(34, field, { type: gso, size: 1400, header: 34 + header });
      for (const split of [[], [34 + header], [34 + header, 1_000]]) {
        const { emitted, ...rest } = await wire.send(whole, { split, vnet });
        const expected = nexts(direction, whole, ends(make, after), before, vnet);
        t.deepEqual(
          emitted.map(({ frame: out }) => out),
          expected.emitted.map(({ frame: out }) => out),
        );
        // Flags, type, and size of the parts; how much of it is header the kernel says in its own way.
        const [got] = emitted;
        t.is(got?.vnet.slice(0, 4), Buffer.from(vnet).toString('hex').slice(0, 4), 'still a super-packet');
        t.is(got?.vnet.slice(8), Buffer.from(vnet).toString('hex').slice(8), 'of the same parts');
        t.deepEqual(rest, { reasons: expected.reasons, mappings: expected.mappings });
      }
    }
  });

  test.serial(`${direction}: an error with an unfinished checksum`, async (t) => {
    const wire = await rigOf(t, direction);
    for (const name of ['error about tcp', 'error about udp'] as const) {
      // ICMP has no pseudo-header: unfinished, its checksum is zero.
      const unfinished: Make = (source, destination) => patch(makes[name]!(source, destination), 36, be16(0));
      const whole = ends(unfinished, before);
      const vnet = needsChecksum(34, 2);
      const seenOnWire = await wire.send(whole, { vnet });
      t.deepEqual(seenOnWire, nexts(direction, whole, ends(unfinished, after), before, vnet), name);
    }
  });
}

/** Without the bytes nobody wants to read when the comparison fails. */
const brief = ({ emitted, ...rest }: SeenOnWire) => ({
  ...rest,
  emitted: emitted.map(({ frame: out, ...how }) => ({
    ...how,
    headers: out.slice(0, 120),
    length: out.length / 2,
    digest: createHash('sha256').update(out).digest('hex'),
  })),
});

/** A payload length for which the pseudo-header from `own` to `REMOTE` sums up to all ones, or any where none does. */
function onesLength(own: string): number {
  const rest = onesSum(pseudoHeader(ip4(own), ip4(REMOTE), UDP, 0));
  const length = 0xffff - rest - 8;
  return length >= 0 && length < 60_000 ? length : 4;
}

/** The same packet with its transport checksum begun only: the sum over the pseudo-header (linux/skbuff.h). */
function partial(make: Make, protocol: number, field: number): Make {
  return (source, destination) => {
    const whole = make(source, destination);
    const sum = onesSum(pseudoHeader(ip4(source), ip4(destination), protocol, whole.length - 34));
    return patch(whole, 34 + field, be16(sum));
  };
}

/** struct virtio_net_hdr (include/uapi/linux/virtio_net.h), little-endian as the tap is on these machines. */
function needsChecksum(
  start: number,
  offset: number,
  gso?: { type: number; size: number; header: number },
): Bytes {
  const view = new DataView(new ArrayBuffer(10));
  view.setUint8(0, 1); // VIRTIO_NET_HDR_F_NEEDS_CSUM
  view.setUint8(1, gso?.type ?? 0);
  view.setUint16(2, gso?.header ?? 0, true);
  view.setUint16(4, gso?.size ?? 0, true);
  view.setUint16(6, start, true);
  view.setUint16(8, offset, true);
  return new Uint8Array(view.buffer);
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
  t.deepEqual(await wire.send(whole), stays('inbound', whole, 'arp'));
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
  const whole = packet(TCP, tcp())(ROUTER, REMOTE);
  t.deepEqual(await wire.send(whole), { emitted: [], reasons: { 'outbound unmapped': 1 }, mappings: [] });
  t.is(read16(whole, 12), 0x0800);
});
