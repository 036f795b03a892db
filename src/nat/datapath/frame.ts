// What stands before the IP header: Ethernet with up to two VLAN tags in the frame, or nothing at all.
// A tag that stands beside the frame, in the skb, is none here.

import {
  type Input,
  type ScalarType,
  type StructType,
  struct,
  u8,
  type Value,
  type Variable,
} from '../../asm/index.ts';
import { hasIpv6 } from '../uses.ts';
import {
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  ethhdr,
  IP_VERSION,
  IPV6_VERSION,
  iphdr,
  vlanhdr,
} from './headers.ts';
import { forget, type TcPath } from './path.ts';

/** `skb->pkt_type` of a frame for this host, and of one for another station (include/uapi/linux/if_packet.h). */
export const PACKET_HOST = 0;
export const PACKET_OTHERHOST = 3;

const MOST_TAGS = 2;

/** Where something starts in the frame, the most that can be, and where it nearly always is. */
export interface Place {
  readonly offset: Value<'u32'>;
  readonly atMost: number;
  readonly usually?: number;
}

/** A frame and what it carries. */
export interface Frame {
  readonly link: 'ethernet' | 'none';
  /** EtherType of what it carries. */
  readonly proto: Value<'be16'>;
  /** Where that starts, in bytes. */
  readonly at: Place;
}

/** Devices without a link layer carry IP, and the version says which. */
export function readBare({ p, leave }: TcPath, onOther: (frame: Frame) => void): Frame {
  const [first] = p.packet.read([ipVersion], { orElse: () => leave('malformed') });
  const version = first.versionIhl.shr(4);
  const proto = p.variable('u32', 0);
  p.when(version.eq(IP_VERSION), () => proto.set(ETH_P_IP));
  p.when(version.eq(IPV6_VERSION), () => proto.set(ETH_P_IPV6));
  const frame: Frame = {
    link: 'none',
    proto: proto.get().as('u16').toNetwork(),
    at: { offset: p.constant('u32', 0), atMost: 0, usually: 0 },
  };
  p.rarely(proto.ne(ETH_P_IP), () => onOther(frame));
  return frame;
}

const ipVersion: StructType<{ versionIhl: ScalarType<'u8'> }> = struct('ip_version', { versionIhl: u8 });

/** `onOther` deals with what is not IPv4, and ends its path. */
export function readEthernet(path: TcPath, onOther: (frame: Frame) => void): Frame {
  const { p, leave } = path;
  const malformed = (): void => leave('malformed');
  // Nearly every frame has an IPv4 header: what is shorter is told apart afterwards.
  const [eth] = p.packet.read([ethhdr, iphdr], { orElse: () => leaveShort(path) });
  const proto = p.variable('u16', eth.proto.get().bits());
  const at = p.variable('u32', ethhdr.size);
  const frame = (): Frame => ({
    link: 'ethernet',
    proto: proto.get().bits(),
    at: { offset: at.get(), atMost: ethhdr.size + MOST_TAGS * vlanhdr.size, usually: ethhdr.size },
  });
  p.rarely(proto.get().bits().ne(ETH_P_IP), () => {
    skipTags(path, proto, at, malformed);
    p.when(proto.get().bits().ne(ETH_P_IP), () => onOther(frame()));
  });
  return frame();
}

/** Reads a frame that should have no tag; `onOther` deals with what is not IPv4, and `onShort` with what is too short for it. */
export function readUntagged(
  { p }: TcPath,
  { onOther, onShort }: { readonly onOther: (frame: Frame) => void; readonly onShort: () => void },
): Frame {
  const [eth] = p.packet.read([ethhdr, iphdr], { orElse: onShort });
  const at = { offset: p.constant('u32', ethhdr.size), atMost: ethhdr.size, usually: ethhdr.size };
  const frame: Frame = { link: 'ethernet', proto: eth.proto.get(), at };
  p.rarely(frame.proto.ne(ETH_P_IP), () => onOther(frame));
  return frame;
}

function skipTags(path: TcPath, proto: Variable<'u16'>, at: Variable<'u32'>, onCut: () => void): void {
  const { p } = path;
  const skip = (tag: number): void => {
    if (tag === MOST_TAGS) return;
    const start = ethhdr.size + tag * vlanhdr.size;
    p.when(isTag(proto.get().bits()), () => {
      const [header] = p.packet.read([vlanhdr], { at: start, orElse: onCut });
      proto.set(header.proto.get().bits());
      at.set(start + vlanhdr.size);
      skip(tag + 1);
    });
  };
  skip(0);
  forget(path, at);
}

/** Too short for any IP header: no fault in a frame that should have none. */
function leaveShort(path: TcPath): void {
  const { p, uses, leave } = path;
  const malformed = (): void => leave('malformed');
  const [eth] = p.packet.read([ethhdr], { orElse: malformed });
  const proto = p.variable('u16', eth.proto.get().bits());
  skipTags(path, proto, p.variable('u32', ethhdr.size), malformed);
  p.match(
    proto.get().bits(),
    [
      [ETH_P_IP, malformed],
      [ETH_P_ARP, () => leave('arp')],
      [ETH_P_IPV6, hasIpv6(uses) ? malformed : () => leave('not_ip')],
    ],
    () => leave('not_ip'),
  );
}

const TAGS: readonly Input<'be16'>[] = [ETH_P_8021Q, ETH_P_8021AD];
const isTag = (proto: Value<'be16'>) => TAGS.map((tag) => proto.eq(tag)).reduce((any, one) => any.or(one));
