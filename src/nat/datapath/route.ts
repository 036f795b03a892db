// Asks the routing table what becomes of a packet, and the neighbour table what its frame is to say (bpf_fib_lookup,
// net/core/filter.c): rules, blackholes, forwarding that is off, a neighbour that is not known yet. Whatever is not plain
// success is the stack's.

import {
  be16,
  be32,
  type Condition,
  type Expression,
  HELPERS,
  type PacketBuilder,
  type Pointer,
  type ScalarType,
  type StructType,
  struct,
  u8,
  u16,
  u32,
  type Value,
  type ViewOf,
} from '../../asm/index.ts';
import { in6 } from '../maps.ts';
import { mac } from './station.ts';
import type { IpVersion } from './tables.ts';
import { type Words, wordsOf, write } from './words.ts';

type U8 = ScalarType<'u8'>;
type U16 = ScalarType<'u16'>;
type U32 = ScalarType<'u32'>;
type Be16 = ScalarType<'be16'>;

/** `struct bpf_fib_lookup` (include/uapi/linux/bpf.h), 64 bytes. IPv4 addresses are the first word of theirs. */
const fibLookup: StructType<{
  family: U8;
  protocol: U8;
  sport: Be16;
  dport: Be16;
  /** In: checked against the MTU. Out: the MTU, of TC since Linux 5.12; older ones leave it as it was, and do not check. */
  length: U16;
  /** In: where the packet has arrived. Out: where it is to leave. */
  ifindex: U32;
  /** TOS in the first byte, or class and flow label. */
  flow: ScalarType<'be32'>;
  source: typeof in6;
  destination: typeof in6;
  vlan: U32;
  sourceMac: typeof mac;
  destinationMac: typeof mac;
}> = struct('bpf_fib_lookup', {
  family: u8,
  protocol: u8,
  sport: be16,
  dport: be16,
  length: u16,
  ifindex: u32,
  flow: be32,
  source: in6,
  destination: in6,
  vlan: u32,
  sourceMac: mac,
  destinationMac: mac,
});

const AF_INET = 2;
const AF_INET6 = 10;
const BPF_FIB_LKUP_RET_SUCCESS = 0;

/** Where a packet leaves, the MTU on that way, and the two addresses of its frame. */
export type Route = Pick<ViewOf<typeof fibLookup>, 'ifindex' | 'length' | 'sourceMac' | 'destinationMac'>;

/** What routing goes by. */
export interface Question {
  readonly version: IpVersion;
  readonly protocol: Value<'u8'>;
  /** Bytes of the packet, from the IP header on. */
  readonly length: Value<'u16'>;
  /** Where it has arrived. */
  readonly ifindex: Expression<'u32'>;
  /** The TOS as first byte, or class and flow label. */
  readonly flow: Value<'be32'>;
  readonly source: Words;
  readonly destination: Words;
  /** Says the ports, where there are any, which routing may go by. */
  readonly ports: (say: (sport: Value<'be16'>, dport: Value<'be16'>) => void) => void;
}

/** Where a question is written, and the answer. */
export type RouteMemory = ReturnType<typeof routeMemory>;
export const routeMemory = (p: PacketBuilder): { address: Pointer; view: ViewOf<typeof fibLookup> } =>
  p.stack(fibLookup);

/** Asks, and says how to tell that there is no way: any of these. */
export function askRoute(
  p: PacketBuilder,
  { address, view }: RouteMemory,
  { version, protocol, length, ifindex, flow, source, destination, ports }: Question,
): { readonly route: Route; readonly refusals: readonly (() => Condition)[] } {
  view.family.set(version === 4 ? AF_INET : AF_INET6);
  view.protocol.set(protocol);
  view.sport.set(0);
  view.dport.set(0);
  ports((sport, dport) => {
    view.sport.set(sport);
    view.dport.set(dport);
  });
  view.length.set(length);
  view.ifindex.set(ifindex);
  view.flow.set(flow);
  writePadded(view.source, source);
  writePadded(view.destination, destination);
  view.vlan.set(0);
  const result = p.call(HELPERS.fib_lookup, [p.context, address, fibLookup.size, 0]);
  const isRefused = (): Condition => result.ne(BPF_FIB_LKUP_RET_SUCCESS);
  // Before Linux 6.7 a neighbour that does not answer counts as found: it has no address.
  return { route: view, refusals: [isRefused, () => isZero(view.destinationMac)] };
}

const isZero = (words: Route['destinationMac']): Condition =>
  words.map((word) => word.eq(0)).reduce((all, one) => all.and(one));

function writePadded(place: ViewOf<typeof in6>, words: Words): void {
  write(wordsOf(place), words);
  for (let i = words.length; i < place.length; i++) place.at(i).set(0);
}
