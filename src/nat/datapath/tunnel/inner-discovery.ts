// Neighbour discovery inside a tunnel (RFC 4861): the address that is asked for or told of, and the group that is asked for
// it (RFC 4291, section 2.7.1), are those of the slot on its side, and those of its outside on the other.

import {
  type ArrayType,
  array,
  type BytesType,
  be16,
  be32,
  bytes,
  type ScalarType,
  type StructType,
  struct,
  u8,
  type Value,
} from '../../../asm/index.ts';
import { in6 } from '../../maps.ts';
import { difference, updatedChecksum } from '../checksum.ts';
import { ND_NEIGHBOR_ADVERT, ND_NEIGHBOR_SOLICIT } from '../headers.ts';
import type { IpPacket } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import { read, same, wordsOf, write } from '../words.ts';
import type { Carried } from './carried.ts';
import { ETH_P_TEB, MOST_INNER_AT } from './headers.ts';
import type { InnerChange, InnerSide } from './inner.ts';

type Be16 = ScalarType<'be16'>;

/** A neighbour solicitation or advertisement without options, 24 bytes. */
export const neighbour: StructType<{
  type: ScalarType<'u8'>;
  code: ScalarType<'u8'>;
  check: Be16;
  flags: ScalarType<'be32'>;
  target: typeof in6;
}> = struct('nd_msg', { type: u8, code: u8, check: be16, flags: be32, target: in6 });

/** The MAC of a group (RFC 2464, section 7): its last 32 bits behind 33:33. */
const groupFrame: StructType<{ prefix: Be16; group: ArrayType<Be16>; rest: BytesType }> = struct(
  'group_frame',
  {
    prefix: be16,
    group: array(be16, 2),
    rest: bytes(8),
  },
);
const GROUP_MAC = 0x3333;

/** ff02::1:ff00:0/104 and the 24 bits of the address that follow. */
const SOLICITED_NODE: readonly number[] = [0xff02_0000, 0, 1];
const SOLICITED_TOP = 0xff00_0000;
const SOLICITED_REST = 0x00ff_ffff;

/** Writes the target, and the group in place of the destination. The rest of the packet is as any other's. */
export function translateInnerDiscovery(
  path: TcPath,
  { carries, innerAt }: Carried,
  packet: IpPacket,
  type: Value<'u8'>,
  { from, to }: InnerSide,
  change: InnerChange,
): void {
  const { p, leave } = path;
  const orElse = (): void => leave('malformed');
  const { at, atMost, end } = packet.payload;
  p.when(type.eq(ND_NEIGHBOR_SOLICIT).or(type.eq(ND_NEIGHBOR_ADVERT)), () => {
    p.when(at.add(neighbour.size).gt(end), orElse);
    const [nd] = p.packet.read([neighbour], { at, atMost, orElse });
    const target = wordsOf(nd.target);
    p.when(same(read(target), from), () => {
      const changed = p.variable('u64', difference(read(target), read(to)));
      write(target, read(to));
      const destination = read(packet.destination);
      const isGroup = same(destination.slice(0, 3), SOLICITED_NODE).and(
        destination[3]!.and(SOLICITED_TOP).eq(SOLICITED_TOP),
      );
      p.when(isGroup, () => {
        const before = destination[3]!;
        const after = to[3]!.and(SOLICITED_REST).or(SOLICITED_TOP);
        packet.destination[3]!.set(after);
        changed.set(changed.add(difference([before], [after])));
        p.when(carries.eq(ETH_P_TEB), () => {
          const [frame] = p.packet.read([groupFrame], { at: innerAt, atMost: MOST_INNER_AT, orElse });
          const [high, low] = [frame.group.at(0), frame.group.at(1)];
          const host = after.toHost();
          const halves = [host.shr(16).as('u16').toNetwork(), host.as('u16').toNetwork()] as const;
          p.when(frame.prefix.eq(GROUP_MAC), () => {
            const was = [high.get(), low.get()] as const;
            high.set(halves[0]);
            low.set(halves[1]);
            // No inner checksum covers it.
            for (const sum of [change.covered, change.untold]) {
              for (const [i, half] of halves.entries()) {
                sum.set(sum.add(was[i]!.bits().not().as('u64')).add(half.bits()));
              }
            }
          });
        });
      });
      nd.check.set(updatedChecksum(nd.check.get(), changed.get()));
    });
  });
}
