// All that changes of an instance may come to, with what it takes.

import { type Context, makingOf } from './making.ts';
import { recover } from './recover.ts';
import { extendUses, replaceMappings } from './replace.ts';
import { removeSlots } from './slots/remove.ts';
import { reserveSlots } from './slots/reserve.ts';
import type { Works } from './works.ts';

export function worksOf(context: Context): Works {
  const making = makingOf(context);
  return {
    recover,
    extendUses: (pins, more) => extendUses(pins, more, making),
    replaceMappings: (pins, mappings) => replaceMappings(pins, mappings, making),
    reserveSlots,
    removeSlots,
  };
}
