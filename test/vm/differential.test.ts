// Random programs that the verifier accepts, in the interpreter and in the kernel: same r0, same registers, same packet,
// same map contents. TSNAT_DIFFERENTIAL=10000 runs more of them than the 300 that are always run.

import process from 'node:process';
import test from 'ava';
import fc from 'fast-check';
import { formatAsm, type Program } from '../../src/asm/index.ts';
import { VerifierError } from '../../src/loader/index.ts';
import { createMap, Vm } from '../../src/vm/index.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { hex } from './support/both.ts';
import { prefixes, results, scratch, table } from './support/convention.ts';
import { build, planArbitrary } from './support/generator.ts';
import { contextText, KernelRig, type Seen } from './support/kernel-rig.ts';

needsRootAndBpf(test);

const RUNS = Number(process.env.TSNAT_DIFFERENTIAL ?? 300);
const LENGTH = 40;
/** Refused although meant to be valid: more than this share would say that the generator is wrong. */
const MOST_REFUSED = 0.02;
const MAPS = [scratch, results, table, prefixes];
const LOOPBACK = new Uint8Array(6);

const packets = fc
  .tuple(
    fc.constantFrom([8, 0], [0x86, 0xdd], [8, 6], [0x81, 0], [0, 40]),
    fc.uint8Array({ minLength: 70, maxLength: 200 }),
  )
  .map(([type, rest]) => {
    const packet = Uint8Array.from(rest);
    packet.set(type, 12);
    return packet;
  });

function interpreted(program: Program, packet: Uint8Array): Seen {
  const maps = Object.fromEntries(MAPS.map((spec) => [spec.name, createMap(spec)]));
  const result = new Vm(program, { maps }).run({ packet, skb: { deviceAddress: LOOPBACK } });
  return {
    returnValue: result.returnValue,
    // The kernel gives back an XDP buffer with its metadata.
    packet: hex(result.meta) + hex(result.packet),
    context: contextText(result.context),
    maps: Object.fromEntries(
      Object.entries(maps).map(([name, map]) => [
        name,
        map
          .entries()
          .map(([key, value]) => `${hex(key)}=${hex(value)}`)
          .toSorted(),
      ]),
    ),
  };
}

test('random programs do the same in the interpreter and in the kernel', (t) => {
  using rig = new KernelRig(MAPS);
  let refused = 0;
  const property = fc.property(planArbitrary(LENGTH), packets, (plan, packet) => {
    const program = build(plan);
    let kernel: Seen;
    try {
      kernel = rig.run(program, packet);
    } catch (error) {
      if (!(error instanceof VerifierError)) throw error;
      refused += 1;
      if (process.env.TSNAT_SHOW_REFUSED) t.log(error.message);
      return;
    }
    t.deepEqual(interpreted(program, packet), kernel, formatAsm(program));
  });
  fc.assert(property, { numRuns: RUNS, endOnFailure: false });
  t.log(`${RUNS} programs, ${refused} refused by the verifier`);
  t.true(refused <= RUNS * MOST_REFUSED, `${refused} of ${RUNS} programs were refused`);
});
