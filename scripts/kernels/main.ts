// Runs the end-to-end tests in each kernel and says what came of it; docs/kernels.md and the README's table are
// written with it.

import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { release } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { fetchKernel, filesUnder } from './archive.ts';
import type { Facts } from './facts.ts';
import { runGuest } from './guest.ts';
import { HOST, KERNELS, type Kernel } from './kernels.ts';
import { orderedModules } from './modules.ts';
import { ByFile, type Known, remember } from './record.ts';
import { publish, table } from './report.ts';
import { TapReader } from './tap.ts';
import { packCheckout, packTools } from './userland.ts';

const USAGE = `usage: npm run kernels -- [KERNEL...] [TEST...]
  KERNEL  ${[...KERNELS.map(({ name }) => name), HOST].join(', ')}; all of them where left out
  TEST    part of a test file's path, such as e2e/ping; e2e, rfc and loader where left out
  --quick    ping, TCP, UDP, attach, replace, counters, hooks, maps and instructions, instead of everything
  --verbose  every line that the tests and the guest's kernel say`;
/** From .build/scripts/kernels. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CACHE = join(ROOT, '.cache', 'kernels');
const TESTS = '.build/test';
/** What the pages are about. */
const WHOLE = ['e2e/', 'rfc/', 'loader/'];
/** Emulates machines of its own, which has no end in one that is emulated. */
const LEFT_OUT = ['e2e/micro-vm.'];
/** One of everything that differs between kernels; a third of the time. */
const QUICK = [
  ...['attach', 'counters', 'ping', 'replace', 'tcp', 'udp'].map((name) => `e2e/${name}.`),
  ...['isa', 'map', 'program', 'hook/clsact', 'hook/ordered', 'hook/xdp'].map((name) => `loader/${name}.`),
];
/** Of one guest: a part of the tests takes half an hour where nobody else is at work. */
const TIMEOUT_SECONDS = 2 * 60 * 60;
/** See test/support/emulation.ts. */
const IN_GUESTS = 'TSNAT_EMULATED=yes NODE_OPTIONS=--require=/flags.cjs';
/** Machine code that V8 makes has to be translated again by the emulator: interpreted, it is twice as fast. */
const FLAGS = `for (const flag of ['--no-opt', '--no-sparkplug']) require('node:v8').setFlagsFromString(flag);`;

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** What came of a run. */
interface Outcome {
  readonly known: Known;
  readonly passed: number;
  /** Titles of those that failed. */
  readonly failed: readonly string[];
  readonly skipped: number;
  readonly seconds: number;
  /** Whether the run came to its end. */
  readonly ended: boolean;
  /** Why it does not count as passed. */
  readonly problem?: string;
}

/** Test files whose path has one of the patterns in it. */
function testFiles(patterns: readonly string[]): string[] {
  return filesUnder(join(ROOT, TESTS))
    .filter((file) => file.endsWith('.test.js'))
    .map((file) => relative(ROOT, file))
    .filter((file) => patterns.some((pattern) => relative(TESTS, file).includes(pattern)))
    .filter((file) => !LEFT_OUT.some((pattern) => relative(TESTS, file).includes(pattern)))
    .sort();
}

/** Names of all the files that the pages are about. */
const whole = (): ReadonlySet<string> =>
  new Set(
    testFiles(WHOLE)
      .map((file) => relative(TESTS, file))
      .filter((file) => WHOLE.some((folder) => file.startsWith(folder)))
      .map((file) => file.replace(/\.test\.js$/, '')),
  );

const script = (files: readonly string[], settings: string, options = ''): string => `
cd ${ROOT} || exit 125
export CI=true NO_COLOR=1 ${settings}
${process.execPath} .build/scripts/kernels/facts.js || exit 125
exec ${process.execPath} node_modules/ava/entrypoints/cli.mjs --tap --timeout=30m ${options} ${files.join(' ')}
`;

/** What the lines of a run come to, and the progress shown meanwhile. */
class Run {
  readonly #reader = new TapReader();
  readonly #name: string;
  readonly #verbose: boolean;
  readonly #files: ByFile;
  #facts: Facts | undefined;
  readonly #started = Date.now();

  constructor(name: string, files: readonly string[], verbose: boolean) {
    this.#name = name;
    this.#files = new ByFile(files.map((file) => relative(TESTS, file)));
    this.#verbose = verbose;
  }

