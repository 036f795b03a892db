// What got slower since an earlier run: rows of the same name in two result files, by their ratios to the peers, which
// the two runs measured each for itself. Times of two runs are not compared: the machine need not have been equally fast.

import { readFileSync } from 'node:fs';
import type { Row } from './report.ts';

/** As `save` of report.ts writes them. */
interface Results {
  readonly sections?: readonly { readonly title: string; readonly rows: readonly Row[] }[];
}

/** Differences below this are within what one run differs from the next. */
const NOTABLE = 0.1;

/** @throws Error where the file is none of this benchmark's results. */
export function readRows(path: string): ReadonlyMap<string, Row> {
  const { sections } = JSON.parse(readFileSync(path, 'utf8')) as Results;
  if (sections === undefined) throw new Error(`${path}: no results that can be compared: it has no sections`);
  return new Map(sections.flatMap(({ title, rows }) => rows.map((row) => [`${title}: ${row.what}`, row])));
}

const ratioOf = ({ ratio }: Row): number => Number.parseFloat(ratio);

/** As Markdown: everything that changed notably, worst first. */
export function comparison(before: ReadonlyMap<string, Row>, after: ReadonlyMap<string, Row>): string {
  const changes = [...after].flatMap(([what, row]) => {
    const old = before.get(what);
    const [from, to] = [old ? ratioOf(old) : Number.NaN, ratioOf(row)];
    if (old === undefined || Number.isNaN(from / to) || from === 0 || to === 0) return [];
    // How many times as good as before.
    const change = row.better === 'more' ? to / from : from / to;
    return [{ what, from, to, change }];
  });
  const notable = changes
    .filter(({ change }) => Math.abs(change - 1) > NOTABLE)
    .sort((a, b) => a.change - b.change);
  const lines = notable.map(({ what, from, to, change }) => {
    const word = change < 1 ? 'worse' : 'better';
    const percent = Math.abs((change - 1) * 100).toFixed(0);
    return `| ${what} | ${from.toFixed(2)}x | ${to.toFixed(2)}x | ${percent}% ${word} |`;
  });
  const slower = notable.filter(({ change }) => change < 1).length;
  return [
    `${changes.length} figures compared, ${slower} worse by more than ${NOTABLE * 100}%.`,
    ...(lines.length === 0 ? [] : ['', '| what | before | now | |', '|---|---:|---:|---|', ...lines]),
    '',
  ].join('\n');
}
