// Measuring side by side: the contestants take turns, so that whatever slows the machine down slows them all, and
// what is reported is a median, its spread, and the ratio of medians.

/** Names of the contestants, the first being ours, with what one turn of each measured. */
export type Turns<T extends string> = { readonly [Name in T]: () => number | Promise<number> };

export interface Summary {
  readonly median: number;
  /** First and third quartile. */
  readonly spread: readonly [number, number];
  readonly rounds: number;
}

function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}

export function summarize(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    spread: [quantile(sorted, 0.25), quantile(sorted, 0.75)],
    rounds: samples.length,
  };
}

/** Lets all take their turn, `rounds` times, every other round the other way round; a first round is thrown away. */
export async function interleave<T extends string>(
  rounds: number,
  turns: Turns<T>,
): Promise<{ readonly [Name in T]: Summary }> {
  const names = Object.keys(turns) as T[];
  const samples = new Map<T, number[]>(names.map((name) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const value = await turns[name]();
      if (round >= 0) samples.get(name)?.push(value);
    }
  }
  return Object.fromEntries(names.map((name) => [name, summarize(samples.get(name) ?? [])])) as {
    [Name in T]: Summary;
  };
}

/** Microseconds that `run` takes. */
export function timed(run: () => void): number {
  const begun = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - begun) / 1_000;
}
