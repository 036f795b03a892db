// Takes away what nobody needs any more: outsides whose quarantine is over, and lists of destinations that no slot has.

import { LITTLE_ENDIAN } from '../../../asm/data.ts';
import { viewOf } from '../../entries.ts';
import { SLOT_FORMATS } from '../../slot-entries.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import { encodeSlotLists } from '../../slot-lists.ts';
import { FAMILIES, type SlotMaps } from './book.ts';
import { LIST_MAPS, type ListMaps, readLists } from './policy.ts';

/** @returns how many there were. */
export function sweepQuarantined(maps: SlotMaps): number {
  const now = process.hrtime.bigint();
  let swept = 0;
  for (const family of FAMILIES) {
    const { name, keySize, valueSize, record } = SLOT_FORMATS[family];
    const { raw } = maps[name];
    const { count, keys, values } = raw.elements();
    const view = viewOf(values);
    const over: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const at = i * valueSize;
      if (view.getUint8(at + record.state) !== SLOT_STATES.quarantined) continue;
      if (view.getBigUint64(at + record.since, LITTLE_ENDIAN) > now) continue;
      over.push(keys.subarray(i * keySize, (i + 1) * keySize));
    }
    if (over.length > 0) raw.deleteBatch(Buffer.concat(over), over.length, { missing: 'skip' });
    swept += over.length;
  }
  return swept;
}

/** Lists that no slot has. */
export function sweepLists(maps: SlotMaps & ListMaps): void {
  const lists = readLists(maps);
  if (lists.size === 0) return;
  for (const family of FAMILIES) {
    const { name, valueSize, record } = SLOT_FORMATS[family];
    const { count, values } = maps[name].raw.elements();
    const view = viewOf(values);
    for (let i = 0; i < count; i++) lists.delete(view.getUint16(i * valueSize + record.list, LITTLE_ENDIAN));
  }
  const unused = [...lists].map(([list, allowed]) => ({ list, allowed }));
  for (const family of FAMILIES) {
    const { keys, count } = encodeSlotLists(family, unused);
    if (count > 0) maps[LIST_MAPS[family]].raw.deleteBatch(keys, count, { missing: 'skip' });
  }
}
