// What the matrix showed, as Markdown: a table to print, docs/kernels.md and the short one in the README. Results of
// single kernels are kept, so that the page has the last whole run of each.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Facts } from './facts.ts';
import { HOST, KERNELS } from './kernels.ts';

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
  /** Whether only the quick ones were run. */
  readonly quick?: boolean;
  /** Why it does not count as passed. */
  readonly problem?: string;
}

const HEAD = ['kernel', 'passed', 'failed', 'hooks tried', '`auto` takes', 'ISA level', 'notes'];

export function table(outcomes: readonly Outcome[]): string {
  return markdown(
    HEAD,
    outcomes.map((outcome) => [
      outcome.kernel,
      `${outcome.passed}`,
      `${outcome.failed.length}`,
      hooks(outcome),
      automatic(outcome),
      outcome.facts ? `${outcome.facts.isa.level}` : '?',
      notes(outcome).join('; '),
    ]),
  );
}

const hooks = ({ facts }: Outcome): string =>
  facts === undefined ? '?' : facts.tcx ? 'TCX, clsact' : 'clsact';
const automatic = ({ facts }: Outcome): string => (facts === undefined ? '?' : facts.tcx ? 'TCX' : 'clsact');

function notes({ name, facts, problem, failed, quick }: Outcome): string[] {
  return [
    ...(quick ? ['the quick ones only'] : []),
    ...(problem === undefined ? [] : [problem, ...failed]),
    ...(name === HOST ? ['the machine itself, no guest'] : []),
    ...(facts?.isa.fetch === false ? ['no atomics that fetch; maps count against RLIMIT_MEMLOCK'] : []),
  ];
}

const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** Remembers what came of a kernel, and writes the pages anew from all that is remembered. */
export function publish(outcome: Outcome, root: string, cache: string): void {
  const folder = join(cache, 'results');
  mkdirSync(folder, { recursive: true });
  const file = (name: string): string => join(folder, `${name}.json`);
  writeFileSync(file(outcome.name), `${JSON.stringify(outcome, null, 2)}\n`);
  const outcomes = [...KERNELS.map(({ name }) => name), HOST]
    .filter((name) => existsSync(file(name)))
    .map((name) => JSON.parse(readFileSync(file(name), 'utf8')) as Outcome);
  replaceBetween(join(root, 'docs', 'kernels.md'), table(outcomes));
  replaceBetween(join(root, 'README.md'), short(outcomes));
}

function short(outcomes: readonly Outcome[]): string {
  return markdown(
    ['kernel', 'end-to-end and loader tests', '`--hook auto`', 'ISA level'],
    outcomes.map((outcome) => [
      outcome.kernel,
      outcome.problem ?? `${outcome.passed} passed${outcome.quick ? ' (quick)' : ''}`,
      automatic(outcome),
      outcome.facts ? `${outcome.facts.isa.level}` : '?',
    ]),
  );
}

const [BEGIN, END] = ['<!-- kernels: written by npm run kernels -->', '<!-- end of kernels -->'];

/** The rest of a page is written by people. */
function replaceBetween(page: string, text: string): void {
  const old = readFileSync(page, 'utf8');
  const [from, to] = [old.indexOf(BEGIN), old.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${page}: no '${BEGIN}' and '${END}' behind it`);
  writeFileSync(page, `${old.slice(0, from + BEGIN.length)}\n${text}\n${old.slice(to)}`);
}
