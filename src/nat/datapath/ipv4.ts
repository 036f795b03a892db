// IPv4 headers (RFC 791): a packet's own, and that of a packet quoted by an ICMP error.

import type { Expression, Value } from '../../asm/index.ts';
import type { Place } from './frame.ts';
import { IP_DF, IP_OFFSET, IP_VERSION, iphdr, MIN_IHL, PLAIN_HEADER } from './headers.ts';
import type { IpPacket } from './ip-packet.ts';
import { forget, type TcPath } from './path.ts';
import { wordsOf } from './words.ts';

/** The longest header: 15 words. */
const MAX_HEADER = 60;

/** Reads the header at `place`. Leaves for one that contradicts itself. */
export function readIpv4(path: TcPath, place: Place): IpPacket {
  const { p, leave } = path;
  const { offset: at, atMost } = place;
  const malformed = (): void => leave('malformed');
  const [ip] = p.packet.read([iphdr], { at, ...place, orElse: malformed });
  const payload = p.variable('u32', at.add(iphdr.size));
  const versionIhl = ip.versionIhl.get();
  p.rarely(versionIhl.ne(PLAIN_HEADER), () => {
    const words = headerWords(versionIhl);
    p.when(versionIhl.shr(4).ne(IP_VERSION).or(words.lt(MIN_IHL)), malformed);
    payload.set(at.add(words.shl(2)));
    forget(path, payload);
  });
  const length = path.length();
  const end = p.variable('u32', at.add(ip.totLen.toHost()));
  p.rarely(end.gt(length), malformed);
  p.rarely(end.lt(payload), () => {
    // A super-packet of more than 64 KiB (BIG TCP) says zero.
    p.when(ip.totLen.ne(0).or(p.skb.gsoSize.eq(0)).or(length.lt(payload)), malformed);
    end.set(length);
  });
  return {
    version: 4,
    source: wordsOf(ip.saddr),
    destination: wordsOf(ip.daddr),
    headerChecksum: ip.check,
    hopLimit: ip.ttl,
    payload: {
      version: 4,
      protocol: ip.protocol,
      at: payload.get(),
      atMost: atMost + MAX_HEADER,
      end: end.get(),
    },
    isLater: () => ip.fragOff.and(IP_OFFSET).ne(0),
    isFragmentable: () => ip.fragOff.and(IP_DF).eq(0),
    segmentsLeft: undefined,
  };
}

/** Reads a quoted header, whose packet may be cut short at `end`. */
export function readQuotedIpv4(path: TcPath, place: Place, end: Value<'u32'>): IpPacket {
  const { p, leave } = path;
  const { offset: at, atMost } = place;
  const malformed = (): void => leave('malformed');
  p.when(at.add(iphdr.size).gt(end), malformed);
  const [ip] = p.packet.read([iphdr], { at, ...place, orElse: malformed });
  const words = headerWords(ip.versionIhl);
  p.when(ip.versionIhl.shr(4).ne(IP_VERSION).or(words.lt(MIN_IHL)), malformed);
  return {
    version: 4,
    source: wordsOf(ip.saddr),
    destination: wordsOf(ip.daddr),
    headerChecksum: ip.check,
    hopLimit: ip.ttl,
    payload: {
      version: 4,
      protocol: ip.protocol,
      at: at.add(words.shl(2)),
      atMost: atMost + MAX_HEADER,
      end,
    },
    isLater: () => ip.fragOff.and(IP_OFFSET).ne(0),
    segmentsLeft: undefined,
  };
}

/** Header length in 32-bit words. */
const headerWords = (versionIhl: Expression<'u8'>): Value<'u32'> => versionIhl.and(0xf);
