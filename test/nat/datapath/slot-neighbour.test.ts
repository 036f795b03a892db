// Who is where, as slots ask: random ARP requests and solicitations at their interface, whole and spoilt, are answered or
// left as the reference says, in the kernel and in the interpreter.

import test from 'ava';
import fc, { type Arbitrary } from 'fast-check';
import { damage, spoil } from './support/arbitrary/damage.ts';
import { holds, same } from './support/holds.ts';
import { ip, ip6 } from './support/reference/mappings.ts';
import { Rig } from './support/rig.ts';
import { mac } from './support/shapes.ts';
import type { SlotEntry } from './support/slots.ts';
import { Tally } from './support/tally.ts';
import { addressBytes, type Bytes, be16, be32, bytes, ETH_P_ARP, ip4, join } from './support/wire.ts';
import { ICMPV6, icmp6, ipv6 } from './support/wire6.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 1_000);

/** Of the loopback device, where test runs are, and of one elsewhere. */
const [HERE, ELSEWHERE] = [1, 7];
const MAC = mac('02:77:00:00:00:01');
const SLOT = mac('52:54:00:12:34:56');
const about = { mac: MAC, interface: HERE };
const slotsOf = (...insides: readonly string[]): SlotEntry[] =>
  insides.flatMap((text): SlotEntry[] => {
    const of = ip(text);
    const zero = typeof of === 'bigint' ? 0n : 0;
    return [
      { ...about, at: HERE, of: zero, state: 'interface' },
      { ...about, at: HERE, of, state: text.endsWith('2') ? 'bound' : 'reserved', address: zero },
    ];
  });
const SLOTS: readonly SlotEntry[] = [
  ...slotsOf('172.16.0.2', '172.16.0.3', 'fd00::2', 'fd00::3'),
  { ...about, at: ELSEWHERE, of: ip4('172.16.0.4'), state: 'reserved' },
];

const some = fc
  .constantFrom('172.16.0.2', '172.16.0.3', '172.16.0.4', '172.16.0.1', '0.0.0.0', '8.8.8.8')
  .map(ip4);
const requests: Arbitrary<Bytes> = fc
  .record({
    sender: fc.oneof(fc.constant(ip4('172.16.0.2')), some),
    target: some,
    operation: fc.constantFrom(1, 1, 1, 2),
    rest: fc.uint8Array({ maxLength: 30 }),
  })
  .map(({ sender, target, operation, rest }) =>
    join(
      ...[bytes(6, () => 0xff), SLOT, be16(ETH_P_ARP), Uint8Array.of(0, 1, 8, 0, 6, 4), be16(operation)],
      ...[SLOT, be32(sender), bytes(6, () => 0), be32(target), rest],
    ),
  );

const some6 = fc
  .constantFrom('fd00::2', 'fd00::3', 'fd00::1', 'fe80::1', 'fe80::5054', '::', '2001:db8::9')
  .map(ip6);
const solicitations: Arbitrary<Bytes> = fc
  .record({
    source: fc.oneof(fc.constant(ip6('fd00::2')), some6),
    destination: fc.oneof(fc.constant(ip6('ff02::1:ff00:1')), some6),
    target: some6,
    type: fc.constantFrom(135, 135, 135, 135, 133, 136, 143, 137),
    hopLimit: fc.constantFrom(255, 255, 255, 64),
    option: fc.constantFrom(
      join(Uint8Array.of(1, 1), SLOT),
      bytes(0),
      Uint8Array.of(14, 1, 1, 2, 3, 4, 5, 6),
    ),
  })
  .map(({ source, destination, target, type, hopLimit, option }) => {
    const message = icmp6(type, 0, be32(0), join(addressBytes(target), option))(source, destination);
    const packet = ipv6({ source, destination, protocol: ICMPV6, hopLimit }, message);
    return join(Uint8Array.of(0x33, 0x33, 0xff, 0, 0, 1), SLOT, be16(0x86dd), packet);
  });

const rigs = (['kernel', 'interpreter'] as const).map((machine) => {
  const rig = new Rig({ machine });
  rig.reslot(SLOTS);
  return rig;
});

for (const [what, frames, met] of [
  ['ARP', requests, ['arp', 'arp_answered']],
  ['neighbour discovery', solicitations, ['ndp', 'ndp_answered', 'foreign']],
] as const) {
  test(`${what} of slots, whole and spoilt`, (t) => {
    const tally = new Tally();
    const [kernel, interpreter] = rigs as [Rig, Rig];
    fc.assert(
      fc.property(frames, fc.oneof(fc.constant(null), fc.constant(null), damage), (whole, harm) => {
        const frame = harm === null ? whole : spoil(whole, harm);
        const { to: _, ...seen } = holds(interpreter, 'slot', frame);
        tally.see(same(kernel, 'slot', frame, seen));
      }),
      { numRuns, includeErrorInReport: true },
    );
    t.log(tally.line(`${what} frames as the reference has them`));
    for (const outcome of met) t.true(tally.has(outcome), outcome);
  });
}
