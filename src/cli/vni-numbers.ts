// Numbers of the commands about tunnel slots, as they are written.

import { UsageError } from './usage-error.ts';

const MOST_VNI = 0xff_ffff;
/** More than an instance can hold. */
const MOST_SLOTS = 1 << 16;

/** @throws UsageError where it is no VNI. */
export function readVni(text: string, what: string): number {
  if (/^\d{1,15}$/.test(text) && Number(text) <= MOST_VNI) return Number(text);
  throw new UsageError(`${what} '${text}' is not a number from 0 to ${MOST_VNI}`);
}

/** `9000001` and `9000001-9000004`. */
export function readSlots(texts: readonly string[]): number[] {
  return texts.flatMap((text) => {
    const [, from, to] = /^(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
    if (from === undefined) return [readVni(text, 'SLOT')];
    const [first, last] = [readVni(from, 'SLOT'), readVni(to ?? '', 'SLOT')];
    if (last < first || last - first >= MOST_SLOTS) {
      throw new UsageError(
        `'${text}' is not a range from a lower to a higher number, of ${MOST_SLOTS} at most`,
      );
    }
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
