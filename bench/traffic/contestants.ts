// Who translates: nobody (plain routing), tsnat in its modes, the C twin by clang on the same hook, and the kernel's own
// NAT, stateful and stateless. Each gets a router of its own and the same mappings, one inside address each.

import { type AttachOptions, attach, detach, openSlots } from '../../src/index.ts';
import { formatIpv4 } from '../../src/nat/ipv4.ts';
import type { Namespace } from '../../test/support/namespace.ts';
import { ownFolder, PINS, uniqueName } from '../../test/support/registry.ts';
import { attachTwin } from '../../test/support/twin.ts';
import { INSIDES, MACS, OUTSIDES } from './router.ts';

/** Puts itself into the router's namespace. @returns what takes it away again. */
type SetUp = (namespace: Namespace, count: number) => Promise<() => void | Promise<void>>;

export interface Contestant {
  readonly setUp: SetUp;
  /** Follows connections: what it knows of them is thrown away after each turn. */
  readonly stateful?: boolean;
  /** The inside is slots, known by the MAC of the generator at the far end of `in0`. */
  readonly slots?: boolean;
}

const pairs = (count: number): [inside: string, outside: string][] =>
  Array.from({ length: count }, (_, i) => [formatIpv4(INSIDES + i), formatIpv4(OUTSIDES + i)]);

/** What leaves is gone with the namespace. */
const nothing = (): void => {};

/** tsnat as these options say. */
export const tsnat =
  (options: Omit<AttachOptions, 'interface' | 'mappings' | 'netns' | 'name'>): SetUp =>
  async ({ name: netns }, count) => {
    const name = uniqueName('bench');
    ownFolder(`${PINS}/${name}`);
    const mappings = Array.from({ length: count }, (_, i) => ({
      kind: 'address' as const,
      inside: INSIDES + i,
      outside: OUTSIDES + i,
    }));
    attach({ ...options, interface: 'out0', netns, name, mappings, capacity: Math.max(count, 65_536) });
    return () => {
      detach(name);
    };
  };

/** tsnat as these options say, with slots at `in0`. */
export const slotted =
  (options: Omit<AttachOptions, 'interface' | 'mappings' | 'netns' | 'name'>): SetUp =>
  async ({ name: netns }, count) => {
    const name = uniqueName('bench');
    ownFolder(`${PINS}/${name}`);
    attach({ ...options, interface: 'out0', netns, name });
    using slots = openSlots(name);
    const all = pairs(count).map(([inside, outside]) => ({ interface: 'in0', inside, outside }));
    slots.reserve(all.map((slot) => ({ ...slot, station: MACS.in1 })));
    slots.bindAll(all.map(({ inside, outside }) => [`${inside}%in0`, outside] as const));
    return () => {
      detach(name);
    };
  };

const twin: SetUp = async (namespace, count) => {
  const { detach } = await attachTwin(namespace, 'out0', pairs(count));
  return detach;
};

const iptables =
  (flavour: 'legacy' | 'nft'): SetUp =>
  async (namespace, count) => {
    const rules = pairs(count).flatMap(([inside, outside]) => [
      `-A POSTROUTING -o out0 -s ${inside} -j SNAT --to-source ${outside}`,
      `-A PREROUTING -i out0 -d ${outside} -j DNAT --to-destination ${inside}`,
    ]);
    const input = `*nat\n${rules.join('\n')}\nCOMMIT\n`;
    await namespace.must([`iptables-${flavour}-restore`], { input });
    return nothing;
  };

const nft =
  (text: string): SetUp =>
  async (namespace, count) => {
    const elements = pairs(count);
    const map = (name: string, all: readonly (readonly [string, string])[]): string =>
      `map ${name} { type ipv4_addr : ipv4_addr; elements = { ${all.map(([from, to]) => `${from} : ${to}`).join(', ')} }; }`;
    const input = `table ip bench {
    ${map('outward', elements)}
    ${map(
      'inward',
      elements.map(([inside, outside]) => [outside, inside] as const),
    )}
    ${text}
  }\n`;
    await namespace.must(['nft', '-f', '-'], { input });
    return nothing;
  };

const STATEFUL = `
  chain after { type nat hook postrouting priority 100; oifname out0 snat to ip saddr map @outward; }
  chain before { type nat hook prerouting priority -100; iifname out0 dnat to ip daddr map @inward; }`;
const STATELESS = `
  chain untracked { type filter hook prerouting priority -350; notrack; }
  chain before { type filter hook prerouting priority -300; iifname out0 ip daddr set ip daddr map @inward; }
  chain after { type filter hook postrouting priority 300; oifname out0 ip saddr set ip saddr map @outward; }`;

export type ContestantName =
  | 'plain'
  | 'tsnat'
  | 'tsnat redirect'
  | 'tsnat xdp'
  | 'tsnat slot'
  | 'tsnat slot xdp'
  | 'C twin'
  | 'nft stateless'
  | 'nft stateful'
  | 'iptables-legacy'
  | 'iptables-nft';

export const CONTESTANTS: { readonly [N in ContestantName]: Contestant } = {
  plain: { setUp: async () => nothing },
  tsnat: { setUp: tsnat({ hook: 'auto' }) },
  'tsnat redirect': { setUp: tsnat({ hook: 'auto', redirect: true, inside: ['in0'] }) },
  'tsnat xdp': { setUp: tsnat({ hook: 'xdp', inside: ['in0'], xdpMode: 'native' }) },
  'tsnat slot': { setUp: slotted({ hook: 'auto' }), slots: true },
  'tsnat slot xdp': { setUp: slotted({ hook: 'xdp', xdpMode: 'native' }), slots: true },
  'C twin': { setUp: twin },
  'nft stateless': { setUp: nft(STATELESS) },
  'nft stateful': { setUp: nft(STATEFUL), stateful: true },
  'iptables-legacy': { setUp: iptables('legacy'), stateful: true },
  'iptables-nft': { setUp: iptables('nft'), stateful: true },
};
