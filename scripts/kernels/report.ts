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

/** @param whole all test files there are */
export function table(kernels: readonly Known[], whole: ReadonlySet<string>): string {
  return markdown(
    HEAD,
    kernels.map((known) => {
      const { passed, failed, skipped, files } = sum(known);
      return [
        known.kernel,
        files === whole.size ? 'all' : `${files} of ${whole.size}`,
        `${passed}`,
        `${failed.length}`,
        `${skipped}`,
        known.facts === undefined ? '?' : known.facts.tcx ? 'TCX, clsact' : 'clsact',
        automatic(known),
        level(known),
        notes(known, failed, whole).join('; '),
      ];
    }),
  );
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

const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** Writes the pages anew from all that is known. */
export function publish(root: string, cache: string, whole: ReadonlySet<string>): void {
  const kernels = [...KERNELS.map(({ name }) => name), HOST]
    .map((name) => readKnown(cache, name))
    .filter((known) => known !== undefined);
  replaceBetween(join(root, 'docs', 'kernels.md'), table(kernels, whole));
  replaceBetween(join(root, 'README.md'), short(kernels, whole));
}

function short(kernels: readonly Known[], whole: ReadonlySet<string>): string {
  return markdown(
    ['kernel', 'end-to-end and loader tests', '`--hook auto`', 'ISA level'],
    kernels.map((known) => {
      const { passed, failed, files } = sum(known);
      const told = [
        `${passed} passed`,
        ...(failed.length > 0 ? [`${failed.length} failed ([which](docs/kernels.md))`] : []),
      ].join(', ');
      return [
        known.kernel,
        files === whole.size ? told : `${told}; ${files} of ${whole.size} files`,
        automatic(known),
        level(known),
      ];
    }),
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
