// The text of an lcov trace file: what geninfo(1) describes, as far as there is something to say.

/** A conditional jump. */
export interface BranchCoverage {
  readonly line: number;
  /** Whether it was executed at all. */
  readonly reached: boolean;
  /** How often it fell through, and how often it jumped. */
  readonly ways: readonly [through: number, jumped: number];
}

export interface FileCoverage {
  /** Line, from 1, to how often it was executed. */
  readonly lines: Map<number, number>;
  readonly branches: BranchCoverage[];
}

export function lcovText(files: ReadonlyMap<string, FileCoverage>, testName: string): string {
  return [...files]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, coverage]) => record(file, coverage, testName))
    .join('');
}

function record(file: string, { lines, branches }: FileCoverage, testName: string): string {
  const sorted = [...lines].toSorted(([a], [b]) => a - b);
  const executed = sorted.filter(([, count]) => count > 0).length;
  const branchLines = branches
    .toSorted((a, b) => a.line - b.line)
    .flatMap(({ line, reached, ways }, block) =>
      ways.map((count, way) => `BRDA:${line},${block},${way},${reached ? count : '-'}`),
    );
  const taken = branches.flatMap(({ ways }) => ways).filter((count) => count > 0).length;
  return [
    `TN:${testName}`,
    `SF:${file}`,
    ...branchLines,
    `BRF:${2 * branches.length}`,
    `BRH:${taken}`,
    ...sorted.map(([line, count]) => `DA:${line},${count}`),
    `LF:${sorted.length}`,
    `LH:${executed}`,
    'end_of_record',
    '',
  ].join('\n');
}
