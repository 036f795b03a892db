// What came of each test file on a kernel: told from the titles of a run, and kept from run to run. A whole run of a
// kernel takes long, so that it may be made in parts, and a file that failed is tried again by itself.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import process from 'node:process';
import type { Facts } from './facts.ts';
import type { TestLine } from './tap.ts';

/** Of one test file, when it was run last. */
export interface FileResult {
  readonly passed: number;
  /** Titles of those that failed. */
  readonly failed: readonly string[];
  /** Tests that this kernel is too old for. */
  readonly skipped: number;
  /** The day, as ISO 8601 writes it. */
  readonly day: string;
}

/** By test file, such as `e2e/arp`. */
export type Results = Readonly<Record<string, FileResult>>;

/** What is known of one kernel. */
export interface Known {
  readonly name: string;
  /** As `uname -r` says. */
  readonly kernel: string;
  readonly facts?: Facts;
  readonly files: Results;
}

const SEPARATOR = ' › ';
const SUFFIX = /\.test\.js$/;

/** Gives each test to its file, by the prefix that AVA puts before its title. */
export class ByFile {
  readonly #prefixes: ReadonlyMap<string, string>;
  readonly #results = new Map<string, { passed: number; failed: string[]; skipped: number }>();
  #last: string | undefined;

  /** @param files paths below the folder of tests, such as `e2e/arp.test.js` */
  constructor(files: readonly string[]) {
    const names = files.map((file) => file.replace(SUFFIX, ''));
    const common = commonFolder(names);
    // A file that runs alone has no prefix.
    this.#prefixes = new Map(
      names.map((name) => [
        name,
        names.length === 1 ? '' : `${name.slice(common.length).replaceAll('/', SEPARATOR)}${SEPARATOR}`,
      ]),
    );
  }

  take({ title, outcome }: TestLine): void {
    const name = this.#fileOf(title);
    if (name === undefined) return;
    this.#last = name;
    const result = this.#results.get(name) ?? { passed: 0, failed: [], skipped: 0 };
    this.#results.set(name, result);
    if (outcome !== 'failed') result[outcome] += 1;
    else result.failed.push(title.slice(this.#prefixes.get(name)?.length));
  }

  /** @param ended whether the run came to its end: else the file that it was at is not known */
  results(ended: boolean, day: string): Results {
    return Object.fromEntries(
      [...this.#results]
        .filter(([name]) => ended || name !== this.#last)
        .map(([name, result]) => [name, { ...result, day }]),
    );
  }

  #fileOf(title: string): string | undefined {
    const matching = [...this.#prefixes].filter(
      ([name, prefix]) => title.startsWith(prefix) || title.includes(`/${name}.test.js`),
    );
    return matching.sort(([, a], [, b]) => b.length - a.length)[0]?.[0];
  }
}

/** With its slash; empty where there is none. */
function commonFolder(names: readonly string[]): string {
  let common = `${posix.dirname(names[0] ?? '')}/`;
  while (common !== './' && !names.every((name) => name.startsWith(common))) {
    common = `${posix.dirname(common)}/`;
  }
  return common === './' ? '' : common;
}

const path = (cache: string, name: string): string => join(cache, 'results', `${name}.json`);

export function readKnown(cache: string, name: string): Known | undefined {
  const file = path(cache, name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Known) : undefined;
}

/** Adds what a run showed to what is known. Of another version of the kernel nothing is kept. */
export function remember(cache: string, found: Known, existing: ReadonlySet<string>): Known {
  const before = readKnown(cache, found.name);
  const files = { ...(before?.kernel === found.kernel ? before.files : {}), ...found.files };
  const known = {
    ...found,
    files: Object.fromEntries(Object.entries(files).filter(([name]) => existing.has(name))),
  };
  mkdirSync(join(cache, 'results'), { recursive: true });
  // Whole at once: another run, of another kernel, reads them all for its table.
  const half = `${path(cache, found.name)}.${process.pid}`;
  writeFileSync(half, `${JSON.stringify(known, null, 2)}\n`);
  renameSync(half, path(cache, found.name));
  return known;
}
