// What a run of the matrix comes to, as Markdown.

import type { Facts } from './facts.ts';

/** Of one kernel. */
export interface Outcome {
  readonly name: string;
  /** As `uname -r` says. */
  readonly kernel: string;
  readonly passed: number;
  /** Titles of those that failed. */
  readonly failed: readonly string[];
  readonly seconds: number;
  readonly facts?: Facts;
  /** Why it does not count as passed. */
  readonly problem?: string;
}

export function table(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ kernel, passed, failed, facts, problem }) => [
    kernel,
    `${passed}`,
    `${failed.length}`,
    facts === undefined ? '?' : facts.tcx ? 'TCX' : 'clsact',
    problem ?? '',
  ]);
  const head = ['kernel', 'passed', 'failed', 'hook', 'notes'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
