// Tunnel packets whose checksums are not all there: the outer one begun and the inner ones finished; an inner one begun and
// the outer one reckoned with it (local checksum offload); both begun, in super-packets; all summed up by the receiver. In
// the interpreter, which knows these states, and on a tap.

import anyTest, { type TestFn } from 'ava';
import { needsRootAndBpf } from '../../support/requirements.ts';
import type { RunOptions } from './support/machine.ts';
import { hex, Rig } from './support/rig.ts';
import {
  begun,
  carrying,
  INNERS,
  INSIDE,
  type InnerFrame,
  innerAt,
  LOCAL,
  OUTSIDE,
  type Outer,
  PEER,
  PLACEHOLDER,
  REMOTE,
  sums,
  tunnelFrame,
  udpAt,
  VNI,
} from './support/tunnel.ts';
import { indexEntry, portsValue, slotEntry } from './support/tunnel-entries.ts';
import { needsChecksum } from './support/vnet.ts';
import {
  type Address,
  type Bytes,
  be16,
  be32,
  bytes,
  ETHERNET,
  onesSum,
  patch,
  read16,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';
import { WireRig } from './support/wire-rig.ts';

const test = anyTest as TestFn;
needsRootAndBpf(test);

const FAMILIES = [4, 6] as const;
type Family = (typeof FAMILIES)[number];
type Way = 'outbound' | 'inbound';
const WAYS: readonly Way[] = ['outbound', 'inbound'];
const US = '02:11:22:33:44:55';
const at = (pair: readonly [number, bigint], family: Family): Address => pair[family === 4 ? 0 : 1];

/** The slot is there, over both families, with or without inner addresses. */
function setUp(rig: Rig, inner: 'plain' | 'translated'): void {
  const slot = {
    kind: 'vxlan',
    placeholder: PLACEHOLDER,
    vni: VNI,
    ...(inner === 'translated' && { inside: INSIDE, outside: OUTSIDE }),
  } as const;
  const entries = [slotEntry(slot), ...REMOTE.map((remote) => indexEntry(slot, { vni: VNI, remote }))];
  for (const { key, value } of entries) rig.machine.tables.tunnels!.set(key, value);
  rig.machine.tables.tunnel_ports!.set(be32(0), portsValue([{ kind: 'vxlan', by: ['remote', 'vni'] }]));
}

interface Pair {
  readonly before: Bytes;
  readonly after: Bytes;
}

interface Case {
  readonly way: Way;
  readonly family: Family;
  readonly version: Family;
  readonly inner: 'plain' | 'translated';
  readonly make: InnerFrame;
  readonly more?: Partial<Outer>;
}

/** The whole packet, as it comes and as it is to go on. */
function pairOf({ way, family, version, inner, make, more }: Case): Pair {
  const leaving = way === 'outbound';
  const [local, remote] = [at(LOCAL, family), at(REMOTE, family)];
  const [source, destination] = leaving ? [local, remote] : [remote, local];
  const [from, to] = leaving ? [PLACEHOLDER, VNI] : [VNI, PLACEHOLDER];
  const outer: Outer = { kind: 'vxlan', vni: from, source, destination, checksum: 'sum', ...more };
  const [inside, outside, peer] = [at(INSIDE, version), at(OUTSIDE, version), at(PEER, version)];
  const [own, becomes] =
    inner === 'plain' ? [inside, inside] : leaving ? [inside, outside] : [outside, inside];
  return {
    before: tunnelFrame(outer, make(own, peer, leaving)),
    after: tunnelFrame({ ...outer, vni: to }, make(becomes, peer, leaving)),
  };
}

const innerIpAt = (family: Family): number => innerAt(at(LOCAL, family)) + ETHERNET;

/** What is begun, by name: a frame to the same frame with a sum only begun, and where the device finishes it. */
const STATES: { readonly [name: string]: (whole: Bytes, family: Family) => ReturnType<typeof begun> } = {
  'the outer checksum begun': (whole) => begun(whole, ETHERNET),
  'the inner checksum begun': (whole, family) => begun(whole, innerIpAt(family)),
};

const SEGMENTS: { readonly [name: string]: InnerFrame } = {
  tcp: carrying(TCP, tcp({ payload: bytes(101) })),
  udp: carrying(UDP, udp({ payload: bytes(52) })),
};

let vm: Rig | undefined;
const interpreter = (): Rig => {
  vm ??= new Rig({ machine: 'interpreter' });
  return vm;
};

function cases(): Case[] {
  return WAYS.flatMap((way) =>
    FAMILIES.flatMap((family) =>
      FAMILIES.flatMap((version) =>
        (['plain', 'translated'] as const).flatMap((inner) =>
          Object.values(SEGMENTS).map((make): Case => ({ way, family, version, inner, make })),
        ),
      ),
    ),
  );
}

const partial = ({ start, offset }: ReturnType<typeof begun>): RunOptions => ({
  checksum: { state: 'partial', start, offset },
});

for (const [name, state] of Object.entries(STATES)) {
  test(`${name}, interpreter`, (t) => {
    for (const one of cases()) {
      setUp(interpreter(), one.inner);
      const { before, after } = pairOf(one);
      const given = state(before, one.family);
      const { frame } = interpreter().run(one.way, given.frame, partial(given));
      t.is(frame, hex(state(after, one.family).frame), JSON.stringify({ ...one, name }));
    }
  });

  test.serial(`${name}, on a tap`, async (t) => {
    for (const way of WAYS) {
      const wire = await WireRig.make(t, way, {}, US);
      for (const one of cases().filter((each) => each.way === way)) {
        setUp(wire.rig, one.inner);
        const { before, after } = pairOf(one);
        const given = state(before, one.family);
        const vnet = needsChecksum(given.start, given.offset);
        const { emitted } = await wire.send(given.frame, { vnet });
        t.deepEqual(
          emitted.map(({ frame, vnet: out }) => [frame, out]),
          [[hex(state(after, one.family).frame), hex(vnet)]],
          JSON.stringify(one),
        );
      }
    }
  });
}

test('an outer checksum that is begun, around what has none to begin', (t) => {
  for (const way of WAYS) {
    for (const family of FAMILIES) {
      for (const version of FAMILIES) {
        for (const inner of ['plain', 'translated'] as const) {
          for (const [name, make] of Object.entries(INNERS[version])) {
            setUp(interpreter(), inner);
            const { before, after } = pairOf({ way, family, version, inner, make });
            const given = begun(before, ETHERNET);
            const { frame } = interpreter().run(way, given.frame, partial(given));
            t.is(frame, hex(begun(after, ETHERNET).frame), `${way} ${family} ${version} ${inner} ${name}`);
          }
        }
      }
    }
  }
});

test('without an outer checksum, the inner one begun', (t) => {
  for (const one of cases()) {
    setUp(interpreter(), one.inner);
    const { before, after } = pairOf({ ...one, more: { checksum: 'none' } });
    const given = begun(before, innerIpAt(one.family));
    const { frame } = interpreter().run(one.way, given.frame, partial(given));
    t.is(frame, hex(begun(after, innerIpAt(one.family)).frame));
  }
});

test('super-packets: both checksums begun, or no outer one', (t) => {
  for (const checksum of ['sum', 'none'] as const) {
    for (const one of cases()) {
      setUp(interpreter(), one.inner);
      const large = one.make === SEGMENTS.tcp ? tcp({ payload: bytes(9000) }) : udp({ payload: bytes(9000) });
      const make = carrying(one.make === SEGMENTS.tcp ? TCP : UDP, large);
      const { before, after } = pairOf({ ...one, make, more: { checksum } });
      const both = (whole: Bytes): ReturnType<typeof begun> => {
        const inner = begun(whole, innerIpAt(one.family));
        return checksum === 'none' ? inner : { ...inner, frame: begun(inner.frame, ETHERNET).frame };
      };
      const given = both(before);
      const { frame } = interpreter().run(one.way, given.frame, { ...partial(given), gsoSize: 1400 });
      t.is(frame, hex(both(after).frame));
    }
  }
});

test('several datagrams in one, each with a VNI of its own, are dropped', (t) => {
  setUp(interpreter(), 'plain');
  for (const way of WAYS) {
    const { before } = pairOf({ way, family: 4, version: 4, inner: 'plain', make: SEGMENTS.udp! });
    const twice = Uint8Array.from(Buffer.concat([before, before.subarray(udpAt(LOCAL[0]) + 8)]));
    const length = (whole: Bytes, where: number): Bytes =>
      be16(read16(whole, where) + before.length - udpAt(LOCAL[0]) - 8);
    const whole = patch(patch(twice, 16, length(twice, 16)), 38, length(twice, 38));
    const seen = interpreter().run(way, whole, { gsoSize: before.length - udpAt(LOCAL[0]) - 8 });
    t.like(seen, { verdict: 'drop', reasons: { [`${way} inner_refused`]: 1 } });
  }
});

/** `a` less `b` in one's complement. */
const less = (a: number, b: number): number => (a + 0xffff - b) % 0xffff;

/** A source port with which the outer checksum is the sum of its pseudo-header. */
function withPort(one: Case): Pair {
  const { check, pseudo } = sums(pairOf({ ...one, more: { sourcePort: 0 } }).before, ETHERNET);
  const pair = pairOf({ ...one, more: { sourcePort: less(check, pseudo) } });
  const found = sums(pair.before, ETHERNET);
  if (found.check !== found.pseudo) throw new Error('there is no such port');
  return pair;
}

test('a finished outer checksum that is by chance what a begun one would be, around a begun inner one', (t) => {
  for (const family of FAMILIES) {
    for (const inner of ['plain', 'translated'] as const) {
      for (const make of [...Object.values(SEGMENTS), carrying(TCP, tcp(), { tags: [[0x8100, 5]] })]) {
        setUp(interpreter(), inner);
        const one: Case = { way: 'outbound', family, version: family, inner, make };
        const { before, after } = withPort(one);
        const isTagged = read16(before, innerAt(at(LOCAL, family)) + 12) === 0x8100;
        const state = (whole: Bytes): ReturnType<typeof begun> =>
          begun(whole, innerIpAt(family) + (isTagged ? 4 : 0));
        const given = state(before);
        const { frame } = interpreter().run('outbound', given.frame, partial(given));
        t.is(frame, hex(state(after).frame));
      }
    }
  }
});

test('a finished inner checksum that is by chance what a begun one would be, in a begun outer one', (t) => {
  for (const family of FAMILIES) {
    for (const inner of ['plain', 'translated'] as const) {
      setUp(interpreter(), inner);
      // Two bytes of payload that make the inner checksum the sum of its pseudo-header.
      const make = (fill: number): InnerFrame =>
        carrying(UDP, udp({ payload: patch(bytes(40), 10, be16(fill)) }));
      const of = (fill: number): ReturnType<typeof sums> => {
        const { before } = pairOf({ way: 'outbound', family, version: family, inner, make: make(fill) });
        return sums(before, innerIpAt(family));
      };
      const wanted = less(of(0).check, of(0).pseudo);
      t.is(of(wanted).check, of(wanted).pseudo);
      const { before, after } = pairOf({
        way: 'outbound',
        family,
        version: family,
        inner,
        make: make(wanted),
      });
      const given = begun(before, ETHERNET);
      const { frame } = interpreter().run('outbound', given.frame, partial(given));
      t.is(frame, hex(begun(after, ETHERNET).frame));
    }
  }
});

/** 16 bits in network byte order, as the machine has them in a sum. */
const native = (sum: number): number => new DataView(be16(sum).buffer).getUint16(0, true);
const folded = (sum: number): number => {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
};
const deviceSum = (packet: Bytes): number => native(onesSum(packet.subarray(ETHERNET)));

test('a sum over the whole packet stays true to its bytes', (t) => {
  for (const checksum of ['sum', 'none'] as const) {
    for (const family of FAMILIES) {
      for (const version of FAMILIES) {
        for (const inner of ['plain', 'translated'] as const) {
          for (const [name, make] of Object.entries(INNERS[version])) {
            setUp(interpreter(), inner);
            const { before, after } = pairOf({
              way: 'inbound',
              family,
              version,
              inner,
              make,
              more: { checksum },
            });
            const state = { state: 'complete', sum: deviceSum(before) } as const;
            const result = interpreter().machine.run('inbound', before, { checksum: state });
            t.is(hex(result.frame), hex(after), name);
            t.is(result.checksum?.state, 'complete');
            t.is(
              folded(result.checksum?.sum ?? 0) % 0xffff,
              deviceSum(result.frame) % 0xffff,
              `${inner} ${name}`,
            );
          }
        }
      }
    }
  }
});
