// Unfinished checksums and super-packets, as veth, virtio and every local sender make them: the programs sit on a tap.

import anyTest, { type TestFn } from 'ava';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { needsChecksum, SUPER } from './support/vnet.ts';
import {
  type Bytes,
  be16,
  bytes,
  ETHERNET,
  ip4,
  onesSum,
  patch,
  pseudoHeader,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';
import { framed, frames, type Make, nexts } from './support/wire-expect.ts';
import { WireRig } from './support/wire-rig.ts';
import { INSIDE, MAP, OUTSIDE, REMOTE } from './support/world.ts';

const test = anyTest as TestFn;
needsRootAndBpf(test);

const US = '02:11:22:33:44:55';

for (const direction of ['outbound', 'inbound'] as const) {
  const [before, after] = direction === 'outbound' ? [INSIDE, OUTSIDE] : [OUTSIDE, INSIDE];
  const ends = (make: Make, own: string): Bytes =>
    direction === 'outbound' ? make(own, REMOTE) : make(REMOTE, own);

  test.serial(`${direction}: unfinished checksums stay unfinished, over the new address`, async (t) => {
    const wire = await WireRig.make(t, direction, { map: MAP }, US);
    for (const [inside, outside] of MAP) {
      const [own, becomes] = direction === 'outbound' ? [inside, outside] : [outside, inside];
      for (const [protocol, segment, field] of [
        [TCP, tcp(), 16],
        [UDP, udp(), 6],
        // A pseudo-header whose sum is all ones, before or after.
        ...[own, becomes].map((address) => [UDP, udp({ payload: bytes(onesLength(address)) }), 6] as const),
      ] as const) {
        const make = partial(framed(protocol, segment), protocol, field);
        const whole = ends(make, own);
        const vnet = needsChecksum(34, field);
        for (const split of [[], [ETHERNET], [34 + field + 1]]) {
          t.deepEqual(
            await wire.send(whole, { split, vnet }),
            nexts(wire.rig, direction, whole, ends(make, becomes), own, vnet),
            `${own} ${protocol} ${split}`,
          );
        }
      }
    }
  });

  test.serial(`${direction}: super-packets`, async (t) => {
    const wire = await WireRig.make(t, direction, { map: MAP }, US);
    for (const [protocol, segment, field, gso, header] of [
      [TCP, tcp({ payload: bytes(30_000) }), 16, SUPER.tcp4, 20],
      [UDP, udp({ payload: bytes(20_000) }), 6, SUPER.udp, 8],
    ] as const) {
      const make = partial(framed(protocol, segment), protocol, field);
      const whole = ends(make, before);
      const vnet = needsChecksum(34, field, { type: gso, size: 1400, header: 34 + header });
      for (const split of [[], [34 + header], [34 + header, 1_000]]) {
        const { emitted, ...rest } = await wire.send(whole, { split, vnet });
        const expected = nexts(wire.rig, direction, whole, ends(make, after), before, vnet);
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
    const wire = await WireRig.make(t, direction, { map: MAP }, US);
    for (const name of ['error about tcp', 'error about udp'] as const) {
      // ICMP has no pseudo-header: unfinished, its checksum is zero.
      const unfinished: Make = (source, destination) =>
        patch(frames[name]!(source, destination), 36, be16(0));
      const whole = ends(unfinished, before);
      const vnet = needsChecksum(34, 2);
      const seenOnWire = await wire.send(whole, { vnet });
      t.deepEqual(seenOnWire, nexts(wire.rig, direction, whole, ends(unfinished, after), before, vnet), name);
    }
  });
}

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
