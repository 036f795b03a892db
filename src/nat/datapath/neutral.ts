// Checksum-neutral prefixes of IPv6 (NPTv6, RFC 6296, section 3): one word of the address takes up what the prefix has
// changed, so that no checksum anywhere does.

import type { PacketBuilder, Value, Variable } from '../../asm/index.ts';
import { NEUTRAL } from '../maps.ts';
import type { Path } from './path.ts';
import type { NetRecord } from './tables.ts';

const ONES = 0xffff;
/** Which half of a 32-bit word. */
type Half = 'high' | 'low';

/** Adjusts the words of `address`, whose prefix is translated already. Leaves where no word can be adjusted. */
export function applyNeutral(path: Path, record: NetRecord, address: readonly Variable<'u32'>[]): void {
  const { p, leave } = path;
  const adjustment = record.adjustment!.toHost();
  const unmappable = (): void => leave('unmappable');
  const [, subnet, third, fourth] = address;
  p.match(
    record.flags,
    [
      // Bits 48 to 63 (section 3.4).
      [NEUTRAL.subnet, () => adjust(p, subnet!, 'low', adjustment, unmappable)],
    ],
    () => {
      // The first word of the interface identifier that is not all ones (section 3.5).
      adjust(p, third!, 'high', adjustment, () =>
        adjust(p, third!, 'low', adjustment, () =>
          adjust(p, fourth!, 'high', adjustment, () => adjust(p, fourth!, 'low', adjustment, unmappable)),
        ),
      );
    },
  );
}

/** Adds to 16 bits in one's complement, where zero is never written as all ones (section 3.7); all ones take nothing. */
function adjust(
  p: PacketBuilder,
  word: Variable<'u32'>,
  half: Half,
  adjustment: Value<'u16'>,
  onOnes: () => void,
): void {
  const whole = word.get().bits().toHost();
  const before = half === 'high' ? whole.shr(16) : whole.and(ONES);
  p.when(before.eq(ONES), onOnes, () => {
    const sum = before.add(adjustment);
    const after = p.variable('u32', sum.and(ONES).add(sum.shr(16)));
    p.when(after.eq(ONES), () => after.set(0));
    const rest =
      half === 'high' ? whole.and(ONES).or(after.get().shl(16)) : whole.and(0xffff_0000).or(after.get());
    word.set(rest.toNetwork().bits());
  });
}
