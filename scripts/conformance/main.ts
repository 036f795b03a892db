// Runs every case of a folder and counts. Exit 1 when one failed; a case the verifier refuses has not failed.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Case, type Outcome, readCase } from './case.ts';
import { interpret } from './interpreter.ts';
import { runInKernel } from './kernel.ts';

const USAGE = `usage: npm run conformance -- [DIR]
  DIR  where the .data files lie, in folders below it too; ../shared/conformance where left out`;
/** From .build/scripts/conformance. */
const DEFAULT_FOLDER = fileURLToPath(new URL('../../../../shared/conformance', import.meta.url));

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function list(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.data'))
    .sort();
}

/** Cases, or what is wrong with the file. */
function readAll(folder: string): { readonly name: string; readonly read: Case | Error }[] {
  return list(folder).map((name) => {
    try {
      return { name, read: readCase(name, join(folder, name)) };
    } catch (error) {
      return { name, read: error instanceof Error ? error : new Error(String(error)) };
    }
  });
}

function runAll(where: string, cases: ReturnType<typeof readAll>, run: (one: Case) => Outcome) {
  const counts = { passed: 0, failed: 0, refused: 0 };
  for (const { name, read } of cases) {
    const outcome: Outcome = read instanceof Error ? { kind: 'failed', why: read.message } : run(read);
    counts[outcome.kind] += 1;
    if (outcome.kind !== 'passed') say(`${outcome.kind} ${where} ${name}: ${outcome.why}`);
  }
  return counts;
}

function main(args: readonly string[]): number {
  if (args.includes('--help')) {
    say(USAGE);
    return 0;
  }
  const [folder = DEFAULT_FOLDER, ...rest] = args;
  if (rest.length > 0 || folder.startsWith('-')) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  let cases: ReturnType<typeof readAll>;
  try {
    cases = readAll(folder);
  } catch (error) {
    process.stderr.write(`conformance: ${error instanceof Error ? error.message : error}\n`);
    return 2;
  }
  if (cases.length === 0) {
    process.stderr.write(`conformance: no .data file in ${folder}\n`);
    return 2;
  }
  const vm = runAll('interpreter', cases, interpret);
  const isRoot = process.getuid?.() === 0;
  const kernel = isRoot ? runAll('kernel', cases, runInKernel) : undefined;
  say(`interpreter: ${vm.passed} passed, ${vm.failed} failed`);
  if (kernel) say(`kernel: ${kernel.passed} passed, ${kernel.failed} failed, ${kernel.refused} refused`);
  else say('kernel: not tried, that takes root');
  return vm.failed > 0 || (kernel?.failed ?? 0) > 0 ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
