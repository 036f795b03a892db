// What is said of insides that are in no mapping.

import { type Endpoint, formatEndpoint } from '../endpoint.ts';
import { InstanceError } from './error.ts';

/** The most mappings worth listing in an error. */
const MOST_NAMES = 10;

export function unmapped(instance: string, insides: readonly Endpoint[]): InstanceError {
  const shown = insides.slice(0, MOST_NAMES).map(formatEndpoint).join(', ');
  const more = insides.length > MOST_NAMES ? ` and ${insides.length - MOST_NAMES} more` : '';
  return new InstanceError(
    'EUNMAPPED',
    `instance '${instance}' has no mapping for inside ${shown}${more}; nothing was deleted, 'tsnat map list ${instance}' shows what it has`,
  );
}
