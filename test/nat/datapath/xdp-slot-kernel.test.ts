// The XDP program for slots in the kernel (BPF_PROG_TEST_RUN): it makes of random packets what it makes of them in the
// interpreter, and counts the same, in the newest instructions and in the oldest.

import test from 'ava';
import fc from 'fast-check';
import { encode, inIsa } from '../../../src/asm/index.ts';
import { loadProgram, RawMap } from '../../../src/loader/index.ts';
import { datapath } from '../../../src/nat/datapath/index.ts';
import { xdpPrograms } from '../../../src/nat/datapath/xdp/index.ts';
import { XDP_SIDES, xdpRecord } from '../../../src/nat/maps.ts';
import { USES, type Use } from '../../../src/nat/uses.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import type { Family } from './support/arbitrary/packets.ts';
import { slotFrame, slotScenario } from './support/arbitrary/slots.ts';
import { hex } from './support/rig.ts';
import { SlotTables } from './support/slot-tables.ts';
import { Tally } from './support/tally.ts';
import { type Bytes, ETHERNET } from './support/wire.ts';
import { type PlainSlots, plainSlots } from './support/xdp/plain-slots.ts';
import { XdpRig } from './support/xdp/rig.ts';
import { NO_MAC } from './support/xdp/slot-agrees.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 1_500);
const CAPACITY = 64;
const [PASS, REDIRECT] = [2, 4];
/** Where test runs are, and its MAC is zero. */
const LOOPBACK = 1;
/** BPF_COMPLEXITY_LIMIT_INSNS: what the verifier has patience for. */
const PATIENCE = 1_000_000;

needsRootAndBpf(test);

const odd = (family: Family): fc.Arbitrary<PlainSlots> =>
  slotScenario(family, ['inbound']).map((one) => ({ slots: one.slots, frame: slotFrame(one) }));

const SLOTS: readonly Use[] = ['addresses', 'slots', 'slots6'];

for (const isa of [undefined, 1] as const) {
  for (const family of [4, 6] as const) {
    const level = isa === undefined ? 'newest' : 'oldest';
    test.serial(`IPv${family}: the kernel does what the interpreter does, ${level} instructions`, (t) => {
      const uses = new Set(SLOTS);
      const { maps: definitions } = datapath({ unmapped: 'pass', capacity: CAPACITY, uses });
      const maps = Object.fromEntries(
        Object.entries(definitions).map(([name, definition]) => [name, RawMap.create(definition)]),
      );
      const { inbound } = xdpPrograms({ unmapped: 'pass', capacity: CAPACITY, uses }, false);
      using program = loadProgram(isa === undefined ? inbound : inIsa(inbound, isa)!, maps);
      t.teardown(() => {
        for (const map of Object.values(maps)) map.close();
      });
      const key = new Uint8Array(Uint32Array.of(LOOPBACK).buffer);
      maps.xdp!.set(key, encode(xdpRecord, { mac: [0, 0, 0], side: XDP_SIDES.outside }));
      const tables = new SlotTables(maps);
      const interpreted = new XdpRig({ uses: SLOTS, hasInsides: false });
      interpreted.enable(NO_MAC);
      const tally = new Tally();
      // The kernel runs nothing on less than an Ethernet header.
      const scenarios = fc
        .oneof(plainSlots(family), odd(family))
        .filter(({ frame }) => frame.length > ETHERNET);
      fc.assert(
        fc.property(scenarios, ({ slots, frame }) => {
          tables.set(slots, []);
          interpreted.tc.reslot(slots);
          const expected = interpreted.run('inbound', frame, { result: 4, ifindex: 0 });
          const { mappings: counted } = interpreted.tc.take();
          const { returnValue, data } = program.runXdp({ data: frame, ingressIfindex: LOOPBACK });
          const verdict = expected.ifindex === undefined ? PASS : REDIRECT;
          tally.add(verdict === PASS ? 'passed' : 'delivered');
          const seen = say(returnValue, data, tables.take());
          const wanted = say(verdict, expected.frame, counted);
          if (seen !== wanted) throw new Error(`${hex(frame)}\n${wanted}\n${seen}`);
        }),
        { numRuns, includeErrorInReport: true },
      );
      t.log(tally.line(`IPv${family} frames`));
      t.true(tally.has('delivered') && tally.has('passed'));
    });
  }
}

const say = (verdict: number, frame: Bytes, counted: readonly string[]): string =>
  `${verdict} ${hex(frame)} ${counted.join()}`;

test.serial('the kernel takes them with all else that an instance may have', (t) => {
  for (const hasInsides of [true, false]) {
    const options = { unmapped: 'drop', capacity: CAPACITY, uses: new Set(USES), mss: 1360 } as const;
    const { maps: definitions } = datapath(options);
    const maps = Object.fromEntries(
      Object.entries(definitions).map(([name, definition]) => [name, RawMap.create(definition)]),
    );
    for (const made of Object.values(xdpPrograms(options, hasInsides))) {
      using loaded = loadProgram(made, maps);
      const { verifiedInstructions = 0 } = loaded.info;
      t.log(
        `${made.name}: ${made.code.length / 8} instructions, the verifier went through ${verifiedInstructions}`,
      );
      t.true(verifiedInstructions < PATIENCE);
    }
    for (const map of Object.values(maps)) map.close();
  }
});
