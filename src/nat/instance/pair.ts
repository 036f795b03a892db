// Programs that belong together, loaded together.

import type { Program } from '../../asm/data.ts';
import { loadProgram } from '../../loader/index.ts';
import type { Direction } from '../reason.ts';
import type { Pair, Programs } from './changeover.ts';
import type { Owned } from './contents.ts';

/** Loads both programs on these maps. */
export function loadPair(
  { outbound, inbound }: { readonly [D in Direction]: Program },
  maps: Owned,
): Disposable & { readonly pair: Pair } {
  const first = loadProgram(outbound, maps);
  try {
    const second = loadProgram(inbound, maps);
    return {
      pair: { outbound: first, inbound: second },
      [Symbol.dispose]: () => {
        second.close();
        first.close();
      },
    };
  } catch (error) {
    first.close();
    throw error;
  }
}

/** Loads all of them on these maps. */
export function loadPrograms(
  { outbound, inbound, slot }: { readonly [D in Direction]: Program } & { readonly slot?: Program },
  maps: Owned,
): Disposable & { readonly programs: Programs } {
  const pair = loadPair({ outbound, inbound }, maps);
  try {
    const third = slot && loadProgram(slot, maps);
    return {
      programs: { ...pair.pair, slot: third },
      [Symbol.dispose]: () => {
        third?.close();
        pair[Symbol.dispose]();
      },
    };
  } catch (error) {
    pair[Symbol.dispose]();
    throw error;
  }
}
