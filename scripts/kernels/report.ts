// What the matrix showed, as Markdown: a table to print, docs/kernels.md and the short one in the README.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOST, KERNELS } from './kernels.ts';
import { type Known, readKnown } from './record.ts';

const HEAD = [
  'kernel',
  'files',
  'passed',
  'failed',
  'left out',
  'hooks tried',
  '`auto` takes',
  'ISA level',
  'notes',
];

const SHORT_HEAD = ['kernel', 'end-to-end and loader tests', '`--hook auto`', 'ISA level'];

/** @param whole all test files there are */
export function table(kernels: readonly Known[], whole: ReadonlySet<string>): string {
  return [...heading(HEAD), ...kernels.map((known) => row(known, whole))].join('\n');
}

function row(known: Known, whole: ReadonlySet<string>): string {
  const { passed, failed, skipped, files } = sum(known);
  return line([
    known.kernel,
    files === whole.size ? 'all' : `${files} of ${whole.size}`,
    `${passed}`,
    `${failed.length}`,
    `${skipped}`,
    known.facts === undefined ? '?' : known.facts.tcx ? 'TCX, clsact' : 'clsact',
    automatic(known),
    level(known),
    notes(known, failed, whole).join('; '),
  ]);
}

function shortRow(known: Known, whole: ReadonlySet<string>): string {
  const { passed, failed, files } = sum(known);
  const told = [
    `${passed} passed`,
    ...(failed.length > 0 ? [`${failed.length} failed ([which](docs/kernels.md))`] : []),
  ].join(', ');
  return line([
    known.kernel,
    files === whole.size ? told : `${told}; ${files} of ${whole.size} files`,
    automatic(known),
    level(known),
  ]);
}

function sum({ files }: Known): { passed: number; failed: string[]; skipped: number; files: number } {
  const all = Object.entries(files);
  return {
    passed: all.reduce((count, [, { passed }]) => count + passed, 0),
    failed: all.flatMap(([name, { failed }]) => failed.map((title) => `${name}: ${title}`)),
    skipped: all.reduce((count, [, { skipped }]) => count + skipped, 0),
    files: all.length,
  };
}

const automatic = ({ facts }: Known): string => (facts === undefined ? '?' : facts.tcx ? 'TCX' : 'clsact');
const level = ({ facts }: Known): string => (facts === undefined ? '?' : `${facts.isa.level}`);

/** More files than these are not named. */
const MOST_NAMES = 8;

function notes(
  { name, facts, files }: Known,
  failed: readonly string[],
  whole: ReadonlySet<string>,
): string[] {
  const missing = [...whole].filter((file) => files[file] === undefined);
  const days = [...new Set(Object.values(files).map(({ day }) => day))].sort();
  return [
    days.length > 1 ? `${days[0]} to ${days.at(-1)}` : `${days[0] ?? 'never'}`,
    ...failed,
    ...(missing.length === 0 || missing.length > MOST_NAMES ? [] : [`not run: ${missing.join(', ')}`]),
    ...(name === HOST ? ['the machine itself, no guest'] : []),
    ...(facts?.isa.fetch === false ? ['no atomics that fetch; maps count against RLIMIT_MEMLOCK'] : []),
  ];
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const heading = (head: readonly string[]): string[] => [line(head), line(head.map(() => '---'))];

/** Writes into the pages what is known; of a kernel that has not been tried here they keep what they say. */
export function publish(root: string, cache: string, whole: ReadonlySet<string>): void {
  const tried = [...KERNELS.map(({ name }) => name), HOST].map((name) => ({
    name,
    known: readKnown(cache, name),
  }));
  const write = (page: string, head: readonly string[], rowOf: typeof row): void =>
    replaceBetween(join(root, page), (old) => {
      const rows = tried.map(({ name, known }) =>
        known === undefined ? old.find((line) => isRowOf(name, line)) : rowOf(known, whole),
      );
      return [...heading(head), ...rows.filter((row) => row !== undefined)];
    });
  write('docs/kernels.md', HEAD, row);
  write('README.md', SHORT_HEAD, shortRow);
}

const [BEGIN, END] = ['<!-- kernels: written by npm run kernels -->', '<!-- end of kernels -->'];

/** The rest of a page is written by people. */
function replaceBetween(page: string, linesOf: (old: readonly string[]) => readonly string[]): void {
  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${page}: no '${BEGIN}' and '${END}' behind it`);
  const lines = linesOf(text.slice(from, to).split('\n')).join('\n');
  writeFileSync(page, `${text.slice(0, from + BEGIN.length)}\n${lines}\n${text.slice(to)}`);
}

/** Guests have Debian's cloud kernels, whose names say so. */
function isRowOf(name: string, row: string): boolean {
  const isGuest = /^\| \S+-cloud-/.test(row);
  return name === HOST ? !isGuest && /^\| \d/.test(row) : isGuest && row.startsWith(`| ${name}.`);
}
