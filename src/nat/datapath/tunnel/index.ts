// Tunnel slots: a tunnel is made ahead with a placeholder VNI, and its packets get the real one on their way out, the
// placeholder on their way in. One part of the program, to which all paths lead on which a slot was found.

import { LITTLE_ENDIAN, type Value, type ViewOf } from '../../../asm/index.ts';
import { TUNNEL_KINDS } from '../../tunnel-layout.ts';
import { account, difference, updatedChecksum } from '../checksum.ts';
import type { Frame } from '../frame.ts';
import { ETH_P_IP, ETH_P_IPV6, IPPROTO_UDP } from '../headers.ts';
import type { IpPacket } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import type { IpVersion } from '../tables.ts';
import { read } from '../words.ts';
import { isBegun } from './begun.ts';
import { findSlot } from './find.ts';
import { ETH_P_TEB, GENEVE_OPTIONS, MOST_UDP_AT, tunnelhdr, udphdr, VNI_REST, VNI_SHIFT } from './headers.ts';

/**
 * Deals with a UDP packet that is no later fragment: ends the path where it is of a tunnel slot, and calls `onUnknown` where
 * it is at a port of tunnels without being of one.
 */
export type Tunnels = (frame: Frame, packet: IpPacket, onUnknown: () => void) => void;

/** Whether there are tunnels over this version. */
export const hasTunnels = ({ uses }: TcPath, version: IpVersion): boolean =>
  uses.has(version === 6 ? 'tunnels6' : 'tunnels');

export function tunnels(path: TcPath): Tunnels {
  const { p, direction } = path;
  const record = p.pointer(path.maps.tunnels.value);
  const key = p.stack(path.maps.tunnels.key);
  const pseudo = p.variable('u64');
  const kind = p.variable('u32');
  const rewrite = p.ending('tunnel', 'u32', (udpAt) =>
    rewriteVni(path, {
      udpAt: udpAt.get(),
      pseudo: pseudo.get(),
      kind: kind.get(),
      placeholder: record.view.placeholder.get(),
      vni: record.view.vni.get(),
    }),
  );
  return (frame, packet, onUnknown) => {
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
  };
}

interface Rewrite {
  readonly udpAt: Value<'u32'>;
  /** Sum over the outer pseudo-header; of no account where there is no checksum. */
  readonly pseudo: Value<'u64'>;
  readonly kind: Value<'u32'>;
  readonly placeholder: Value<'u32'>;
  readonly vni: Value<'u32'>;
}

function rewriteVni(path: TcPath, { udpAt, pseudo, kind, placeholder, vni }: Rewrite): void {
  const { p, direction, leave } = path;
  const readHeaders = () =>
    p.packet.read([udphdr, tunnelhdr], {
      at: udpAt,
      atMost: MOST_UDP_AT,
      orElse: () => leave('helper_failed'),
    });
  const [udp, tunnel] = readHeaders();
  const check = udp.check.get();
  const before = tunnel.vni.get();
  const wanted = direction === 'outbound' ? vni : placeholder;
  const after = wanted.shl(VNI_SHIFT).or(before.toHost().and(VNI_REST)).toNetwork();
  const change = difference([before], [after]);
  const begun = p.variable('u32', 0);
  p.when(check.ne(0), () => {
    const inner = carried(path, udpAt, kind, tunnel);
    begun.set(isBegun(path, { udpAt, check, pseudo, ...inner }));
  });
  const [writable, header] = readHeaders();
  header.vni.set(after);
  p.when(
    check.eq(0),
    // No checksum makes up for it.
    () => account(p, change),
    () =>
      p.when(begun.eq(0), () => {
        const now = p.variable('u16', updatedChecksum(check, change).bits());
        // Zero would say that there is none (RFC 768).
        p.when(now.eq(0), () => now.set(0xffff));
        writable.check.set(now.get().bits());
      }),
  );
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

/** The VXLAN flag that says there is a next protocol (VXLAN-GPE, draft-ietf-nvo3-vxlan-gpe-13, section 3.1), and its numbers. */
const GPE_NEXT = 0x04;
const GPE_TYPES: readonly (readonly [next: number, type: number])[] = [
  [1, ETH_P_IP],
  [2, ETH_P_IPV6],
];

/** What a tunnel carries, and where that starts. */
function carried(
  { p }: TcPath,
  udpAt: Value<'u32'>,
  kind: Value<'u32'>,
  tunnel: ViewOf<typeof tunnelhdr>,
): { readonly carries: Value<'be16'>; readonly innerAt: Value<'u32'> } {
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
  return { carries: type.get().bits(), innerAt: at.get() };
}
