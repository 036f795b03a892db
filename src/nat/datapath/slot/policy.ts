// What a slot may not reach, by what its record says.

import type { Condition } from '../../../asm/index.ts';
import { SLOT_FLAGS } from '../../slot-layout.ts';
import type { IpPacket } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import { addressBits, type IpVersion } from '../tables.ts';
import { read, same, type Words } from '../words.ts';
import type { Slot } from './table.ts';

/** fd00:ec2::254, the metadata service of EC2 on IPv6. */
const METADATA6: readonly number[] = [0xfd00_0ec2, 0, 0, 0x254];
/** Of `list`, in front of the address. */
const LIST_BITS = 32;

/** Leaves where the slot may not reach the packet's destination. */
export function refuseDenied(path: TcPath, { version, destination }: IpPacket, slot: Slot): void {
  const { p, leave } = path;
  p.rarely(slot.flags.ne(0), () => {
    const to = read(destination);
    p.when(slot.flags.and(SLOT_FLAGS.denyLinkLocal).ne(0), () =>
      p.when(isLocal(version, to), () => leave('denied')),
    );
    refuseUnlisted(path, version, to, slot);
  });
}

function refuseUnlisted({ p, maps, uses, leave }: TcPath, version: IpVersion, to: Words, slot: Slot): void {
  if (!uses.has(version === 4 ? 'slot_lists' : 'slot_lists6')) return;
  p.when(slot.flags.and(SLOT_FLAGS.listed).ne(0), () => {
    const prefixLength = LIST_BITS + addressBits(version);
    const list = slot.list.get();
    const entry =
      version === 4
        ? p.lookup(maps.slot_lists, { prefixLength, list, address: to[0]! })
        : p.lookup(maps.slot_lists6, { prefixLength, list, address: to });
    p.when(entry.missing(), () => leave('denied'));
  });
}

/** Link-local, or a metadata service. */
const isLocal = (version: IpVersion, to: Words): Condition =>
  version === 4 ? isLinkLocal4(to) : isLinkLocal6(to).or(same(to, METADATA6));

/** 169.254.0.0/16 (RFC 3927), where most metadata services are. */
const isLinkLocal4 = ([word]: Words): Condition => word!.and(0xffff_0000).eq(0xa9fe_0000);

/** fe80::/10 (RFC 4291, section 2.5.6). */
export const isLinkLocal6 = ([first]: Words): Condition => first!.and(0xffc0_0000).eq(0xfe80_0000);
