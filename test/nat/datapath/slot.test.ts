// Slots: what the programs do to random packets of and for them is what the reference does, in the kernel and in the
// interpreter, which also shows where a packet is sent.

import test from 'ava';
import fc from 'fast-check';
import { USES, type Use } from '../../../src/nat/uses.ts';
import { HERE_MAC, type SlotScenario, slotFrame, slotScenario } from './support/arbitrary/slots.ts';
import { holds, same } from './support/holds.ts';
import type { Hook } from './support/machine.ts';
import { destination } from './support/reference/mappings.ts';
import { Rig, type RigOptions } from './support/rig.ts';
import { Tally } from './support/tally.ts';
import { type Address, ETHERNET } from './support/wire.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 1_000);
const SETTINGS = { numRuns, includeErrorInReport: true };

const STATION = { mac: HERE_MAC, subnets: [] };
const OPTIONS: readonly RigOptions[] = [
  {},
  { unmapped: 'drop', mss: 1360 },
  {
    unmapped: { outbound: 'drop', inbound: 'pass' },
    spoofed: 'pass',
    destinations: ['0.0.0.0/4', '+0.0.0.0/12', '128.0.0.0/2', '::/4', '8000::/1', '+8000::/4'].map(
      destination,
    ),
  },
];

/** Programs that know less, translate elsewhere, or sit on other devices. */
const OTHERS: readonly RigOptions[] = [
  { slots: 'uplink' },
  { slots: 'uplink', unmapped: 'drop', uses: ['addresses', 'slots', 'slots6'] },
  { uses: ['addresses', 'slots'] },
  { uses: ['addresses', 'slots6', 'slot_lists6'], spoofed: 'pass' },
  { link: 'none' },
  { isa: 1 },
];

/** Test runs of the kernel are all on a device with Ethernet. */
interface Both {
  readonly uses: readonly Use[];
  readonly kernel: Rig | undefined;
  readonly interpreter: Rig;
}

const both = (options: RigOptions): Both => ({
  uses: options.uses ?? USES,
  kernel: options.link === 'none' ? undefined : new Rig({ ...options, station: STATION }),
  interpreter: new Rig({ ...options, station: STATION, machine: 'interpreter' }),
});

function check({ uses, kernel, interpreter }: Both, one: SlotScenario, tally: Tally): void {
  // An instance has nothing that its programs do not know.
  const has = (use: Use, { inside }: { readonly inside: Address }): boolean =>
    uses.includes(typeof inside === 'bigint' ? (`${use}6` as Use) : use);
  const maps = one.mappings.filter((mapping) =>
    has(mapping.kind === 'address' ? 'addresses' : 'ports', mapping),
  );
  const slots = one.slots.filter(({ of }) => has('slots', { inside: of }));
  const lists = one.lists.filter(({ network }) => has('slot_lists', { inside: network }));
  for (const rig of [kernel, interpreter]) {
    rig?.remap(maps);
    rig?.reslot(slots, lists);
  }
  const whole = slotFrame(one);
  // Of nothing no device makes a packet.
  const bare = whole.length > ETHERNET ? whole.subarray(ETHERNET) : Uint8Array.of(0);
  const frame = kernel === undefined ? bare : whole;
  const { to, ...seen } = holds(interpreter, one.hook, frame, one.options);
  if (kernel) same(kernel, one.hook, frame, seen, one.options);
  tally.see(seen);
  if (to !== undefined) tally.add(to.replace(/\d+/, 'n'));
}

const MET: { readonly [H in Hook]: readonly string[] } = {
  slot: ['translated', 'unbound', 'foreign', 'denied', 'malformed', 'authenticated', 'excluded', 'untouched'],
  inbound: [
    ...['translated', 'quarantined', 'expired', 'too_big', 'too_big_answered', 'unmapped', 'untouched'],
    ...['device n', 'neighbour at n'],
  ],
  outbound: ['translated', 'untouched', 'spoofed', 'hairpin', 'unmapped'],
};

for (const family of [4, 6] as const) {
  for (const hook of ['slot', 'inbound', 'outbound'] as const) {
    test.serial(`IPv${family}: packets, whole and spoilt: ${hook}`, (t) => {
      const tally = new Tally();
      const rigs = fc.constantFrom(...OPTIONS.map(both));
      fc.assert(
        fc.property(slotScenario(family, [hook]), rigs, (one, rig) => check(rig, one, tally)),
        SETTINGS,
      );
      t.log(tally.line(`IPv${family} frames as the reference has them`));
      for (const outcome of MET[hook]) t.true(tally.has(outcome), outcome);
    });
  }
}

for (const options of OTHERS) {
  test.serial(`packets, ${JSON.stringify(options)}`, (t) => {
    const tally = new Tally();
    const rig = both(options);
    const hooks: readonly Hook[] =
      options.slots === 'uplink' ? ['outbound', 'inbound'] : ['slot', 'outbound', 'inbound'];
    const scenarios = fc.oneof(slotScenario(4, hooks), slotScenario(6, hooks));
    fc.assert(
      fc.property(scenarios, (one) => check(rig, one, tally)),
      SETTINGS,
    );
    t.log(tally.line('frames as the reference has them'));
    for (const outcome of ['translated', 'hairpin', 'quarantined']) t.true(tally.has(outcome), outcome);
  });
}
