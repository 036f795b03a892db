// Whose traffic is translated: lists of the other ends that are included or excluded (maps.ts, `destinations`).

import type { Variable } from '../../asm/index.ts';
import type { Path } from './path.ts';
import { addressBits, type IpVersion } from './tables.ts';
import { type AddressPlace, read } from './words.ts';

/** Not zero where traffic with `other` is left alone; undefined where the instance has no lists. */
export function excluded(
  { p, maps, uses }: Path,
  version: IpVersion,
  other: AddressPlace,
): Variable<'u32'> | undefined {
  if (!uses.has(version === 4 ? 'destinations' : 'destinations6')) return undefined;
  const found = p.variable('u32', 0);
  const prefixLength = addressBits(version);
  const address = read(other);
  const entry =
    version === 4
      ? p.lookup(maps.destinations, { prefixLength, address: address[0]! })
      : p.lookup(maps.destinations6, { prefixLength, address });
  p.when(entry.exists(), () => p.when(entry.value.eq(0), () => found.set(1)));
  return found;
}

/** What leaves where traffic with `other` is left alone, wherever it is called; asked for once. */
export function leavesIfExcluded(path: Path, version: IpVersion, other: AddressPlace): () => void {
  const isExcluded = excluded(path, version, other);
  return () => {
    if (isExcluded) path.p.rarely(isExcluded.ne(0), () => path.leave('excluded'));
  };
}