  line(text: string): void {
    if (text.startsWith('FACTS ')) this.#facts = JSON.parse(text.slice('FACTS '.length)) as Facts;
    const test = this.#reader.line(text);
    if (test !== undefined) this.#files.take(test);
    if (this.#verbose || test?.outcome === 'failed') say(`${this.#name}, ${this.#seconds} s: ${text}`);
    else if (test) this.#progress(test.title);
  }

  get #seconds(): number {
    return Math.round((Date.now() - this.#started) / 1000);
  }

  #progress(title: string): void {
    const { passed, failed } = this.#reader.count;
    const line = `${this.#name}: ${passed} passed, ${failed.length} failed, ${this.#seconds} s: ${title}`;
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line.slice(0, process.stderr.columns - 1)}`);
  }

  outcome(kernel: string, status: number | undefined): Outcome {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    const { passed, failed, skipped, ended } = this.#reader.count;
    return {
      known: {
        name: this.#name,
        kernel,
        ...(this.#facts === undefined ? {} : { facts: this.#facts }),
        files: this.#files.results(ended, new Date().toISOString().slice(0, 10)),
      },
      passed,
      failed,
      skipped: skipped.length,
      ended,
      seconds: this.#seconds,
      // A run that broke off before its count has proved nothing.
      ...(status === 0 && ended && passed > 0 ? {} : { problem: problemOf(status, ended, failed.length) }),
    };
  }
}

function problemOf(status: number | undefined, ended: boolean, failed: number): string {
  if (status === undefined) return 'the guest did not come to an end';
  if (!ended) return `the run broke off, status ${status}`;
  return failed > 0 ? `${failed} failed` : `status ${status}`;
}

async function inGuest(kernel: Kernel, files: readonly string[], verbose: boolean): Promise<Outcome> {
  const fetched = fetchKernel(kernel, CACHE);
  const tools = packTools(CACHE);
  const checkout = join(CACHE, `checkout-${process.pid}.cpio`);
  try {
    packCheckout(ROOT, checkout);
    const run = new Run(kernel.name, files, verbose);
    say(`${kernel.name}: booting ${fetched.version}`);
    const result = await runGuest({
      vmlinuz: fetched.vmlinuz,
      modules: orderedModules(fetched.modules),
      archives: [tools, checkout],
      command:
        `echo "${FLAGS}" >/flags.cjs\n` +
        script(files, `${IN_GUESTS} TSNAT_KERNEL=${kernel.name}`, '--concurrency=1'),
      folder: CACHE,
      timeoutSeconds: TIMEOUT_SECONDS,
      onLine: (text) => run.line(text),
    });
    if (verbose || result.status === undefined || result.status === 125) say(result.console);
    else
      for (const line of result.console.match(/^.*(Oops|BUG:|WARNING:|Out of memory).*$/gm) ?? []) say(line);
    return expected(run.outcome(result.release || fetched.version, result.status), kernel);
  } finally {
    rmSync(checkout, { force: true });
  }
}

/** A kernel that has something else than it should has shown nothing about what it should have. */
function expected(outcome: Outcome, { tcx, isa }: Kernel): Outcome {
  const { problem, known } = outcome;
  const { facts } = known;
  if (facts === undefined || problem !== undefined) return outcome;
  const nothing = { ...outcome, known: { ...known, files: {} } };
  if (facts.tcx !== tcx) return { ...nothing, problem: `TCX: ${facts.tcx}, expected ${tcx}` };
  if (facts.isa.level === isa) return outcome;
  return { ...nothing, problem: `ISA level ${facts.isa.level}, expected ${isa}` };
}

async function onHost(files: readonly string[], verbose: boolean): Promise<Outcome> {
  const run = new Run(HOST, files, verbose);
  const child = spawn('bash', ['-c', script(files, '')], { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: child.stdout }).on('line', (line) => run.line(line));
  const status = await new Promise<number | undefined>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? undefined));
  });
  const outcome = run.outcome(release().replace(/-.*/, ''), status);
  // Several files run at once: of a run that broke off it is not known which of them were whole.
  return outcome.ended ? outcome : { ...outcome, known: { ...outcome.known, files: {} } };
}

/** One kernel that cannot be had does not keep the others from being tried. */
const broken =
  (name: string) =>
  (error: unknown): Outcome => ({
    known: { name, kernel: name, files: {} },
    passed: 0,
    failed: [],
    skipped: 0,
    ended: false,
    seconds: 0,
    problem: error instanceof Error ? error.message : String(error),
  });

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const verbose = args.includes('--verbose');
  const quick = args.includes('--quick');
  const words = args.filter((word) => word !== '--verbose' && word !== '--quick');
  const names = [...KERNELS.map(({ name }) => name), HOST];
  const wanted = words.filter((word) => names.includes(word));
  const patterns = words.filter((word) => !names.includes(word));
  const unknown = patterns.find((word) => /^-|^\d+\.\d+$/.test(word));
  const files = testFiles(patterns.length > 0 ? patterns : quick ? QUICK : WHOLE);
  if (unknown !== undefined || files.length === 0) {
    say(`${unknown ?? patterns.join(', ')}: neither a kernel nor part of a test file's name\n${USAGE}`);
    return 2;
  }
  mkdirSync(CACHE, { recursive: true });
  const outcomes: Outcome[] = [];
  const existing = whole();
  for (const name of wanted.length > 0 ? wanted : names) {
    const kernel = KERNELS.find((one) => one.name === name);
    const outcome = await (kernel ? inGuest(kernel, files, verbose) : onHost(files, verbose)).catch(
      broken(name),
    );
    outcomes.push(outcome);
    if (Object.keys(outcome.known.files).length > 0) {
      remember(CACHE, outcome.known, existing);
      publish(ROOT, CACHE, existing);
    }
    const { passed, failed, skipped, seconds, problem } = outcome;
    say(
      `${name}: ${passed} passed, ${failed.length} failed, ${skipped} left out, ${seconds} s${problem ? `: ${problem}` : ''}`,
    );
  }
  process.stdout.write(
    `${table(
      outcomes.map(({ known }) => known),
      existing,
    )}\n`,
  );
  return outcomes.every(({ problem }) => problem === undefined) ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
