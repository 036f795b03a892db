// What an instance can be asked to translate by: sound mappings, and of kinds that it knows what to do with.

import { formatMapping, type Mapping } from '../mapping.ts';
import { requireSound } from '../mapping-check.ts';
import { InstanceError } from './error.ts';

/** @throws MappingError for mappings that are unsound, InstanceError with code `ENOTSUP` for those of slots. */
export function requireServed(mappings: readonly Mapping[]): void {
  requireSound(mappings);
  const slot = mappings.find(({ kind }) => kind === 'slot');
  if (slot === undefined) return;
  const message = `mapping '${formatMapping(slot)}' is that of a slot, which instances cannot bind yet: map addresses that are unique on this host`;
  throw new InstanceError('ENOTSUP', message);
}
