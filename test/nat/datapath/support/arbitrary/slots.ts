// Slots that have the same insides at several interfaces, and packets of and for them.

import fc, { type Arbitrary } from 'fast-check';
import type { Hook, RunOptions } from '../machine.ts';
import { ip, type Mapping } from '../reference/mappings.ts';
import type { SlotList } from '../reference/world.ts';
import { mac } from '../shapes.ts';
import type { Flag, SlotEntry } from '../slots.ts';
import {
  type Address,
  type Bytes,
  bytes,
  DONT_FRAGMENT,
  frame,
  ipv4,
  patch,
  read16,
  UDP,
  udp,
} from '../wire.ts';
import { ipv6 } from '../wire6.ts';
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
  /** Taken in before it could leave. */
  readonly isFromHere: boolean;
  /** What is left of its hops, where that matters. */
  readonly hops: number | null;
  readonly isAuthenticated: boolean;
  readonly harm: Damage | null;
  readonly options: RunOptions;
}

/** The kernel's test runs are on the loopback device; the others are only there to be told apart. */
export const HERE = 1;
const INTERFACES = [HERE, HERE, HERE, 7, 0x1_0007] as const;
/** Of the uplink. */
export const HERE_MAC: Bytes = mac('02:11:22:33:44:55');
const NEVER = 0x7fff_ffff_ffff_ffffn;
const STATIONS = ['00:00:00:00:00:00', '02:00:00:00:00:99', '00:00:00:00:00:01'].map(mac);
const MACS = ['02:77:00:00:00:01', '02:77:00:00:00:01', '00:00:00:00:00:00'].map(mac);
const LOCAL: { readonly [F in Family]: readonly string[] } = {
  4: ['169.254.169.254', '255.255.255.255', '0.0.0.0', '224.0.0.251'],
  6: ['fe80::1', 'fd00:ec2::254', 'ff02::1:2', '::', 'ff02::1'],
};

const flags: Arbitrary<readonly Flag[]> = fc.oneof(
  fc.constant([]),
  fc.subarray<Flag>(['denyLinkLocal', 'listed', 'anySource']),
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
    xdp: fc.nat(4).map((n) => n > 0),
  });
  const one = fc.record({
    ...{ common, inside: fc.constantFrom(...insides), at: fc.constantFrom(...INTERFACES) },
    outside: fc.option(fc.constantFrom(...outsides), { freq: 5 }),
    isQuarantined: fc.nat(5).map((n) => n === 0),
    since: fc.constantFrom(0n, NEVER),
  });
  return fc.array(one, { minLength: 2, maxLength: 5 }).map((all) => {
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

/** What there is, and at which hook a packet of it is seen. */
interface Setting extends Pick<SlotScenario, 'slots' | 'lists' | 'mappings' | 'hook'> {
  readonly outsides: readonly Address[];
}

const setting = (family: Family, hooks: readonly Hook[]): Arbitrary<Setting> =>
  fc
    .record({
      insides: fc.array(address(family), { minLength: 1, maxLength: 2 }),
      outsides: fc.array(address(family), { minLength: 2, maxLength: 4 }),
    })
    .chain(({ insides, outsides }) => {
      const prefix = fc.tuple(address(family), fc.constantFrom(0, 1, 4, 9, 32));
      return fc.record({
        ...{ slots: entries(family, insides, outsides), outsides: fc.constant(outsides) },
        lists: fc.array(
          fc
            .tuple(fc.nat(1), prefix)
            .map(([list, [one, length]]): SlotList => ({ list, length, network: network(one, length) })),
          { maxLength: 3 },
        ),
        mappings: fc.oneof(fc.constant([]), mappings(family, 3)),
        hook: fc.constantFrom(...hooks),
      });
    });

export const slotScenario = (family: Family, hooks: readonly Hook[]): Arbitrary<SlotScenario> =>
  setting(family, hooks).chain(({ outsides, ...one }) => {
    const { slots, mappings: maps, hook } = one;
    const local = LOCAL[family].map(ip);
    // The outsides, and at the uplink what slots send as it is.
    const places = { slot: [HERE], inbound: [0], outbound: [0, 0, HERE] }[hook];
    const here = places.flatMap((place) =>
      slots.filter(({ at, state }) => state !== 'interface' && at === place),
    );
    const near = here.length === 0 ? outsides : here.map(({ of }) => of);
    const mapped = endFor(family, maps, hook === 'outbound' ? 'inside' : 'outside', 1);
    const given = Object.fromEntries(
      Object.entries(one).map(([name, value]) => [name, fc.constant(value)]),
    ) as unknown as { readonly [N in keyof typeof one]: Arbitrary<(typeof one)[N]> };
    return fc.record({
      ...given,
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
      make: fc.oneof({ weight: 8, arbitrary: conversation(family) }, { weight: 1, arbitrary: large(family) }),
      hops: fc.oneof(
        { weight: 12, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.constantFrom(0, 1, 2) },
      ),
      isAuthenticated: fc.nat(40).map((n) => n === 0),
      isFromHere: fc.boolean(),
      isOurs: fc.nat(9).map((n) => n > 0),
      harm: fc.oneof(fc.constant(null), fc.constant(null), damage),
      options: fc.record({
        gsoSize: fc.constantFrom(0, 0, 0, 500, 1448),
        ifindex: fc.constant(HERE),
        ingressIfindex: fc.constantFrom(HERE, HERE, 0, 7),
      }),
    });
  });

/** Datagrams that no router may cut to pieces, of sizes about the MTUs. */
const large = (family: Family): Arbitrary<Conversation> =>
  fc.constantFrom(540, 560, 600, 1232, 1260, 1480, 2000).map(
    (length): Conversation =>
      (own, peer, direction) => {
        const [from, to] = direction === 'outbound' ? [own, peer] : [peer, own];
        const [source, destination] = [from.address, to.address];
        const payload = udp({ payload: bytes(length) })(source, destination);
        if (family === 4)
          return frame(ipv4({ source, destination, protocol: UDP, fragment: DONT_FRAGMENT }, payload));
        const ends = { source: source as bigint, destination: destination as bigint };
        return frame(ipv6({ ...ends, protocol: UDP, extensions: [] }, payload));
      },
  );

/** Where IPv4 and IPv6 behind Ethernet have their hops, and what follows. */
const PLACES: ReadonlyMap<number, { readonly hops: number; readonly next: number }> = new Map([
  [0x0800, { hops: 22, next: 23 }],
  [0x86dd, { hops: 21, next: 20 }],
]);
const AUTHENTICATION = 51;

/** The frame, spoilt where it is to be, for this host or for another one. */
export function slotFrame(one: SlotScenario): Bytes {
  const { make, own, peer, hook, isOurs, isFromHere, isAuthenticated, hops, harm } = one;
  const made = make(own, peer, hook === 'inbound' ? 'inbound' : 'outbound');
  const addressed = isOurs ? patch(made, 0, new Uint8Array(6)) : made;
  const places = PLACES.get(read16(addressed, 12));
  const whole = isFromHere ? patch(addressed, 6, HERE_MAC) : Uint8Array.from(addressed);
  if (places && hops !== null) whole[places.hops] = hops;
  if (places && isAuthenticated) whole[places.next] = AUTHENTICATION;
  return harm === null ? whole : spoil(whole, harm);
}
