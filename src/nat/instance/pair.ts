// The two programs of a hook, loaded together.

import type { Program } from '../../asm/index.ts';
import { loadProgram } from '../../loader/index.ts';
import type { Direction } from '../reason.ts';
import type { Pair } from './changeover.ts';
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
