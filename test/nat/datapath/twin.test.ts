// The emitted programs of an instance with IPv4 addresses alone against their C twins (fixtures/twin): two hands wrote
// them, two compilers made them, and the same frames come out with the same bytes, verdicts and counters.

import test from 'ava';
import fc, { type Arbitrary } from 'fast-check';
import { damage, spoil } from './support/arbitrary/damage.ts';
import { frameOf, scenario } from './support/arbitrary/scenario.ts';
import { same } from './support/holds.ts';
import { type Mapping, mapping } from './support/reference/mappings.ts';
import type { Direction, Policy } from './support/reference/world.ts';
import { Rig } from './support/rig.ts';
import { mac } from './support/shapes.ts';
import { Tally } from './support/tally.ts';
import { twinMachine } from './support/twin-machine.ts';
import { type Bytes, be16, be32, ETH_P_ARP, ETHERNET, ip4, join, patch } from './support/wire.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 2_000);

const US = mac('02:11:22:33:44:55');
const NEIGHBOUR = mac('02:aa:bb:cc:dd:ee');
const SUBNETS = [
  { network: ip4('203.0.113.0'), mask: 0xffff_ff80 },
  { network: ip4('198.51.100.0'), mask: 0xffff_ff00 },
];
const POLICIES: readonly Policy[] = ['pass', 'drop'];

/** Of a frame without tags, and what says that an Authentication Header follows. */
const PROTOCOL = ETHERNET + 9;
const AH = 51;

interface Peers {
  readonly emitted: Rig;
  readonly twin: Rig;
}

async function peers(unmapped: Policy): Promise<Peers> {
  const options = { unmapped, uses: ['addresses'], station: { mac: US, subnets: SUBNETS } } as const;
  const machine = await twinMachine([`UNMAPPED_DROP=${unmapped === 'drop' ? 1 : 0}`]);
  return { emitted: new Rig(options), twin: new Rig({ ...options, machine }) };
}

const both = Promise.all(POLICIES.map(peers));

interface Case {
  readonly mappings: readonly Mapping[];
  readonly direction: Direction;
  readonly frame: Bytes;
  /** Of a super-packet. */
  readonly gsoSize?: number;
}

async function agree(cases: Arbitrary<Case>): Promise<Tally> {
  const tally = new Tally();
  const all = fc.constantFrom(...(await both));
  fc.assert(
    fc.property(cases, all, ({ mappings, direction, frame, gsoSize = 0 }, { emitted, twin }) => {
      for (const rig of [emitted, twin]) rig.remap(mappings);
      const expected = twin.run(direction, frame, { gsoSize });
      tally.see(same(emitted, direction, frame, expected, { gsoSize }));
    }),
    { numRuns, includeErrorInReport: true },
  );
  return tally;
}

const packets = fc
  .record({
    one: scenario(4, { kinds: ['address'] }),
    harm: fc.option(damage, { freq: 2 }),
    isAuthenticated: fc.nat(40).map((n) => n === 0),
    gsoSize: fc.constantFrom(0, 0, 0, 1448),
  })
  .map(({ one, harm, isAuthenticated, gsoSize }): Case => {
    const { mappings, direction } = one;
    const whole = isAuthenticated ? patch(frameOf(one), PROTOCOL, Uint8Array.of(AH)) : frameOf(one);
    return { mappings, direction, gsoSize, frame: harm === null ? whole : spoil(whole, harm) };
  });

test('packets, whole and spoilt', async (t) => {
  const tally = await agree(packets);
  t.log(tally.line('frames, alike in emitted programs and twins'));
  const met = ['translated', 'unmapped', 'malformed', 'authenticated', 'not_ip', 'spoofed', 'hairpin'];
  for (const outcome of met) t.true(tally.has(outcome), outcome);
});

/** Addresses in and beside the subnets; some of them mapped. */
const MAPPINGS = [
  '10.0.0.5=203.0.113.5',
  '10.0.0.6=203.0.113.130',
  '10.0.0.7=198.51.100.7',
  '10.0.0.8=192.0.2.8',
].map(mapping);
const someone = fc
  .constantFrom('203.0.113.5', '203.0.113.130', '198.51.100.7', '192.0.2.8', '203.0.113.9', '10.0.0.5')
  .map(ip4);

const requests = fc
  .record({
    direction: fc.constantFrom<Direction>('outbound', 'inbound'),
    sender: someone,
    target: someone,
    operation: fc.constantFrom(1, 1, 1, 2, 0x100),
    rest: fc.uint8Array({ maxLength: 30 }),
    harm: fc.option(damage, { freq: 2 }),
  })
  .map(({ direction, sender, target, operation, rest, harm }): Case => {
    const frame = join(
      ...[US, NEIGHBOUR, be16(ETH_P_ARP), Uint8Array.of(0, 1, 8, 0, 6, 4), be16(operation)],
      ...[NEIGHBOUR, be32(sender), US, be32(target), rest],
    );
    return { mappings: MAPPINGS, direction, frame: harm === null ? frame : spoil(frame, harm) };
  });

test('ARP, whole and spoilt', async (t) => {
  const tally = await agree(requests);
  t.log(tally.line('ARP frames, alike in emitted programs and twins'));
  for (const outcome of ['arp', 'arp_answered']) t.true(tally.has(outcome), outcome);
});
