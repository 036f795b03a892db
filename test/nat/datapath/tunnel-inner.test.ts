// Tunnel slots with inner addresses, packet by packet: what comes out is the same packet built for the other VNI and the
// other inner address.

import anyTest, { type TestFn } from 'ava';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { hex } from './support/rig.ts';
import {
  arp,
  carrying,
  discovery,
  INNERS,
  INSIDE,
  type InnerFrame,
  OUTSIDE,
  PEER,
  tunnelFrame,
} from './support/tunnel.ts';
import {
  at,
  boundSlot,
  FAMILIES,
  GOES_ON,
  KINDS,
  outcome,
  outerOf,
  rewritten,
  rigOf,
  setUp,
  translated,
  WAYS,
} from './support/tunnel-rig.ts';
import { be32, bytes, patch, TCP, tcp, UDP, udp } from './support/wire.ts';

const test = anyTest as TestFn;
needsRootAndBpf(test);

for (const machine of ['kernel', 'interpreter'] as const) {
  for (const kind of KINDS) {
    for (const family of FAMILIES) {
      const what = `${kind} over IPv${family}, ${machine}`;

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
          const own = at(stranger, version);
          const whole = tunnelFrame(
            outer,
            INNERS[version][name]!(own, at(PEER, version), way === 'outbound'),
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
}
