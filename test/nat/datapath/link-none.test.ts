// Devices without a link layer: the packet starts with its IP header. A test run in the kernel takes its Ethernet type
// where it always stands, which is within an address here: so the interpreter runs all frames, the kernel those that fit.

import test from 'ava';
import fc from 'fast-check';
import { damage, spoil } from './support/arbitrary/damage.ts';
import { frameOf, scenario } from './support/arbitrary/scenario.ts';
import { holds } from './support/holds.ts';
import type { Mapping } from './support/reference/mappings.ts';
import { packetAt } from './support/reference/reference.ts';
import { Rig } from './support/rig.ts';
import { Tally } from './support/tally.ts';
import type { Address } from './support/wire.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 1_000);
const OPTIONS = { link: 'none', unmapped: 'drop', mss: 1360 } as const;
const rigs = {
  kernel: new Rig(OPTIONS),
  interpreter: new Rig({ ...OPTIONS, machine: 'interpreter' }),
};

/** The bytes where the type would stand say IPv4, or IPv6: the first half of the source, or its third word. */
const fitting = (address: Address): Address =>
  typeof address === 'number'
    ? 0x0800_0000 + (address & 0xffff)
    : (address & ~(0xffffn << 80n)) | (0x86ddn << 80n);
const fittingMapping = (one: Mapping): Mapping =>
  one.kind === 'prefix' ? one : { ...one, inside: fitting(one.inside) };

for (const family of [4, 6] as const) {
  for (const machine of ['interpreter', 'kernel'] as const) {
    test(`IPv${family}, ${machine}`, (t) => {
      const rig = rigs[machine];
      const tally = new Tally();
      const only =
        machine === 'kernel' ? { direction: 'outbound' as const, kinds: ['address'] as const } : {};
      fc.assert(
        fc.property(scenario(family, only), fc.option(damage, { freq: 2 }), (one, harm) => {
          const fit = machine === 'kernel';
          rig.remap(fit ? one.mappings.map(fittingMapping).slice(0, 1) : one.mappings);
          const own = fit ? { ...one.own, address: fitting(one.own.address) } : one.own;
          const ethernet = frameOf({ ...one, own });
          const packet = ethernet.subarray(packetAt(ethernet, 'ethernet'));
          // Only the end is cut off: in the kernel nothing may come to stand where the type does.
          const spoilt = harm === null ? packet : spoil(packet, fit ? { ...harm, bytes: [] } : harm);
          // The kernel wants an Ethernet header and a whole IP header behind it.
          fc.pre(!fit || spoilt.length >= (family === 4 ? 34 : 54));
          tally.see(holds(rig, one.direction, spoilt));
        }),
        { numRuns, includeErrorInReport: true },
      );
      t.log(tally.line(`bare IPv${family} packets, ${machine}`));
      t.true(tally.has('translated'));
    });
  }
}
