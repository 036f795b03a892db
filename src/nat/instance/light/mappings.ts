// The mappings of an instance, opened lightly.

import { type LiveMappings, mappingsIn } from '../live-mappings.ts';
import { lightly } from './lightly.ts';

/** @throws as `openInstance` */
export const withMappings = <T>(name: string, run: (mappings: LiveMappings) => T): Promise<T> =>
  lightly(name, mappingsIn, async () => (await import('../open.ts')).openInstance, run);
