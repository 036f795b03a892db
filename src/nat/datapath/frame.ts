// What stands before the IP header: Ethernet with up to two VLAN tags in the frame, or nothing at all.
// A tag that stands beside the frame, in the skb, is none here.

import { type Input, type ScalarType, type StructType, struct, u8, type Value } from '../../asm/index.ts';
import {
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_IP,
  ETH_P_IPV6,
  ethhdr,
  IP_VERSION,
  IPV6_VERSION,
  vlanhdr,
} from './headers.ts';
import type { TcPath } from './path.ts';

const MOST_TAGS = 2;

/** A frame and what it carries. */
export interface Frame {
  readonly link: 'ethernet' | 'none';
  /** EtherType of what it carries. */
  readonly proto: Value<'be16'>;
  /** Where that starts, in bytes, and the most that can be. */
  readonly at: Value<'u32'>;
  readonly atMost: number;
}

/** Devices without a link layer carry IP, and the version says which. */
export function readBare({ p, leave }: TcPath): Frame {
  const [first] = p.packet.read([ipVersion], { orElse: () => leave('malformed') });
  const version = first.versionIhl.shr(4);
  const proto = p.variable('u32', 0);
  p.when(version.eq(IP_VERSION), () => proto.set(ETH_P_IP));
  p.when(version.eq(IPV6_VERSION), () => proto.set(ETH_P_IPV6));
  return {
    link: 'none',
    proto: proto.get().as('u16').toNetwork(),
    at: p.constant('u32', 0),
    atMost: 0,
  };
}

const ipVersion: StructType<{ versionIhl: ScalarType<'u8'> }> = struct('ip_version', { versionIhl: u8 });

export function readEthernet({ p, leave }: TcPath): Frame {
  const malformed = (): void => leave('malformed');
  const [eth] = p.packet.read([ethhdr], { orElse: malformed });
  const proto = p.variable('u16', eth.proto.get().bits());
  const at = p.variable('u32', ethhdr.size);
  const step = (tags: number): void => {
    if (tags === 0) return;
    p.rarely(isTag(proto.get().bits()), () => {
      const tag = p.packet.copy(vlanhdr, at, { orElse: malformed });
      proto.set(tag.proto.get().bits());
      at.set(p.forget(at.add(vlanhdr.size)));
      step(tags - 1);
    });
  };
  step(MOST_TAGS);
  return {
    link: 'ethernet',
    proto: proto.get().bits(),
    at: at.get(),
    atMost: ethhdr.size + MOST_TAGS * vlanhdr.size,
  };
}

const TAGS: readonly Input<'be16'>[] = [ETH_P_8021Q, ETH_P_8021AD];
const isTag = (proto: Value<'be16'>) => TAGS.map((tag) => proto.eq(tag)).reduce((any, one) => any.or(one));
