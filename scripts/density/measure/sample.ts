// Times of one thing done many times.

/** Of times, in the unit of the samples. */
export interface Sample {
  readonly p50: number;
  readonly p99: number;
  readonly least: number;
  readonly most: number;
  readonly count: number;
}

export function sampleOf(values: readonly number[]): Sample {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), least: at(0), most: at(1), count: sorted.length };
}

/** Microseconds. */
export function timedUs(run: () => void): number {
  const begun = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - begun) / 1_000;
}
