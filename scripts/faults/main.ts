// npm run faults: every call to the kernel that an operation makes is in turn the last one (kill -9) and one that
// fails, at both hooks; a table says what came of it. `--stride N` tries every Nth call, `--quick` every 8th,
// `--all-errors` each error at each call instead of one, `--steps FILE` writes every step with its outcome as CSV,
// and words pick operations: `npm run faults -- tcx detach`.

import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { campaign, ERRNOS, every, isTried, leaks, type Tally } from '../../test/support/fault/campaign.ts';
import { OPERATIONS } from '../../test/support/fault/operations.ts';
import { World } from '../../test/support/fault/world.ts';

const QUICK_STRIDE = '8';
const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    'all-errors': { type: 'boolean', default: false },
    stride: { type: 'string', default: '1' },
    steps: { type: 'string' },
  },
});
const stride = Number(options.quick ? QUICK_STRIDE : options.stride);

const HEADING = [
  'operation',
  'hook',
  'calls',
  'killed: packets meet old / new / between',
  'next command: old / new',
  'failed: old / new',
  'wrong',
];

const rowOf = ({ operation, hook, calls, killed, repaired, failed, faults }: Tally): string[] => [
  operation,
  hook,
  `${calls}`,
  `${killed.old} / ${killed.new} / ${killed.between}`,
  `${repaired.old} / ${repaired.new}`,
  `${failed.old} / ${failed.new}`,
  `${faults.length}`,
];

function say(row: readonly string[]): void {
  process.stdout.write(`| ${row.join(' | ')} |\n`);
}

say(HEADING);
say(HEADING.map(() => '---'));
const undo: (() => unknown)[] = [];
const world = await World.make({ teardown: (run) => undo.push(run) });
const tallies: Tally[] = [];
try {
  for (const hook of ['tcx', 'clsact'] as const) {
    for (const operation of OPERATIONS) {
      if (!words.every((word) => `${hook} ${operation.title}`.includes(word))) continue;
      if (!isTried(world, hook, operation)) continue;
      const begun = Date.now();
      const plan = {
        stepsOf: every(stride),
        errnos: Object.keys(ERRNOS),
        everyErrno: options['all-errors'],
      };
      const tally = await campaign(world, hook, operation, plan);
      tallies.push(tally);
      say(rowOf(tally));
      process.stderr.write(`${hook} ${operation.title}: ${Math.round((Date.now() - begun) / 1000)} s\n`);
    }
  }
} finally {
  for (const run of undo.reverse()) await run();
}
const left = await leaks();

if (options.steps !== undefined) {
  const lines = tallies.flatMap(({ operation, hook, steps }) =>
    steps.map(({ step, call, fault, packets = '', outcome = 'neither' }) =>
      [operation.replaceAll(',', ''), hook, step, call, fault, packets, outcome].join(','),
    ),
  );
  writeFileSync(options.steps, `operation,hook,step,call,fault,packets,outcome\n${lines.join('\n')}\n`);
}
for (const { operation, hook, faults } of tallies) {
  for (const fault of faults) process.stdout.write(`wrong: ${hook}, ${operation}: ${fault}\n`);
}
process.stdout.write(
  left.length === 0 ? 'nothing is left in the kernel\n' : `left in the kernel: ${left.join(', ')}\n`,
);
if (left.length > 0 || tallies.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
process.exit();
