// Random packets inside tunnels of a slot with inner addresses: what comes out is what the reference makes of the inner
// packet by a mapping of inside to outside, in a tunnel with the other VNI. TSNAT_DATAPATH_PACKETS says how many.

import anyTest, { type TestFn } from 'ava';
import fc from 'fast-check';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { damage, spoil } from './support/arbitrary/damage.ts';
import { conversation } from './support/arbitrary/scenario.ts';
import { ICMPV6, ipHeader } from './support/reference/header.ts';
import { packetAt, reference } from './support/reference/reference.ts';
import type { Outcome, World } from './support/reference/world.ts';
import { hex } from './support/rig.ts';
import { Tally } from './support/tally.ts';
import { INSIDE, OUTSIDE, type Outer, PEER, tunnelFrame } from './support/tunnel.ts';
import {
  at,
  boundSlot,
  FAMILIES,
  type Family,
  outcome,
  outerOf,
  rewritten,
  rigOf,
  setUp,
  WAYS,
  type Way,
} from './support/tunnel-rig.ts';
import { type Bytes, ICMP } from './support/wire.ts';

const test = anyTest as TestFn;
needsRootAndBpf(test);

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 1_000);
const SETTINGS = { numRuns, includeErrorInReport: true };

const worldOf = (version: Family): World => ({
  unmapped: { outbound: 'pass', inbound: 'pass' },
  ipv6: true,
  mappings: [
    { kind: 'address', inside: at(INSIDE, version), outside: at(OUTSIDE, version) } as World['mappings'][0],
  ],
});

/** What the tunnel makes of the inner packet, by what the reference does; undefined where it has an answer of its own. */
function fateOf(
  inner: Bytes,
  way: Way,
  { frame, reason }: Outcome,
): { inner: Bytes } | { reason: string } | undefined {
  if (reason === undefined) return { inner: frame };
  if (reason === 'not_ip') return { inner };
  if (reason === 'malformed' || reason === 'authenticated') return { reason: `${way} inner_refused` };
  if (reason === 'unmapped' || reason === 'spoofed') return { reason: `${way} inner_foreign` };
  return undefined;
}

const strangers = fc.integer({ min: 0, max: 9 });

for (const machine of ['kernel', 'interpreter'] as const) {
  for (const version of FAMILIES) {
    for (const spoilt of [false, true]) {
      test.serial(`IPv${version} inside${spoilt ? ', spoilt' : ''}, ${machine}`, (t) => {
        const rig = rigOf(machine);
        const tally = new Tally();
        const run = (way: Way, family: Family, checksum: Outer['checksum'], inner: Bytes): void => {
          const done = setUp(rig, boundSlot('vxlan', family, 'translated'));
          const outer = outerOf(way, family, 'vxlan', { checksum });
          const before = tunnelFrame(outer, inner);
          const seen = outcome(rig, way, before) as { verdict: string; frame: string; reasons: object };
          done();
          const expected = reference(inner, way, worldOf(version));
          const fate = fateOf(inner, way, expected);
          const what = `${way} ${hex(inner)}`;
          if (fate === undefined) {
            tally.add(`left out: ${expected.reason}`);
            return;
          }
          if ('inner' in fate) {
            const after = hex(tunnelFrame(rewritten(outer, way), fate.inner));
            // An error that the reference translates for a router in between, or by its quote alone, is nobody's here.
            const foreign = Object.keys(seen.reasons).some((name) => name.endsWith('inner_foreign'));
            if (foreign && isIcmp(inner, version)) tally.add('an error of or about somebody else');
            else if (seen.frame !== after)
              throw new Error(`${what}: ${JSON.stringify(seen)} and not ${after}`);
            else tally.add(expected.reason ?? 'translated');
            return;
          }
          const { verdict, reasons, frame } = seen;
          const [reason] = Object.keys(reasons);
          // What a host needs before it has an address passes instead.
          const passes = fate.reason.endsWith('foreign') && verdict === 'next' && reason === undefined;
          if (passes) tally.add('nobody');
          else if (
            verdict !== 'drop' ||
            (reason !== fate.reason && !isIcmp(inner, version)) ||
            frame !== hex(before)
          ) {
            throw new Error(`${what}: ${JSON.stringify(seen)} and not ${fate.reason}`);
          } else tally.add(fate.reason);
        };
        fc.assert(
          fc.property(
            conversation(version),
            fc.constantFrom(...WAYS),
            fc.constantFrom(...FAMILIES),
            fc.constantFrom('sum' as const, 'none' as const),
            fc.tuple(strangers, fc.nat(0xffff), fc.nat(0xffff)),
            damage,
            (make, way, family, checksum, [stranger, port, peerPort], harm) => {
              const own = at(way === 'outbound' ? INSIDE : OUTSIDE, version);
              const address = stranger > 0 ? own : at(PEER, version);
              const inner = make({ address, port }, { address: at(PEER, version), port: peerPort }, way);
              run(way, family, checksum, spoilt ? spoil(inner, harm) : inner);
            },
          ),
          SETTINGS,
        );
        t.log(tally.line('inner packets'));
        t.true(tally.has('translated'));
        t.true(['outbound', 'inbound'].some((way) => tally.has(`${way} inner_foreign`)));
      });
    }
  }
}

/** Whether it is an ICMP message, of which errors have fates of their own. */
function isIcmp(inner: Bytes, version: Family): boolean {
  const header = ipHeader(inner, packetAt(inner, 'ethernet'), version, false);
  return typeof header === 'object' && !header.later && header.protocol === (version === 4 ? ICMP : ICMPV6);
}
