// Asks the routing table, as the stack would ask it for the same packet (bpf_fib_lookup, net/core/filter.c): on the way
// out before its source is translated, which TC does on egress, on the way in with its destination translated. Rules,
// blackholes, forwarding that is off, a route with an MTU that is less, a neighbour that is not known yet: whatever is not
// plain success is the stack's.

import {
  be16,
  be32,
  type Condition,
  HELPERS,
  type ScalarType,
  type StructType,
  struct,
  u8,
  u16,
  u32,
  type Value,
  type ViewOf,
} from '../../../asm/index.ts';
import { in6 } from '../../maps.ts';
import { type Words, wordsOf, write } from '../words.ts';
import type { PlainPacket } from './packet.ts';
import { mac, type XdpPath } from './station.ts';
import type { PlainTransport } from './transport.ts';

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
  /** Checked against the route's MTU. */
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

/** Where a packet leaves, and the two addresses of its frame. */
export type Route = Pick<ViewOf<typeof fibLookup>, 'ifindex' | 'sourceMac' | 'destinationMac'>;

/** A packet's two ends as routing sees them. */
export interface Ends {
  readonly source: Words;
  readonly destination: Words;
  readonly sport: Value<'be16'>;
  readonly dport: Value<'be16'>;
}

/** The way of `packet` between these ends. Leaves where there is none that XDP can go. */
export function findRoute(
  { p }: XdpPath,
  packet: PlainPacket,
  { hasPorts }: PlainTransport,
  { source, destination, sport, dport }: Ends,
): Route {
  const { address, view } = p.stack(fibLookup);
  view.family.set(packet.version === 4 ? AF_INET : AF_INET6);
  view.protocol.set(packet.protocol);
  view.sport.set(0);
  view.dport.set(0);
  p.when(hasPorts.ne(0), () => {
    view.sport.set(sport);
    view.dport.set(dport);
  });
  view.length.set(packet.length.as('u16'));
  view.ifindex.set(p.xdp.ingressIfindex);
  view.flow.set(packet.flow);
  writePadded(view.source, source);
  writePadded(view.destination, destination);
  view.vlan.set(0);
  const result = p.call(HELPERS.fib_lookup, [p.context, address, fibLookup.size, 0]);
  p.rarely(result.ne(BPF_FIB_LKUP_RET_SUCCESS), () => p.pass());
  // Before Linux 6.7 a neighbour that does not answer counts as found: it has no address.
  p.rarely(isZero(view.destinationMac), () => p.pass());
  return view;
}

const isZero = (words: Route['destinationMac']): Condition =>
  words.map((word) => word.eq(0)).reduce((all, one) => all.and(one));

function writePadded(place: ViewOf<typeof in6>, words: Words): void {
  write(wordsOf(place), words);
  for (let i = words.length; i < place.length; i++) place.at(i).set(0);
}
