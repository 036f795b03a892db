// Tunnel slots, packet by packet, in the kernel and in the interpreter: what comes out is the same packet built for the
// other VNI and the other inner address, every checksum summed from scratch.

import anyTest, { type TestFn } from 'ava';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { hex, Rig, type RigOptions } from './support/rig.ts';
import {
  arp,
  COUNTERS_AT,
  carrying,
  discovery,
  INNERS,
  INSIDE,
  type InnerFrame,
  indexEntry,
  LOCAL,
  type Mark,
  OTHER_PLACEHOLDER,
  OTHER_REMOTE,
  OUTSIDE,
  type Outer,
  PEER,
  PLACEHOLDER,
  portsValue,
  REMOTE,
  type SlotFields,
  slotEntry,
  type TunnelEntry,
  type TunnelKind,
  tunnelFrame,
  VNI,
} from './support/tunnel.ts';
import {
  type Address,
  type Bytes,
  be16,
  be32,
  bytes,
  frame,
  join,
  patch,
  read16,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';

const test = anyTest as TestFn;
needsRootAndBpf(test);

type Way = 'outbound' | 'inbound';
type Family = 4 | 6;
const at = <T>(pair: readonly [T, T] | readonly [number, bigint], family: Family): T | Address =>
  family === 4 ? pair[0] : pair[1];
const WAYS = ['outbound', 'inbound'] as const;
const FAMILIES = [4, 6] as const;
const KINDS: readonly TunnelKind[] = ['vxlan', 'geneve'];

const rigs = new Map<string, Rig>();
/** One for each way to run; `all` knows everything there is, `slots` tunnels without inner addresses alone. */
function rigOf(
  machine: 'kernel' | 'interpreter',
  uses: 'all' | 'slots' = 'all',
  options: RigOptions = {},
): Rig {
  const name = JSON.stringify([machine, uses, options]);
  const made =
    rigs.get(name) ??
    new Rig({ machine, ...(uses === 'slots' && { uses: ['addresses', 'tunnels', 'tunnels6'] }), ...options });
  rigs.set(name, made);
  return made;
}

interface Setting {
  readonly slots: readonly SlotFields[];
  readonly index: readonly TunnelEntry[];
  readonly by?: readonly Mark[];
}

/** These slots and no other. */
function setUp(rig: Rig, { slots, index, by = ['remote', 'vni'] }: Setting): () => void {
  const tables = rig.machine.tables;
  const entries = [...slots.map(slotEntry), ...index];
  for (const { key, value } of entries) tables.tunnels!.set(key, value);
  const ports = KINDS.map((kind) => ({ kind, by }));
  tables.tunnel_ports!.set(be32(0), portsValue(ports));
  return () => {
    for (const { key } of entries) tables.tunnels!.delete(key);
    tables.tunnel_ports!.set(be32(0), portsValue([]));
  };
}

/** One slot, bound, and the way to it. */
function boundSlot(kind: TunnelKind, family: Family, inner: 'translated' | 'plain'): Setting {
  const slot: SlotFields = {
    kind,
    placeholder: PLACEHOLDER,
    vni: VNI,
    ...(inner === 'translated' && { inside: [...INSIDE], outside: [...OUTSIDE] }),
  };
  return { slots: [slot], index: [indexEntry(slot, { vni: VNI, remote: at(REMOTE, family) as Address })] };
}

const outerOf = (way: Way, family: Family, kind: TunnelKind, more: Partial<Outer> = {}): Outer => {
  const [local, remote] = [at(LOCAL, family) as Address, at(REMOTE, family) as Address];
  const [source, destination] = way === 'outbound' ? [local, remote] : [remote, local];
  return { kind, vni: way === 'outbound' ? PLACEHOLDER : VNI, source, destination, checksum: 'sum', ...more };
};

/** The same with the VNI that it is to have. */
const rewritten = (outer: Outer, way: Way): Outer => ({
  ...outer,
  vni: way === 'outbound' ? VNI : PLACEHOLDER,
});

function counters(rig: Rig, slot: SlotFields): bigint[] {
  const value = rig.machine.tables.tunnels!.get(slotEntry(slot).key)!;
  const view = new DataView(value.buffer, value.byteOffset);
  return [0, 8, 16, 24].map((offset) => view.getBigUint64(COUNTERS_AT + offset, true));
}

const GOES_ON = { verdict: 'next', reasons: {}, mappings: [] };
/** What a frame comes to, but for where a turned one goes. */
function outcome(rig: Rig, way: Way, whole: Bytes): object {
  const { to: _, ...seen } = rig.run(way, whole);
  return seen;
}

for (const machine of ['kernel', 'interpreter'] as const) {
  for (const kind of KINDS) {
    for (const family of FAMILIES) {
      const what = `${kind} over IPv${family}, ${machine}`;

      test(`${what}: the VNI is rewritten, and nothing else`, (t) => {
        for (const uses of ['slots', 'all'] as const) {
          const rig = rigOf(machine, uses);
          const setting = boundSlot(kind, family, 'plain');
          const done = setUp(rig, setting);
          for (const way of WAYS) {
            for (const more of variants(kind)) {
              const outer = outerOf(way, family, kind, more);
              const inner = frame(join(Uint8Array.of(0x45), bytes(60)));
              const [before, after] = [tunnelFrame(outer, inner), tunnelFrame(rewritten(outer, way), inner)];
              t.deepEqual(outcome(rig, way, before), { ...GOES_ON, frame: hex(after) }, JSON.stringify(more));
            }
            for (const [name, make] of innersOf()) {
              for (const checksum of ['sum', 'none'] as const) {
                const outer = outerOf(way, family, kind, { checksum });
                const inner = make(way === 'outbound');
                const [before, after] = [
                  tunnelFrame(outer, inner),
                  tunnelFrame(rewritten(outer, way), inner),
                ];
                t.deepEqual(outcome(rig, way, before), { ...GOES_ON, frame: hex(after) }, `${way} ${name}`);
              }
            }
          }
          const [out, , back] = counters(rig, setting.slots[0]!);
          const expected = variants(kind).length + 2 * innersOf().length;
          t.deepEqual([out, back], [BigInt(expected), BigInt(expected)]);
          done();
        }
      });

      test(`${what}: inner addresses are translated in the same pass`, (t) => {
        const rig = rigOf(machine);
        const done = setUp(rig, boundSlot(kind, family, 'translated'));
        for (const way of WAYS) {
          for (const version of FAMILIES) {
            for (const [name, make] of Object.entries(INNERS[version])) {
              for (const checksum of ['sum', 'none'] as const) {
                for (const more of [{}, ...(kind === 'geneve' ? [{ options: bytes(16) }] : [])]) {
                  const outer = outerOf(way, family, kind, { checksum, ...more });
                  const [before, after] = translated(outer, way, version, make);
                  t.deepEqual(
                    outcome(rig, way, before),
                    { ...GOES_ON, frame: hex(after) },
                    `${way} ${version} ${name}`,
                  );
                }
              }
            }
          }
        }
        done();
      });
    }
  }

  test(`IP without Ethernet: Geneve and VXLAN-GPE, ${machine}`, (t) => {
    const rig = rigOf(machine);
    for (const kind of KINDS) {
      const done = setUp(rig, boundSlot(kind, 4, 'translated'));
      for (const way of WAYS) {
        for (const version of FAMILIES) {
          const proto =
            kind === 'geneve'
              ? { proto: version === 4 ? 0x0800 : 0x86dd }
              : { first: 0x0c, proto: version === 4 ? 1 : 2 };
          const outer = outerOf(way, 4, kind, proto);
          const bare =
            (inner: InnerFrame): InnerFrame =>
            (...args) =>
              inner(...args).subarray(14);
          const [before, after] = translated(outer, way, version, bare(carrying(TCP, tcp())));
          t.deepEqual(
            outcome(rig, way, before),
            { ...GOES_ON, frame: hex(after) },
            `${kind} ${way} ${version}`,
          );
        }
      }
      done();
    }
  });

  test(`neighbours that ask whether an address is taken, and announcements, ${machine}`, (t) => {
    const rig = rigOf(machine);
    const done = setUp(rig, boundSlot('vxlan', 4, 'translated'));
    const outer = outerOf('outbound', 4, 'vxlan');
    for (const [version, make] of [
      [6, discovery(135, 'probe')],
      [4, arp(1, 'sender')],
      [4, arp(1, 'target')],
    ] as const) {
      const [before, after] = translated(outer, 'outbound', version, make);
      t.deepEqual(outcome(rig, 'outbound', before), { ...GOES_ON, frame: hex(after) });
    }
    done();
  });

  test(`who is not the slot, ${machine}`, (t) => {
    const rig = rigOf(machine);
    const done = setUp(rig, boundSlot('vxlan', 4, 'translated'));
    const stranger: readonly [number, bigint] = [0x0a090909, INSIDE[1] + 1n];
    for (const way of WAYS) {
      const outer = outerOf(way, 4, 'vxlan');
      for (const version of FAMILIES) {
        for (const name of ['tcp', 'error about tcp', 'gre'] as const) {
          const own = at(stranger, version) as Address;
          const whole = tunnelFrame(
            outer,
            INNERS[version][name]!(own, at(PEER, version) as Address, way === 'outbound'),
          );
          const dropped = {
            verdict: 'drop',
            frame: hex(whole),
            reasons: { [`${way} inner_foreign`]: 1 },
            mappings: [],
          };
          t.deepEqual(outcome(rig, way, whole), dropped, `${way} ${version} ${name}`);
        }
      }
    }
    // An error for the slot about somebody else's packet.
    const quoting = INNERS[4]['error about tcp']!(OUTSIDE[0], PEER[0], false);
    const forged = tunnelFrame(
      outerOf('inbound', 4, 'vxlan'),
      patch(quoting, 14 + 20 + 8 + 12, be32(stranger[0])),
    );
    t.like(outcome(rig, 'inbound', forged), { verdict: 'drop', reasons: { 'inbound inner_foreign': 1 } });
    done();
  });

  test(`what a host needs before it has an address, and groups, ${machine}`, (t) => {
    const rig = rigOf(machine);
    const done = setUp(rig, boundSlot('vxlan', 4, 'translated'));
    const dhcp = carrying(UDP, udp({ ports: [68, 67] }));
    const linkLocal = 0xfe80n << 112n;
    for (const [way, inner] of [
      ['outbound', dhcp(0, 0xffff_ffff, true)],
      ['inbound', dhcp(0xffff_ffff, PEER[0], false)],
      ['inbound', carrying(UDP, udp())(0xe000_00fb, PEER[0], false)],
      ['outbound', carrying(UDP, udp())(linkLocal + 5n, (0xff02n << 112n) + 2n, true)],
      ['inbound', carrying(UDP, udp())((0xff02n << 112n) + 1n, linkLocal + 1n, false)],
    ] as const) {
      const outer = outerOf(way, 4, 'vxlan');
      t.deepEqual(outcome(rig, way, tunnelFrame(outer, inner)), {
        ...GOES_ON,
        frame: hex(tunnelFrame(rewritten(outer, way), inner)),
      });
    }
    done();
  });

  test(`inner packets that cannot be translated are dropped, whatever the policy, ${machine}`, (t) => {
    const rig = rigOf(machine);
    const done = setUp(rig, boundSlot('vxlan', 4, 'translated'));
    const good = INNERS[4].tcp!(INSIDE[0], PEER[0], true);
    const six = INNERS[6].tcp!(INSIDE[1], PEER[1], true);
    for (const [name, inner] of [
      ['a header cut short', good.subarray(0, 14 + 19)],
      ['longer than the packet', patch(good, 16, Uint8Array.of(0xff, 0xff))],
      ['a wrong version', patch(good, 14, Uint8Array.of(0x65))],
      ['TCP cut short', patch(good.subarray(0, 14 + 30), 16, Uint8Array.of(0, 30))],
      ['IPv6 cut short', six.subarray(0, 14 + 39)],
      ['authenticated', carrying(51, () => bytes(24))(INSIDE[0], PEER[0], true)],
      ['an error cut short', carrying(1, () => Uint8Array.of(3, 0, 0, 0))(INSIDE[0], PEER[0], true)],
    ] as const) {
      const whole = tunnelFrame(outerOf('outbound', 4, 'vxlan'), inner);
      const dropped = {
        verdict: 'drop',
        frame: hex(whole),
        reasons: { 'outbound inner_refused': 1 },
        mappings: [],
      };
      t.deepEqual(outcome(rig, 'outbound', whole), dropped, name);
    }
    done();
  });

  test(`slots with the same VNI at the same time, ${machine}`, (t) => {
    const rig = rigOf(machine);
    const inner = frame(bytes(60));
    const [one, two]: SlotFields[] = [PLACEHOLDER, OTHER_PLACEHOLDER].map((placeholder) => ({
      kind: 'vxlan',
      placeholder,
      vni: VNI,
    }));
    for (const family of FAMILIES) {
      const [remote, other] = [at(REMOTE, family) as Address, at(OTHER_REMOTE, family) as Address];
      const local = at(LOCAL, family) as Address;
      for (const [by, marks] of [
        [['remote', 'vni'], (address: Address) => ({ vni: VNI, remote: address })],
        [['remote'], (address: Address) => ({ remote: address })],
        [['local', 'vni'], (address: Address) => ({ vni: VNI, local: address })],
        [['remote', 'local'], (address: Address) => ({ remote: address, local })],
      ] as const) {
        const index = [indexEntry(one!, marks(remote)), indexEntry(two!, marks(other))];
        const done = setUp(rig, { slots: [one!, two!], index, by });
        for (const [address, { placeholder }] of [
          [remote, one!],
          [other, two!],
        ] as const) {
          const isLocal = by.some((mark) => mark === 'local') && !by.some((mark) => mark === 'remote');
          const outer: Outer = isLocal
            ? { ...outerOf('inbound', family, 'vxlan'), destination: address }
            : { ...outerOf('inbound', family, 'vxlan'), source: address };
          t.deepEqual(outcome(rig, 'inbound', tunnelFrame(outer, inner)), {
            ...GOES_ON,
            frame: hex(tunnelFrame({ ...outer, vni: placeholder }, inner)),
          });
        }
        done();
      }
    }
  });

  test(`slots told apart by their inner addresses, ${machine}`, (t) => {
    const rig = rigOf(machine);
    const others: readonly [number, bigint] = [OUTSIDE[0] + 1, OUTSIDE[1] + 1n];
    const [one, two]: SlotFields[] = [
      { kind: 'geneve', placeholder: PLACEHOLDER, vni: VNI, inside: INSIDE, outside: OUTSIDE },
      { kind: 'geneve', placeholder: OTHER_PLACEHOLDER, vni: VNI, inside: INSIDE, outside: others },
    ];
    const index = [one!, two!].flatMap((slot) =>
      slot.outside!.map((inner) => indexEntry(slot, { inner, vni: VNI })),
    );
    const done = setUp(rig, { slots: [one!, two!], index, by: ['inner', 'vni'] });
    for (const { placeholder, outside } of [one!, two!]) {
      for (const version of FAMILIES) {
        for (const name of [
          'tcp',
          'behind a tag',
          version === 4 ? 'arp request' : 'solicitation',
          'error about tcp',
        ]) {
          for (const options of [bytes(0), bytes(20)]) {
            const outer = outerOf('inbound', 4, 'geneve', { options });
            const make = INNERS[version][name]!;
            const peer = at(PEER, version) as Address;
            const seen = at(outside as readonly [number, bigint], version) as Address;
            const before = tunnelFrame(outer, make(seen, peer, false));
            const after = tunnelFrame(
              { ...outer, vni: placeholder },
              make(at(INSIDE, version) as Address, peer, false),
            );
            t.deepEqual(
              outcome(rig, 'inbound', before),
              { ...GOES_ON, frame: hex(after) },
              `${placeholder} ${name}`,
            );
          }
        }
      }
    }
    const nobody = tunnelFrame(outerOf('inbound', 4, 'geneve'), INNERS[4].tcp!(PEER[0], PEER[0], false));
    t.like(outcome(rig, 'inbound', nobody), {
      verdict: 'next',
      reasons: { 'inbound unknown_vni': 1 },
      frame: hex(nobody),
    });
    done();
  });

  test(`packets that are of no slot, ${machine}`, (t) => {
    const inner = frame(bytes(60));
    const slot: SlotFields = { kind: 'vxlan', placeholder: PLACEHOLDER };
    const bound = { ...slot, placeholder: OTHER_PLACEHOLDER, vni: VNI };
    for (const policy of ['pass', 'drop'] as const) {
      const rig = rigOf(machine, 'all', { unmapped: policy });
      const done = setUp(rig, {
        slots: [slot, bound],
        index: [indexEntry(bound, { vni: VNI, remote: REMOTE[0] })],
      });
      const by = policy === 'pass' ? 'next' : 'drop';
      const malformed = patch(tunnelFrame(outerOf('inbound', 4, 'geneve'), inner), 42, Uint8Array.of(0x40));
      const short = tunnelFrame(outerOf('outbound', 4, 'vxlan'), inner).subarray(0, 14 + 20 + 12);
      for (const [name, way, whole, verdict, reason] of [
        [
          'a reserved placeholder',
          'outbound',
          tunnelFrame(outerOf('outbound', 4, 'vxlan'), inner),
          'drop',
          'unbound_vni',
        ],
        [
          'no placeholder',
          'outbound',
          tunnelFrame(outerOf('outbound', 4, 'vxlan', { vni: 5 }), inner),
          by,
          'unknown_vni',
        ],
        [
          'of the other kind',
          'outbound',
          tunnelFrame(outerOf('outbound', 4, 'geneve'), inner),
          by,
          'unknown_vni',
        ],
        [
          'no such VNI',
          'inbound',
          tunnelFrame(outerOf('inbound', 4, 'vxlan', { vni: 5 }), inner),
          by,
          'unknown_vni',
        ],
        [
          'a VNI from elsewhere',
          'inbound',
          tunnelFrame({ ...outerOf('inbound', 4, 'vxlan'), source: OTHER_REMOTE[0] }, inner),
          by,
          'unknown_vni',
        ],
        [
          'a placeholder from outside',
          'inbound',
          tunnelFrame(outerOf('inbound', 4, 'vxlan', { vni: PLACEHOLDER }), inner),
          'drop',
          'placeholder_vni',
        ],
        [
          'another one',
          'inbound',
          tunnelFrame(outerOf('inbound', 4, 'vxlan', { vni: OTHER_PLACEHOLDER }), inner),
          'drop',
          'placeholder_vni',
        ],
        ['an unknown version', 'inbound', malformed, by, 'malformed'],
        [
          'cut short',
          'outbound',
          patch(patch(short, 16, Uint8Array.of(0, 32)), 38, Uint8Array.of(0, 12)),
          by,
          'malformed',
        ],
        [
          'another port',
          'outbound',
          tunnelFrame(outerOf('outbound', 4, 'vxlan', { port: 4790 }), inner),
          by,
          'unmapped',
        ],
      ] as const) {
        t.deepEqual(
          outcome(rig, way, whole),
          { verdict, frame: hex(whole), reasons: { [`${way} ${reason}`]: 1 }, mappings: [] },
          `${policy}: ${name}`,
        );
      }
      done();
    }
  });

  test(`a slot that lost its VNI lets nothing in, though it is still indexed, ${machine}`, (t) => {
    const rig = rigOf(machine);
    const inner = frame(bytes(60));
    for (const [vni, verdict, reason] of [
      [undefined, 'drop', 'unbound_vni'],
      [VNI + 1, 'next', 'unknown_vni'],
    ] as const) {
      const slot: SlotFields = { kind: 'vxlan', placeholder: PLACEHOLDER, ...(vni !== undefined && { vni }) };
      const done = setUp(rig, { slots: [slot], index: [indexEntry(slot, { vni: VNI, remote: REMOTE[0] })] });
      const whole = tunnelFrame(outerOf('inbound', 4, 'vxlan'), inner);
      t.deepEqual(outcome(rig, 'inbound', whole), {
        verdict,
        frame: hex(whole),
        reasons: { [`inbound ${reason}`]: 1 },
        mappings: [],
      });
      done();
    }
  });

  test(`a checksum that comes out as zero is sent as all ones, ${machine}`, (t) => {
    const rig = rigOf(machine, 'slots');
    const done = setUp(rig, boundSlot('vxlan', 4, 'plain'));
    const outer = outerOf('outbound', 4, 'vxlan');
    // Two bytes of payload such that the sum is all ones under the real VNI.
    const filler = (sum: number): Bytes => patch(frame(bytes(60)), 72, be16(sum));
    const checkOf = (whole: Bytes): number => whole[40]! * 256 + whole[41]!;
    const first = checkOf(tunnelFrame(rewritten(outer, 'outbound'), filler(0)));
    const inner = filler(first);
    const after = tunnelFrame(rewritten(outer, 'outbound'), inner);
    t.is(checkOf(after), 0xffff);
    t.deepEqual(outcome(rig, 'outbound', tunnelFrame(outer, inner)), { ...GOES_ON, frame: hex(after) });
    done();
  });

  test(`a checksum that happens to be the sum of the pseudo-header is one all the same, ${machine}`, (t) => {
    const rig = rigOf(machine, 'slots');
    const done = setUp(rig, boundSlot('vxlan', 4, 'plain'));
    const outer = outerOf('outbound', 4, 'vxlan');
    const inner = innerForPseudo(outer);
    const before = tunnelFrame(outer, inner);
    t.is(before[40]! * 256 + before[41]!, pseudoSumOf(before));
    t.deepEqual(outcome(rig, 'outbound', before), {
      ...GOES_ON,
      frame: hex(tunnelFrame(rewritten(outer, 'outbound'), inner)),
    });
    done();
  });
}

/** The sum over the outer pseudo-header of a frame over IPv4. */
function pseudoSumOf(whole: Bytes): number {
  const length = whole[38]! * 256 + whole[39]!;
  const words = [...Array(4).keys()].map((i) => whole[26 + 2 * i]! * 256 + whole[27 + 2 * i]!);
  return [...words, 17, length].reduce((sum, word) =>
    sum + word > 0xffff ? sum + word - 0xffff : sum + word,
  );
}

/** An inner frame with which the outer checksum is the sum of the pseudo-header. */
function innerForPseudo(outer: Outer): Bytes {
  const filler = (sum: number): Bytes => patch(frame(bytes(60)), 72, be16(sum));
  const whole = tunnelFrame(outer, filler(0));
  return filler((read16(whole, 40) + 0xffff - pseudoSumOf(whole)) % 0xffff);
}

/** Everything that can stand around the VNI. */
const variants = (kind: TunnelKind): Partial<Outer>[] => [
  {},
  { checksum: 'none' },
  { reserved: 0xab },
  { frame: { tags: [[0x8100, 7]] } },
  {
    frame: {
      tags: [
        [0x88a8, 7],
        [0x8100, 9],
      ],
    },
  },
  ...(kind === 'geneve'
    ? [{ options: bytes(4) }, { options: bytes(252), checksum: 'none' as const }, { options: bytes(252) }]
    : [{ first: 0x88 }, { first: 0x00 }]),
];

const innersOf = (): [string, (leaving: boolean) => Bytes][] =>
  FAMILIES.flatMap((version) =>
    Object.entries(INNERS[version]).map(([name, make]): [string, (leaving: boolean) => Bytes] => [
      `${version} ${name}`,
      (leaving) => make(at(INSIDE, version) as Address, at(PEER, version) as Address, leaving),
    ]),
  );

/** A tunnel packet of a slot with inner addresses, as it comes and as it goes on. */
function translated(
  outer: Outer,
  way: Way,
  version: Family,
  make: InnerFrame,
): [before: Bytes, after: Bytes] {
  const [inside, outside, peer] = [INSIDE, OUTSIDE, PEER].map((pair) => at(pair, version) as Address);
  const leaving = way === 'outbound';
  const [from, to] = leaving ? [inside!, outside!] : [outside!, inside!];
  return [
    tunnelFrame(outer, make(from, peer!, leaving)),
    tunnelFrame(rewritten(outer, way), make(to, peer!, leaving)),
  ];
}
