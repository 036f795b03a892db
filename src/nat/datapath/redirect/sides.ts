// The interfaces of the two sides. They are known when the programs are made, and nothing is looked up.

import type { Condition, Expression } from '../../../asm/index.ts';

/** Which interfaces packets go between past the stack, by their indexes. */
export interface Sides {
  readonly outside: number;
  /** One at least. */
  readonly insides: readonly number[];
}

/** More are searched by halves. */
const FEW = 4;

export function isInside(index: Expression<'u32'>, { insides }: Sides): Condition {
  const known = index.get();
  const search = (sorted: readonly number[]): Condition => {
    const one = (each: number): Condition => known.eq(each);
    if (sorted.length <= FEW) return sorted.map(one).reduce((any, each) => any.or(each));
    const half = sorted.length >> 1;
    const above = sorted[half]!;
    const [low, high] = [search(sorted.slice(0, half)), search(sorted.slice(half))];
    return known.lt(above).and(low).or(known.ge(above).and(high));
  };
  return search([...insides].sort((a, b) => a - b));
}

/** Whether the interface is of the side that packets go to. */
export const isOtherSide = (
  direction: 'outbound' | 'inbound',
  index: Expression<'u32'>,
  sides: Sides,
): Condition => (direction === 'inbound' ? isInside(index, sides) : index.eq(sides.outside));
