// npm run density: thousands of namespaces with the same address behind one gateway, every packet checked, and the figures
// beside those of what slots replace. See options.ts for what it takes, docs/density.md for what it found.

import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Options, readOptions, USAGE, WHOLE } from './options.ts';
import { Interrupted, Progress } from './progress.ts';
import type { Quick, Results } from './results.ts';
import { CHURN, run } from './run.ts';
import { summary } from './summary.ts';
import { sweep } from './sweep.ts';

/** From .build/scripts/density. */
const REPORT = fileURLToPath(new URL('../../../docs/density.md', import.meta.url));
const SIGNALLED = 128;
const SIGNALS: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

function read(args: readonly string[]): Options | undefined {
  try {
    return readOptions(args);
  } catch (error) {
    say(`density: ${(error as Error).message}\n${USAGE}`);
    return undefined;
  }
}

const isWhole = (results: Quick | Results): results is Results => 'peers' in results;

/** What draws is loaded only for this. */
async function write(results: Results, file: string): Promise<void> {
  const { writeReport } = await import('./report/write.ts');
  say(`written: ${writeReport(results, file).join(', ')}`);
}

async function keep(results: Quick | Results, { slots, seconds, report, data }: Options): Promise<void> {
  if (data !== undefined) writeFileSync(data, `${JSON.stringify(results, null, 2)}\n`);
  if (!isWhole(results)) return;
  const usual = slots === WHOLE.slots && seconds === WHOLE.seconds ? REPORT : undefined;
  const file = report ?? usual;
  if (file !== undefined) await write(results, file);
}

async function main(args: readonly string[]): Promise<number> {
  const options = read(args);
  if (options === undefined) return 2;
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  if (options.render !== undefined) {
    const results = JSON.parse(readFileSync(options.render, 'utf8')) as Results;
    await write(results, options.report ?? REPORT);
    return 0;
  }
  for (const what of sweep()) say(`removed what another run had left: ${what}`);
  if (options.sweep) return 0;
  const progress = new Progress();
  for (const signal of Object.keys(SIGNALS) as NodeJS.Signals[]) {
    process.on(signal, () => progress.interrupt(signal));
  }
  try {
    const { slots, seconds, peers } = options;
    const results = await run({ slots, peers, churn: { ...CHURN, seconds } }, progress);
    process.stdout.write(summary(results));
    await keep(results, options);
    return results.problems.length > 0 ? 1 : 0;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    say(`density: ${error.message}; everything is removed`);
    return SIGNALLED + (SIGNALS[error.signal] ?? 0);
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say(`density: ${(error as Error).stack}`);
  process.exitCode = 1;
}
// A part of the work that was given up half-way must not go on.
process.exit();
