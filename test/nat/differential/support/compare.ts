// What came out of tsnat's router and out of the peer's, held against each other and against the reference.

import { isError } from '../../datapath/support/reference/error.ts';
import { type Header, ICMPV6, wholeHeader } from '../../datapath/support/reference/header.ts';
import { isQuery } from '../../datapath/support/reference/lookup.ts';
import { mappingText } from '../../datapath/support/reference/mappings.ts';
import { reference } from '../../datapath/support/reference/reference.ts';
import type { Outcome, World } from '../../datapath/support/reference/world.ts';
import { hex } from '../../datapath/support/rig.ts';
import { mac } from '../../datapath/support/shapes.ts';
import {
  type Bytes,
  be16,
  DCCP,
  ICMP,
  join,
  onesSum,
  patch,
  read16,
  TCP,
  UDP,
  UDP_LITE,
} from '../../datapath/support/wire.ts';
import type { Peer } from './peers.ts';
import { MACS, type Sent } from './router.ts';

export type Verdict =
  | { readonly equal: true; readonly what: string }
  | { readonly equal: false; readonly why: string };

/** @throws Error where tsnat is not what the reference says, or differs from the peer for no documented reason. */
export function compare(
  sent: Sent,
  tsnat: string | undefined,
  kernel: string | undefined,
  peer: Peer,
): Verdict {
  const { direction, frame } = sent;
  const { mappings } = peer;
  const world: World = { mappings, unmapped: { outbound: 'pass', inbound: 'pass' }, ipv6: true };
  const outcome = reference(frame, direction, world);
  const complain = (what: string): Error =>
    new Error(
      [
        what,
        `${direction}   ${hex(frame)}`,
        `mappings   ${mappings.map(mappingText).join('  ')}`,
        `reference  ${outcome.reason ?? ''} ${hex(outcome.frame)}`,
        `tsnat      ${tsnat}`,
        `kernel     ${kernel}`,
      ].join('\n'),
    );
  if (tsnat !== undefined && !mayBeOtherwise(frame)) {
    const expected = hex(forwarded(sent, outcome));
    if (tsnat !== expected)
      throw complain(`tsnat is not as the reference has it, which is\n           ${expected}`);
  }
  if (tsnat === kernel) {
    if (tsnat === undefined) return { equal: true, what: 'not forwarded by either' };
    const header = wholeHeader(frame, 14, frame[14]! >> 4 === 4 ? 4 : 6, false);
    const quotes = header !== 'malformed' && outcome.counted !== undefined && isError(frame, header);
    return { equal: true, what: quotes ? 'equal with what they quote' : 'equal' };
  }
  const isNft = peer.nft !== undefined && !peer.stateful;
  const why = (isNft ? ones(tsnat, kernel) : undefined) ?? documented(frame, outcome, peer);
  if (why === undefined) throw complain('tsnat and the kernel differ');
  return { equal: false, why };
}

/** IPv4 options are the kernel's to work on while it forwards; what is written into them is not ours to foretell. */
const mayBeOtherwise = (frame: Bytes): boolean => read16(frame, 12) === 0x0800 && (frame[14]! & 0xf) > 5;

/** As a router sends it on: other stations, one hop less, without what stood behind the packet. */
export function forwarded({ direction, frame }: Sent, outcome: Outcome): Bytes {
  const macs = direction === 'outbound' ? MACS.outside : MACS.inside;
  const out = join(mac(macs.station), mac(macs.router), outcome.frame.subarray(12));
  const four = frame[14]! >> 4 === 4;
  const end = 14 + (four ? read16(out, 16) : 40 + read16(out, 18));
  const hops = four ? 22 : 21;
  const sent = patch(out, hops, Uint8Array.of(out[hops]! - 1)).subarray(0, end);
  if (!four) return sent;
  const bare = patch(sent, 24, be16(0));
  return patch(sent, 24, be16(0xffff - onesSum(bare.subarray(14, 34))));
}

/** nft_csum_replace writes zero as all ones, as is right for UDP alone: the same sum, but none that is summed anew. */
function ones(tsnat = '', kernel = ''): string | undefined {
  const [ours, theirs] = [tsnat, kernel].map((frame) => frame.match(/..../g) ?? []);
  const alike = ours!.every((word, i) => word === theirs![i] || (word === '0000' && theirs![i] === 'ffff'));
  return alike && tsnat.length === kernel.length ? 'a checksum of zero is written as all ones' : undefined;
}

/** Why the kernel does otherwise, where it is known to. */
function documented(frame: Bytes, outcome: Outcome, { errors, stateful }: Peer): string | undefined {
  const { reason } = outcome;
  const ours = ['malformed', 'authenticated', 'fragment', 'hairpin'];
  if (reason !== undefined && ours.includes(reason)) return reason;
  const header = wholeHeader(frame, 14, frame[14]! >> 4 === 4 ? 4 : 6, false);
  if (typeof header === 'string') return header;
  const { protocol, transportAt: at, family, later } = header;
  const extensions = extensionsOf(frame, header);
  if (reason === 'unmappable') return 'a subnet of all ones is taken for another (RFC 6296, section 3.4)';
  if (isError(frame, header)) {
    if (!errors) return 'quotes are not rewritten';
    if (stateful) return undefined;
    // SNPT and DNPT look for ICMPv6 right behind the header, and a rule sees only what its own prefix is in.
    if (extensions.length > 0) return 'errors behind extension headers';
    const own = (one: Bytes): string => hex(one.subarray(14, at));
    return own(frame) === own(outcome.frame) ? 'errors of an address with no mapping' : undefined;
  }
  if (reason === 'ndp') return 'neighbour discovery is no traffic';
  if (protocol === DCCP) return 'DCCP is not known';
  if (stateful && protocol === UDP_LITE) return 'connections of UDP-Lite are not known';
  if (extensions.some((one) => one >= 135)) return 'mobility, HIP and Shim6 are not known';
  // RFC 8200, section 8.1: the last stop is the one in the pseudo-header.
  if (header.routed) return 'the checksum of what is on a source route';
  if (stateful && extensions.includes(44)) return 'fragments are put together';
  if (stateful && isNoBeginning(frame, header)) return 'not what a connection begins with';
  if (protocol === UDP && !later && read16(frame, at + 6) === 0) return 'no checksum becomes one, and wrong';
  // Of queries it knows echo only, and by address all alike.
  if (isQuery(header, frame[at]!) && !ECHO[family]!.includes(frame[at]!)) return 'queries other than echo';
  return undefined;
}

const [GRE, SCTP] = [47, 132];
const ECHO: { readonly [family: number]: readonly number[] } = { 4: [0, 8], 6: [128, 129] };
const REQUESTS: readonly number[] = [8, 13, 15, 17, 128];

function isNoBeginning(frame: Bytes, { protocol, transportAt: at }: Header): boolean {
  // What only looks like GRE or SCTP.
  if (protocol === GRE || protocol === SCTP) return true;
  if (protocol === TCP) return ![0x02, 0x10, 0x18].includes(frame[at + 13]!);
  return (protocol === ICMP || protocol === ICMPV6) && !REQUESTS.includes(frame[at]!);
}

/** The numbers of the extension headers there are. */
function extensionsOf(frame: Bytes, { family, at, transportAt }: Header): number[] {
  const all: number[] = [];
  if (family === 4) return all;
  let type = frame[at + 6]!;
  for (let next = at + 40; next < transportAt; ) {
    all.push(type);
    const size = type === 44 ? 8 : (frame[next + 1]! + 1) * 8;
    type = frame[next]!;
    next += size;
  }
  return all;
}
