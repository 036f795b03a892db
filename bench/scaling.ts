// Whether it matters how many mappings there are, and how many flows: packets through a router with each number of them.
// With a million mappings each packet is of another one, far from the last, which no cache helps with; and, in a row of
// its own, of some of them that take turns.

import { interleave, type Summary } from './measure.ts';
import type { Row, Section } from './report.ts';
import { tsnat } from './traffic/contestants.ts';
import { passage } from './traffic/passage.ts';
import { type FloodOptions, Router } from './traffic/router.ts';

const MAPPINGS = [1, 4_096, 131_072, 1_048_576];
const MOST = MAPPINGS.at(-1)!;
const FLOWS = [1, 16_384, 1_048_576];
const SIZE = 64;
const TARGETS = { mappings: 0.85, flows: 0.98 };

/** Hosts that speak at a time, where not all do. */
const ACTIVE = 1_024;

type Times = ReadonlyMap<number, Summary>;
type Shape = Pick<FloodOptions, 'nearCount' | 'flows'>;

async function measure(
  rounds: number,
  packets: number,
  counts: readonly number[],
  of: (count: number) => readonly [Router, Shape],
): Promise<Times> {
  const turns = counts.map((count) => {
    const [router, shape] = of(count);
    const flood: FloodOptions = { direction: 'outbound', size: SIZE, ...shape };
    return [`${count}`, () => passage(router, packets, flood).nanoseconds] as const;
  });
  const measured = await interleave(rounds, Object.fromEntries(turns));
  return new Map(counts.map((count) => [count, measured[`${count}`]!]));
}

export async function scaling(rounds: number, packets: number): Promise<Section> {
  const routers = new Map<number, Router>();
  const undo: (() => void | Promise<void>)[] = [];
  try {
    for (const count of MAPPINGS) {
      const router = await Router.make();
      undo.unshift(() => router[Symbol.asyncDispose]());
      undo.unshift(await tsnat({ hook: 'auto' })(router.namespace, count));
      routers.set(count, router);
    }
    const mappings = await measure(rounds, packets, MAPPINGS, (count) => [
      routers.get(count)!,
      { nearCount: count, flows: 1 },
    ]);
    const flows = await measure(rounds, packets, FLOWS, (count) => [
      routers.get(1)!,
      { nearCount: 1, flows: count },
    ]);
    const some = await measure(rounds, packets, [1, MOST], (count) => [
      routers.get(count)!,
      { nearCount: Math.min(count, ACTIVE), flows: 1 },
    ]);
    return {
      title: 'Packets through a router: numbers of mappings and flows',
      rows: [
        ...rowsOf('mappings', mappings),
        ...rowsOf('mappings', some, `, of which ${ACTIVE.toLocaleString('en')} speak,`),
        ...rowsOf('flows', flows),
      ],
      data: {
        mappings: Object.fromEntries(mappings),
        some: Object.fromEntries(some),
        flows: Object.fromEntries(flows),
      },
    };
  } finally {
    for (const step of undo) await step();
  }
}

function rowsOf(what: keyof typeof TARGETS, times: Times, which = ''): Row[] {
  const counts = [...times.keys()];
  const one = times.get(1)!;
  const rate = ({ median }: Summary): string => `${(1_000 / median).toFixed(2)} Mpps`;
  return counts.slice(1).map((count) => {
    const ratio = one.median / times.get(count)!.median;
    return {
      what: `${count.toLocaleString('en')} ${what}${which} against one`,
      ours: rate(times.get(count)!),
      peer: rate(one),
      ratio: `${ratio.toFixed(2)}x`,
      better: 'more',
      ...(count === counts.at(-1) && { target: `>= ${TARGETS[what]}x`, reached: ratio >= TARGETS[what] }),
    };
  });
}
