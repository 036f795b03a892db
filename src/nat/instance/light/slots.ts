// The slots of an instance, opened lightly.

import { bindingsIn, type LiveSlots } from '../slots/live.ts';
import { lightly } from './lightly.ts';

/** @throws as `openSlots` */
export const withSlots = <T>(name: string, run: (slots: LiveSlots) => T): Promise<T> =>
  lightly(name, bindingsIn, async () => (await import('../slots/open.ts')).openSlots, run);
