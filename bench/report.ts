// What a run of the benchmark leaves behind: one JSON document, one Markdown table and plots, with the machine it ran on.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Plot } from './plots.ts';

export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  /** Ours to the peer's, and how it is to be read. */
  readonly ratio: string;
  /** Whether more of it is better, as of rates; less is, where left out. */
  readonly better?: 'more';
  /** What the project set out to reach. */
  readonly target?: string;
  readonly reached?: boolean;
}

export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
  /** Everything that was measured. */
  readonly data: unknown;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly jit: string;
  readonly clang: string;
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return 'unknown';
  }
};

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    jit: read('/proc/sys/net/core/bpf_jit_enable'),
    clang: execFileSync('clang', ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? 'unknown',
  };
}

const mark = ({ target, reached }: Row): string =>
  target === undefined ? '' : `${target}${reached === undefined ? '' : reached ? ' (reached)' : ' (missed)'}`;

export function markdown(on: Machine, sections: readonly Section[]): string {
  const lines = [
    `${on.cores} x ${on.cpu}, ${on.memoryGiB} GiB, Linux ${on.kernel}, JIT ${on.jit}, Node ${on.node}, ${on.clang}.`,
    'All figures are medians of turns taken side by side in one run; lower is better, but of rates.',
    '',
  ];
  for (const { title, rows } of sections) {
    lines.push(`### ${title}`, '', '| what | tsnat | peer | ratio | target |', '|---|---:|---:|---:|---|');
    for (const row of rows) {
      lines.push(`| ${row.what} | ${row.ours} | ${row.peer} | ${row.ratio} | ${mark(row)} |`);
    }
    lines.push('');
  }
  return lines.join('\n');
}

/** Writes the files of a run, named by its time. @returns their paths; of the plots, their folder if there are any */
export function save(
  folder: string,
  on: Machine,
  sections: readonly Section[],
  plots: readonly Plot[],
): { readonly json: string; readonly table: string; readonly pictures: string | undefined } {
  // 20261123T221502Z
  const date = new Date().toISOString().replace(/\.\d+/, '').replace(/[-:]/g, '');
  const path = (ending: string): string => join(folder, `${date}${ending}`);
  const [json, table, pictures] = [path('.json'), path('.md'), path('')];
  mkdirSync(plots.length > 0 ? pictures : folder, { recursive: true });
  writeFileSync(json, `${JSON.stringify({ machine: on, sections }, null, 2)}\n`);
  writeFileSync(table, markdown(on, sections));
  for (const { name, svg } of plots) writeFileSync(join(pictures, `${name}.svg`), svg);
  return { json, table, pictures: plots.length > 0 ? pictures : undefined };
}
