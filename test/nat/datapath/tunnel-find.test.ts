// Which tunnel slot a packet is of, and what becomes of those that are of none.

import anyTest, { type TestFn } from 'ava';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { hex } from './support/rig.ts';
import {
  INNERS,
  INSIDE,
  LOCAL,
  OTHER_PLACEHOLDER,
  OTHER_REMOTE,
  OUTSIDE,
  type Outer,
  PEER,
  PLACEHOLDER,
  REMOTE,
  tunnelFrame,
  VNI,
} from './support/tunnel.ts';
import { indexEntry, type SlotFields } from './support/tunnel-entries.ts';
import { at, FAMILIES, GOES_ON, outcome, outerOf, rigOf, setUp } from './support/tunnel-rig.ts';
import { type Address, bytes, frame, patch } from './support/wire.ts';

const test = anyTest as TestFn;
needsRootAndBpf(test);

for (const machine of ['kernel', 'interpreter'] as const) {
  test(`slots with the same VNI at the same time, ${machine}`, (t) => {
    const rig = rigOf(machine);
    const inner = frame(bytes(60));
    const [one, two]: SlotFields[] = [PLACEHOLDER, OTHER_PLACEHOLDER].map((placeholder) => ({
      kind: 'vxlan',
      placeholder,
      vni: VNI,
    }));
    for (const family of FAMILIES) {
      const [remote, other] = [at(REMOTE, family), at(OTHER_REMOTE, family)];
      const local = at(LOCAL, family);
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
            const peer = at(PEER, version);
            const seen = at(outside as readonly [number, bigint], version);
            const before = tunnelFrame(outer, make(seen, peer, false));
            const after = tunnelFrame({ ...outer, vni: placeholder }, make(at(INSIDE, version), peer, false));
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
}
