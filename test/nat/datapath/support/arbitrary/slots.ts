// Slots that have the same insides at several interfaces, and packets of and for them.

import fc, { type Arbitrary } from 'fast-check';
import type { Hook, RunOptions } from '../machine.ts';
import { ip, type Mapping } from '../reference/mappings.ts';
import type { SlotList } from '../reference/world.ts';
import { mac } from '../shapes.ts';
import type { Flag, SlotEntry } from '../slots.ts';
import { type Address, type Bytes, patch } from '../wire.ts';
import { type Damage, damage, spoil } from './damage.ts';
import { address, mappings, network, port } from './mappings.ts';
import type { End, Family } from './packets.ts';
import { type Conversation, conversation, endFor } from './scenario.ts';

export interface SlotScenario {
  readonly slots: readonly SlotEntry[];
  readonly lists: readonly SlotList[];
  readonly mappings: readonly Mapping[];
  readonly hook: Hook;
  readonly own: End;
  readonly peer: End;
  readonly make: Conversation;
  readonly isOurs: boolean;
  readonly harm: Damage | null;
  readonly options: RunOptions;
}

/** The kernel's test runs are on the loopback device; the others are only there to be told apart. */
export const HERE = 1;
const INTERFACES = [HERE, HERE, HERE, 7, 0x1_0007] as const;
const NEVER = 0x7fff_ffff_ffff_ffffn;
const STATIONS = ['00:00:00:00:00:00', '02:00:00:00:00:99', '00:00:00:00:00:01'].map(mac);
const MACS = ['02:77:00:00:00:01', '02:77:00:00:00:01', '00:00:00:00:00:00'].map(mac);
const LOCAL: { readonly [F in Family]: readonly string[] } = {
  4: ['169.254.169.254', '255.255.255.255', '0.0.0.0', '224.0.0.251'],
  6: ['fe80::1', 'fd00:ec2::254', 'ff02::1:2', '::', 'ff02::1'],
};

const flags: Arbitrary<readonly Flag[]> = fc.oneof(
  fc.constant([]),
  fc.subarray<Flag>(['denyLinkLocal', 'listed', 'anySource', 'ready']),
);

/** Entries as binding makes them: an inside and its outside always together. */
const entries = (
  family: Family,
  insides: readonly Address[],
  outsides: readonly Address[],
): Arbitrary<readonly SlotEntry[]> => {
  const zero: Address = family === 4 ? 0 : 0n;
  const common = fc.record({
    ...{ station: fc.constantFrom(...STATIONS), mac: fc.constantFrom(...MACS), flags },
    ...{ mtu: fc.constantFrom(1500, 1500, 68, 576, 1280, 0), list: fc.nat(1) },
  });
  const one = fc.record({
    ...{ common, inside: fc.constantFrom(...insides), at: fc.constantFrom(...INTERFACES) },
    outside: fc.option(fc.constantFrom(...outsides), { freq: 5 }),
    isQuarantined: fc.nat(5).map((n) => n === 0),
    since: fc.constantFrom(0n, NEVER),
  });
  return fc.array(one, { minLength: 1, maxLength: 5 }).map((all) => {
    const made = new Map<string, SlotEntry>();
    const add = (entry: SlotEntry): void => void made.set(`${entry.at} ${entry.of}`, entry);
    for (const { common: about, inside, at, outside, isQuarantined, since } of all) {
      const own = { ...about, interface: at };
      add({ ...own, at, of: zero, state: 'interface' });
      if (made.has(`${at} ${inside}`) || inside === zero) continue;
      if (outside === null || made.has(`0 ${outside}`)) add({ ...own, at, of: inside, state: 'reserved' });
      else if (isQuarantined) {
        add({ ...own, at, of: inside, state: 'reserved' });
        add({ ...own, at: 0, of: outside, state: 'quarantined', since });
      } else {
        add({ ...own, at, of: inside, address: outside, state: 'bound' });
        add({ ...own, at: 0, of: outside, address: inside, state: 'bound' });
      }
    }
    return [...made.values()];
  });
};

/** An end at one of these addresses, or anybody. */
const oneOf = (family: Family, addresses: readonly Address[], strangers: number): Arbitrary<End> => {
  const known = fc.record({ address: fc.constantFrom(...addresses), port });
  return fc.oneof(
    { weight: 10, arbitrary: known },
    { weight: strangers, arbitrary: fc.record({ address: address(family), port }) },
  );
};

export const slotScenario = (family: Family, hooks: readonly Hook[]): Arbitrary<SlotScenario> =>
  fc
    .record({
      insides: fc.array(address(family), { minLength: 1, maxLength: 2 }),
      outsides: fc.array(address(family), { minLength: 2, maxLength: 4 }),
      hook: fc.constantFrom(...hooks),
      maps: fc.oneof(fc.constant([]), mappings(family, 3)),
    })
    .chain(({ insides, outsides, hook, maps }) => {
      const local = LOCAL[family].map(ip);
      const near = hook === 'slot' ? insides : outsides;
      const mapped = endFor(family, maps, hook === 'outbound' ? 'inside' : 'outside', 1);
      return fc.record({
        ...{
          slots: entries(family, insides, outsides),
          mappings: fc.constant(maps),
          hook: fc.constant(hook),
        },
        lists: fc.array(
          fc
            .record({ list: fc.nat(1), network: address(family), length: fc.constantFrom(0, 1, 4, 9, 32) })
            .map((one) => ({ ...one, network: network(one.network, one.length) })),
          { maxLength: 3 },
        ),
        own: fc.oneof(
          { weight: 8, arbitrary: oneOf(family, near, 1) },
          { weight: 1, arbitrary: oneOf(family, local, 0) },
          { weight: 2, arbitrary: mapped },
        ),
        peer: fc.oneof(
          { weight: 3, arbitrary: oneOf(family, outsides, 8) },
          { weight: 1, arbitrary: oneOf(family, local, 0) },
          { weight: 1, arbitrary: endFor(family, maps, 'outside', 1) },
        ),
        make: conversation(family),
        isOurs: fc.nat(9).map((n) => n > 0),
        harm: fc.option(damage, { freq: 2 }),
        options: fc.record({
          gsoSize: fc.constantFrom(0, 0, 0, 500, 1448),
          ifindex: fc.constant(HERE),
          ingressIfindex: fc.constantFrom(HERE, HERE, 0, 7),
        }),
      });
    });

/** The frame, spoilt where it is to be, for this host or for another one. */
export function slotFrame({ make, own, peer, hook, isOurs, harm }: SlotScenario): Bytes {
  const made = make(own, peer, hook === 'inbound' ? 'inbound' : 'outbound');
  const whole = isOurs ? patch(made, 0, new Uint8Array(6)) : made;
  return harm === null ? whole : spoil(whole, harm);
}
