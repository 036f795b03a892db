// What a tunnel carries: an Ethernet frame, as a rule, or an IP packet.

import type { Value, Variable, ViewOf } from '../../../asm/index.ts';
import { TUNNEL_KINDS } from '../../tunnel-layout.ts';
import {
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_IP,
  ETH_P_IPV6,
  ethhdr,
  iphdr,
  ipv6hdr,
  vlanhdr,
} from '../headers.ts';
import type { TcPath } from '../path.ts';
import { ETH_P_TEB, GENEVE_OPTIONS, MOST_INNER_AT, tunnelhdr, udphdr } from './headers.ts';

/** What a tunnel carries, as an EtherType, and where it starts. */
export interface Carried {
  readonly carries: Value<'be16'>;
  readonly innerAt: Value<'u32'>;
}

/** The VXLAN flag that says there is a next protocol (VXLAN-GPE, draft-ietf-nvo3-vxlan-gpe-13, section 3.1), and its numbers. */
const GPE_NEXT = 0x04;
const GPE_TYPES: readonly (readonly [next: number, type: number])[] = [
  [1, ETH_P_IP],
  [2, ETH_P_IPV6],
];

/** What the tunnel header says that it carries. */
export function carried(
  { p }: TcPath,
  udpAt: Value<'u32'>,
  kind: Value<'u32'>,
  tunnel: ViewOf<typeof tunnelhdr>,
): Carried {
  const first = tunnel.first.get();
  const proto = tunnel.proto.get();
  const at = p.variable('u32', udpAt.add(udphdr.size + tunnelhdr.size));
  const type = p.variable('u16', p.constant('be16', ETH_P_TEB).bits());
  p.when(
    kind.eq(TUNNEL_KINDS.geneve),
    () => {
      type.set(proto.bits());
      at.set(at.add(first.and(GENEVE_OPTIONS).shl(2)));
    },
    () =>
      p.when(first.and(GPE_NEXT).ne(0), () =>
        p.match(
          proto.toHost().and(0xff),
          GPE_TYPES.map(([next, carries]) => [next, () => type.set(p.constant('be16', carries).bits())]),
        ),
      ),
  );
  return { carries: type.get().bits(), innerAt: p.forget(at) };
}

/** How many VLAN tags are looked behind. */
export const MOST_TAGS = 2;

/** What is behind Ethernet, and VLAN tags, where that is what the tunnel carries. */
export interface InnerPacket {
  readonly type: Variable<'u16'>;
  readonly at: Variable<'u32'>;
}

/** `orElse` runs where it is cut short, and must end the path. */
export function innerPacket({ p }: TcPath, { carries, innerAt }: Carried, orElse: () => void): InnerPacket {
  const type = p.variable('u16', carries.bits());
  const at = p.variable('u32', innerAt);
  p.when(carries.eq(ETH_P_TEB), () => {
    const [eth] = p.packet.read([ethhdr], { at, atMost: MOST_INNER_AT, orElse });
    type.set(eth.proto.get().bits());
    at.set(p.forget(at.add(ethhdr.size)));
    const skip = (tag: number): void => {
      if (tag === MOST_TAGS) return;
      const proto = type.get().bits();
      p.when(proto.eq(ETH_P_8021Q).or(proto.eq(ETH_P_8021AD)), () => {
        const [vlan] = p.packet.read([vlanhdr], { at, atMost: MOST_INNER_AT, orElse });
        type.set(vlan.proto.get().bits());
        at.set(p.forget(at.add(vlanhdr.size)));
        skip(tag + 1);
      });
    };
    skip(0);
  });
  return { type, at };
}

/**
 * A super-packet is one inner packet that is cut up later. It can be several datagrams as well, each with a header of its
 * own (UDP_SEGMENT, UDP_GRO): only the first would be rewritten.
 */
export function requireOne(path: TcPath, packet: Carried): void {
  const { p, leave } = path;
  const orElse = (): void => leave('inner_refused');
  const { type, at } = innerPacket(path, packet, orElse);
  // More than 64 KiB say zero.
  const length = p.variable('u32', 0);
  p.match(
    type.get().bits(),
    [
      [
        ETH_P_IP,
        () => {
          const [ip] = p.packet.read([iphdr], { at, atMost: MOST_INNER_AT, orElse });
          length.set(ip.totLen.toHost());
        },
      ],
      [
        ETH_P_IPV6,
        () => {
          const [ip] = p.packet.read([ipv6hdr], { at, atMost: MOST_INNER_AT, orElse });
          length.set(ip.payloadLen.toHost());
          p.when(length.ne(0), () => length.set(length.add(ipv6hdr.size)));
        },
      ],
    ],
    orElse,
  );
  p.when(length.ne(0).and(at.add(length).ne(p.skb.len)), orElse);
}
