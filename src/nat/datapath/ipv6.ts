// IPv6 headers and the extension headers behind them (RFC 8200, section 4), in any order.

import type { Expression, Value, Variable, ViewOf } from '../../asm/index.ts';
import type { Place } from './frame.ts';
import {
  EXTENSION_UNIT,
  EXTENSIONS,
  exthdr,
  IP6_OFFSET,
  IPPROTO_FRAGMENT,
  IPPROTO_ROUTING,
  IPV6_VERSION,
  ipv6hdr,
} from './headers.ts';
import type { IpPacket } from './ip-packet.ts';
import type { TcPath } from './path.ts';
import { isOneOf } from './transport.ts';
import { wordsOf } from './words.ts';

/** How many extension headers are followed. */
const MOST_EXTENSIONS = 8;
/** The longest: a length of 255. */
const MAX_EXTENSION: number = 256 * EXTENSION_UNIT;
const MAX_CHAIN: number = MOST_EXTENSIONS * MAX_EXTENSION;
/** A payload that starts behind this is not looked into: below 2^15 every verifier can follow (MAX_PACKET_OFF). */
const FARTHEST = 32_000;

/** Reads the headers at `place`. Leaves for those that contradict themselves, or are too many. */
export function readIpv6(path: TcPath, place: Place): IpPacket {
  const { p, leave } = path;
  const { offset: at, atMost } = place;
  const malformed = (): void => leave('malformed');
  const [ip] = p.packet.read([ipv6hdr], { at, ...place, orElse: malformed });
  p.rarely(ip.versionClassFlow.toHost().shr(28).ne(IPV6_VERSION), malformed);
  const length = path.length();
  const start = at.add(ipv6hdr.size);
  const end = p.variable('u32', start.add(ip.payloadLen.toHost()));
  // A super-packet of more than 64 KiB (BIG TCP) says zero.
  p.rarely(ip.payloadLen.eq(0).and(p.skb.gsoSize.ne(0)), () => end.set(length));
  p.rarely(end.gt(length), malformed);
  const chain = walk(path, ip.nexthdr, start, end.get(), malformed);
  return packetOf(ip, chain, atMost, end.get());
}

/** Reads quoted headers, whose packet may be cut short at `end`: nothing is known of what lies behind. */
export function readQuotedIpv6(path: TcPath, place: Place, end: Value<'u32'>): IpPacket {
  const { p, leave } = path;
  const { offset: at, atMost } = place;
  const malformed = (): void => leave('malformed');
  p.when(at.add(ipv6hdr.size).gt(end), malformed);
  const [ip] = p.packet.read([ipv6hdr], { at, ...place, orElse: malformed });
  p.when(ip.versionClassFlow.toHost().shr(28).ne(IPV6_VERSION), malformed);
  return packetOf(ip, walk(path, ip.nexthdr, at.add(ipv6hdr.size), end, undefined), atMost, end);
}

/** What the walk along the extension headers has come to. */
interface Chain {
  readonly protocol: Variable<'u32'>;
  readonly at: Variable<'u32'>;
  /** A fragment, but not the first. */
  readonly later: Variable<'u32'>;
  readonly segmentsLeft: Variable<'u32'>;
}

/** `onCut` where a header does not fit before `end`, ending the path; where left out, the walk ends there. */
function walk(
  path: TcPath,
  nexthdr: Expression<'u8'>,
  start: Value<'u32'>,
  end: Value<'u32'>,
  onCut: (() => void) | undefined,
): Chain {
  const { p, leave } = path;
  const chain: Chain = {
    protocol: p.variable('u32', nexthdr.get()),
    at: p.variable('u32', start),
    later: p.variable('u32', 0),
    segmentsLeft: p.variable('u32', 0),
  };
  const { protocol, at, later, segmentsLeft } = chain;
  p.rarely(isOneOf(protocol.get(), EXTENSIONS), () => {
    p.loop(MOST_EXTENSIONS, (_, stop) => {
      const cut = onCut ?? stop;
      p.when(at.add(EXTENSION_UNIT).gt(end), cut);
      const header = p.packet.copy(exthdr, at, { orElse: cut });
      const length = p.variable('u32', EXTENSION_UNIT);
      p.match(
        protocol,
        [
          [
            IPPROTO_FRAGMENT,
            () => {
              const offset = header.third.shl(8).or(header.fourth).and(IP6_OFFSET);
              p.when(offset.ne(0), () => later.set(1));
            },
          ],
          // Of several, any that has some left.
          [IPPROTO_ROUTING, () => segmentsLeft.set(segmentsLeft.or(header.fourth))],
        ],
        () => {},
      );
      p.when(protocol.ne(IPPROTO_FRAGMENT), () =>
        length.set(header.length.add(1).shl(Math.log2(EXTENSION_UNIT))),
      );
      p.when(at.add(length).gt(end), cut);
      at.set(p.forget(at.add(length)));
      protocol.set(p.forget(header.nexthdr));
      // What follows is the middle of something.
      p.when(later.ne(0), stop);
      p.when(isOneOf(protocol.get(), EXTENSIONS).not(), stop);
    });
    // Cut short, or too many: of a quote it is enough to know that its transport was not reached.
    p.when(isOneOf(protocol.get(), EXTENSIONS).and(later.eq(0)), onCut ?? (() => later.set(1)));
    for (const known of [protocol, at, later, segmentsLeft]) known.set(p.forget(known));
  });
  if (onCut !== undefined) p.rarely(at.gt(end), () => leave('malformed'));
  return chain;
}

function packetOf(
  ip: ViewOf<typeof ipv6hdr>,
  { protocol, at, later, segmentsLeft }: Chain,
  atMost: number,
  end: Value<'u32'>,
): IpPacket {
  return {
    version: 6,
    source: wordsOf(ip.saddr),
    destination: wordsOf(ip.daddr),
    headerChecksum: undefined,
    hopLimit: ip.hopLimit,
    payload: {
      version: 6,
      protocol: protocol.get(),
      at: at.get(),
      atMost: Math.min(atMost + ipv6hdr.size + MAX_CHAIN, FARTHEST),
      end,
    },
    isLater: () => later.ne(0),
    segmentsLeft,
  };
}
