// What stands before the IP header: Ethernet with up to two VLAN tags in the frame, or nothing at all.
// A tag that stands beside the frame, in the skb, is none here.

import type { Input, Value } from '../../asm/index.ts';
import { ETH_P_8021AD, ETH_P_8021Q, ethhdr, vlanhdr } from './headers.ts';
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

/** Devices without a link layer say in the skb what they carry. */
export function readBare({ p }: TcPath): Frame {
  return {
    link: 'none',
    proto: p.skb.protocol.get().as('u16').bits(),
    at: p.constant('u32', 0),
    atMost: 0,
  };
}

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
