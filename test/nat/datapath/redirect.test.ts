// Redirect either leaves a packet to the stack, or does what the programs without it and routing would do together. Tried on
// random packets; TSNAT_DATAPATH_PACKETS says how many, TSNAT_SEED repeats a run.

import test from 'ava';
import fc from 'fast-check';
import { damage, spoil } from './support/arbitrary/damage.ts';
import { frameOf, scenario } from './support/arbitrary/scenario.ts';
import { agrees, answer, rigNamed, surroundings } from './support/redirect/agrees.ts';
import { ELSEWHERE, INSIDE, OUTSIDE, SECOND_INSIDE } from './support/redirect/rig.ts';
import { mappings } from './support/reference/mappings.ts';
import { hex } from './support/rig.ts';
import { OPTIONS } from './support/rigs.ts';
import { Tally } from './support/tally.ts';
import { frame, ip4, ipv4, TCP, tcp } from './support/wire.ts';
import { plain } from './support/xdp/conversation.ts';

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
    test.serial(`IPv${family}: ${what}: as TC and routing do it, or not at all`, (t) => {
      const tally = new Tally();
      const one = packets.chain((made) => fc.tuple(fc.constant(made), answer(made.direction)));
      const beside = fc.oneof(
        { weight: 2, arbitrary: fc.constant({}) },
        { weight: 1, arbitrary: surroundings },
      );
      fc.assert(
        fc.property(
          one,
          names,
          harm,
          beside,
          ([{ mappings, direction, frame }, routing], name, spoilt, more) => {
            rigNamed(name).tc.remap(mappings);
            const sent = spoilt === null ? frame : spoil(frame, spoilt);
            tally.add(agrees(name, direction, sent, routing, more));
          },
        ),
        SETTINGS,
      );
      t.log(tally.line(`IPv${family} frames`));
      for (const outcome of ['sent on', 'left to the stack', 'not translated'])
        t.true(tally.has(outcome), outcome);
    });
  }
}

const WAY_OUT = { result: 0, ifindex: OUTSIDE };
const NEXT = 0xffff_ffff;
const [MAPPED, SPOOFED, FAR] = ['10.0.0.5', '203.0.113.5', '198.51.100.1'].map(ip4) as [
  number,
  number,
  number,
];
const segment = (source: number) =>
  frame(ipv4({ source, destination: FAR, protocol: TCP }, tcp()(source, FAR)));

test.serial('at rest it leaves everything', (t) => {
  const rig = rigNamed('pass');
  rig.tc.remap(mappings('10.0.0.5=203.0.113.5'));
  rig.wake();
  t.is(rig.run('outbound', segment(MAPPED), WAY_OUT).ifindex, OUTSIDE);
  rig.rest();
  const left = rig.run('outbound', segment(MAPPED), WAY_OUT);
  t.like(left, { ifindex: undefined, verdict: NEXT });
  t.is(hex(left.frame), hex(segment(MAPPED)));
  rig.wake();
});

test.serial('who poses as an outside is refused where it leaves, wherever it comes from', (t) => {
  const rig = rigNamed('drop');
  rig.tc.remap(mappings('10.0.0.5=203.0.113.5'));
  rig.tc.take();
  const spoofed = segment(SPOOFED);
  t.like(rig.run('outbound', spoofed, WAY_OUT), { ifindex: undefined, verdict: NEXT });
  t.deepEqual(rig.tc.take().reasons, {});
  // The stack forwards what is for this host; what is for others has come by another way, unless from inside.
  for (const [from, isForOthers, verdict] of [
    [INSIDE, false, 2],
    [SECOND_INSIDE, false, 2],
    [0, false, 2],
    [0, true, 2],
    [ELSEWHERE, true, 2],
    [OUTSIDE, true, 2],
    [INSIDE, true, NEXT],
    [SECOND_INSIDE, true, NEXT],
    [9_001, true, NEXT],
    [9_005, true, NEXT],
    [9_006, true, 2],
    [9_000, true, 2],
  ] as const) {
    t.is(
      rig.at('egress', spoofed, WAY_OUT, { from, isForOthers }).verdict,
      verdict,
      `${from} ${isForOthers}`,
    );
    const reasons = verdict === NEXT ? {} : { 'outbound spoofed': 1 };
    t.deepEqual(rig.tc.take().reasons, reasons, `${from} ${isForOthers}`);
  }
});
