// Whether an outer UDP checksum is there, or only begun. Programs are not told where the checksum of a packet starts that
// its sender has left to the device (CHECKSUM_PARTIAL, linux/skbuff.h), and the helpers take it to be the one that they are
// asked about. In a tunnel it may be either of two:
//
// - the outer one, which is the sum of the pseudo-header then; whoever sends the packet adds the rest;
// - the inner one, and the outer one is there: the sender has reckoned with what the inner one will come to (local checksum
//   offload, Documentation/networking/checksum-offloads.rst).
//
// A super-packet has both only begun: its segments get theirs when it is cut up. Else the field itself tells: one that is
// not the sum of the pseudo-header is there. One that is may be so by chance, of 65,536 packets one. Then, first, a helper is
// tried, which leaves the field alone only where something is begun; and second, it is there if the inner field is the sum
// of the inner pseudo-header, and the outer one is just what it has to be with that. An inner checksum that is
// there, in a packet whose outer one is not, is taken for begun once in 2^32 packets.

import {
  be32,
  HELPERS,
  type ScalarType,
  type StructType,
  struct,
  type Value,
  type Variable,
} from '../../../asm/index.ts';
import { foldOnce } from '../checksum.ts';
import {
  ETH_P_IP,
  ETH_P_IPV6,
  half,
  IP_FRAGMENT,
  IPPROTO_TCP,
  IPPROTO_UDP,
  iphdr,
  ipv6hdr,
} from '../headers.ts';
import type { TcPath } from '../path.ts';
import { wordsOf } from '../words.ts';
import { type Carried, innerPacket } from './carried.ts';
import { MOST_INNER_AT, UDP_CHECK } from './headers.ts';

/** Where the checksums are, and what they are made from. */
export interface Sums extends Carried {
  /** Where the outer UDP header starts. */
  readonly udpAt: Value<'u32'>;
  readonly check: Value<'be16'>;
  /** The sum over the outer pseudo-header, not folded. */
  readonly pseudo: Value<'u64'>;
}

/** 16 bits, in one's complement what all of it is. */
export const folded = (sum: Value<'u64'>): Value<'u64'> => foldOnce(foldOnce(foldOnce(sum)));

/** The size of what a helper changes, in its flags. */
const SIZE_HALF = 2;
const ONES = 0xffff;

/** Not zero where the checksum, which is not zero, is only begun. No view of the packet is valid afterwards. */
export function isBegun(path: TcPath, sums: Sums): Variable<'u32'> {
  const { p, leave } = path;
  const { udpAt, check, pseudo } = sums;
  const begun = p.variable('u32', 1);
  p.when(p.skb.gsoSize.eq(0), () =>
    p.when(
      check.bits().as('u64').eq(folded(pseudo)),
      () => {
        const at = udpAt.add(UDP_CHECK);
        const orElse = (): void => leave('helper_failed');
        p.call(HELPERS.l4_csum_replace, [p.context, at, 0, 1, SIZE_HALF]);
        const { value } = p.packet.copy(half, at, { orElse });
        p.when(
          value.ne(check),
          () => {
            p.rarely(p.packet.store('be16', at, check).isNegative(), orElse);
            begun.set(0);
          },
          () => p.when(isInnerBegun(path, sums).ne(0), () => begun.set(0)),
        );
      },
      () => begun.set(0),
    ),
  );
  return begun;
}

/** The checksums of TCP and UDP in their headers: others are not left to devices. */
const INNER_CHECKS: readonly (readonly [protocol: number, at: number])[] = [
  [IPPROTO_TCP, 16],
  [IPPROTO_UDP, UDP_CHECK],
];
/** The most that is summed up before an inner transport header: Geneve's options, VLAN tags, IPv4's options. */
const MOST_WORDS = 96;
const word: StructType<{ value: ScalarType<'be32'> }> = struct('word', { value: be32 });

/**
 * Not zero where the inner checksum is begun and the outer one takes that into account. Inner packets with extension
 * headers, and tunnels in tunnels, are not looked into.
 */
function isInnerBegun(path: TcPath, { udpAt, pseudo, carries, innerAt }: Sums): Variable<'u32'> {
  const { p } = path;
  const found = p.variable('u32', 0);
  // Once: whatever turns out otherwise stops it.
  p.loop(1, (_, stop) => {
    const { type, at } = innerPacket(path, { carries, innerAt }, stop);
    const protocol = p.variable('u32', 0);
    const inner = p.variable('u64', 0);
    p.match(
      type.get().bits(),
      [
        [
          ETH_P_IP,
          () => {
            const [ip] = p.packet.read([iphdr], { at, atMost: MOST_INNER_AT, orElse: stop });
            p.when(ip.fragOff.and(IP_FRAGMENT).ne(0), stop);
            const header = ip.versionIhl.and(0xf).shl(2);
            at.set(at.add(header));
            protocol.set(ip.protocol.get());
            const length = ip.totLen.toHost().sub(header).as('u16').toNetwork();
            inner.set(ip.saddr.bits().as('u64').add(ip.daddr.bits()).add(length.bits()));
          },
        ],
        [
          ETH_P_IPV6,
          () => {
            const [ip] = p.packet.read([ipv6hdr], { at, atMost: MOST_INNER_AT, orElse: stop });
            at.set(at.add(ipv6hdr.size));
            protocol.set(ip.nexthdr.get());
            inner.set(ip.payloadLen.bits().as('u64'));
            for (const word of [...wordsOf(ip.saddr), ...wordsOf(ip.daddr)]) {
              inner.set(inner.add(word.bits()));
            }
          },
        ],
      ],
      stop,
    );
    const checkAt = p.variable('u32', at);
    p.match(
      protocol,
      INNER_CHECKS.map(([number, offset]) => [number, () => checkAt.set(at.add(offset))]),
      stop,
    );
    inner.set(inner.add(protocol.as('u16').toNetwork().bits()));
    const field = p.packet.copy(half, checkAt, { orElse: stop });
    p.when(field.value.bits().as('u64').ne(folded(inner.get())), stop);
    // All before the inner transport header, the outer checksum too; what the inner segment will sum up to; all ones.
    const sum = p.variable('u64', pseudo.add(field.value.get().not().bits()));
    const next = p.variable('u32', p.forget(udpAt));
    const end = p.forget(at);
    p.loop(MOST_WORDS, (_, done) => {
      p.when(next.add(word.size).gt(end), done);
      const { value } = p.packet.copy(word, next, { orElse: done });
      sum.set(sum.add(value.bits()));
      next.set(p.forget(next.add(word.size)));
    });
    // Ethernet has half a word.
    p.when(next.lt(end), () => {
      const { value } = p.packet.copy(half, next, { orElse: stop });
      sum.set(sum.add(value.bits()));
      next.set(next.add(half.size));
    });
    p.when(next.eq(end).and(folded(sum.get()).eq(ONES)), () => found.set(1));
  });
  return found;
}
