// Tunnel slots: a tunnel is made ahead with a placeholder VNI, and its packets get the real one on their way out, the
// placeholder on their way in. One part of the program, to which all paths lead on which a slot was found.

import { LITTLE_ENDIAN, type Value } from '../../../asm/index.ts';
import { in6 } from '../../maps.ts';
import { account, difference, halfDifference, updatedChecksum } from '../checksum.ts';
import type { Frame } from '../frame.ts';
import { IPPROTO_UDP } from '../headers.ts';
import type { IpPacket } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import type { IpVersion } from '../tables.ts';
import { read } from '../words.ts';
import { isBegun } from './begun.ts';
import { carried, requireOne } from './carried.ts';
import { findSlot, type KeyMemory, type TunnelRecord } from './find.ts';
import { MOST_UDP_AT, tunnelhdr, udphdr, VNI_REST, VNI_SHIFT } from './headers.ts';
import { type InnerChange, translateInner } from './inner.ts';
import { rewriteQuotedVni } from './quoted.ts';

/** What tunnels add to the rest of a program. */
export interface Tunnels {
  /**
   * Deals with a UDP packet that is no later fragment: ends the path where it is of a tunnel slot, and calls `onUnknown`
   * where it is at a port of tunnels without being of one.
   */
  readonly onUdp: (frame: Frame, packet: IpPacket, onUnknown: () => void) => void;
  /** Deals with an ICMP error: ends the path where it quotes a packet of a tunnel slot. */
  readonly onError: (packet: IpPacket, quote: IpPacket) => void;
}

/** Whether there are tunnels over this version. */
export const hasTunnels = ({ uses }: TcPath, version: IpVersion): boolean =>
  uses.has(version === 6 ? 'tunnels6' : 'tunnels');

export function tunnels(path: TcPath): Tunnels {
  const { p, direction } = path;
  const record = p.pointer(path.maps.tunnels.value);
  const key = { ...keyMemory(path), scratch: p.stack(in6) };
  const pseudo = p.variable('u64');
  const kind = p.variable('u32');
  const rewrite = p.ending('tunnel', 'u32', (udpAt) =>
    rewriteTunnel(path, { udpAt: udpAt.get(), pseudo: pseudo.get(), kind: kind.get(), record: record.view }),
  );
  return {
    onUdp: (frame, packet, onUnknown) => {
      findSlot(path, packet, key, {
        onUnknown,
        onSlot: (slot, { udp, kind: its }) => {
          record.point(slot.vni);
          slot[`${direction}Packets`].increase(1);
          slot[`${direction}Bytes`].increase(path.length().sub(frame.at.offset));
          kind.set(its);
          pseudo.set(0);
          p.when(udp.check.ne(0), () => pseudo.set(pseudoSum(packet, udp.length.get())));
          rewrite(p.forget(packet.payload.at));
        },
      });
    },
    onError: (packet, quote) => {
      if (hasTunnels(path, packet.version)) rewriteQuotedVni(path, packet, quote, key);
    },
  };
}

/** The stack is small: who asks for a key of tunnels has not yet asked for a route, and what is asked here ends the path. */
function keyMemory({ p, maps, redirect }: TcPath): Pick<KeyMemory, 'address' | 'view'> {
  if (redirect === undefined) return p.stack(maps.tunnels.key);
  const { address, view } = redirect.memory;
  return { address, view: p.overlay(view.family, maps.tunnels.key) };
}

interface Rewrite {
  readonly udpAt: Value<'u32'>;
  /** Sum over the outer pseudo-header; of no account where there is no checksum. */
  readonly pseudo: Value<'u64'>;
  readonly kind: Value<'u32'>;
  readonly record: TunnelRecord;
}

function rewriteTunnel(path: TcPath, { udpAt, pseudo, kind, record }: Rewrite): void {
  const { p, direction, leave } = path;
  const readHeaders = () =>
    p.packet.read([udphdr, tunnelhdr], {
      at: udpAt,
      atMost: MOST_UDP_AT,
      orElse: () => leave('helper_failed'),
    });
  const [udp, tunnel] = readHeaders();
  const check = udp.check.get();
  const inside = carried(path, udpAt, kind, tunnel);
  p.rarely(p.skb.gsoSize.ne(0), () => requireOne(path, inside));
  const begun = p.variable('u32', 0);
  p.when(check.ne(0), () => begun.set(isBegun(path, { udpAt, check, pseudo, ...inside })));

  const change: InnerChange = { covered: p.variable('u64', 0), untold: p.variable('u64', 0) };
  if (path.uses.has('tunnel_inner')) {
    p.when(record.flags.ne(0), () => {
      const isFinished = p.variable('u32', 0);
      p.when(begun.ne(0).and(p.skb.gsoSize.eq(0)), () => isFinished.set(1));
      // What follows is verified once.
      for (const known of [begun, isFinished]) known.set(p.forget(known));
      translateInner(path, { carried: inside, record, isFinished }, change);
    });
  }

  const [writable, header] = readHeaders();
  const before = header.vni.get();
  const vni = direction === 'outbound' ? record.vni : record.placeholder;
  const after = vni.shl(VNI_SHIFT).or(before.toHost().and(VNI_REST)).toNetwork();
  const changed = difference([before], [after]);
  header.vni.set(after);
  const bytes = p.variable('u64', change.untold.add(changed));
  p.when(check.ne(0).and(begun.eq(0)), () => {
    const now = p.variable('u16', updatedChecksum(check, change.covered.add(changed)).bits());
    // Zero would say that there is none (RFC 768).
    p.when(now.eq(0), () => now.set(0xffff));
    writable.check.set(now.get().bits());
    bytes.set(bytes.add(halfDifference(check, now.get().bits())));
  });
  account(p, bytes.get());
  p.next();
}

/** The sum over the pseudo-header of a UDP packet (RFC 768; RFC 8200, section 8.1). */
function pseudoSum({ source, destination }: IpPacket, length: Value<'be16'>): Value<'u64'> {
  const words = [...read(source), ...read(destination)].map((word) => word.bits().as('u64'));
  return words
    .reduce((sum, word) => sum.add(word))
    .add(length.bits())
    .add(UDP_WORD);
}

/** The protocol's number as it lies in the sum. */
const UDP_WORD: number = LITTLE_ENDIAN ? IPPROTO_UDP << 8 : IPPROTO_UDP;
