// One fresh process's share of the emission benchmark: how long the modules take to load, the first time both programs of
// an instance are built, and then once they are warm. The argument says which instance. Prints microseconds as JSON.

import process from 'node:process';

export interface Emission {
  readonly imports: number;
  /** Wall clock, and processor time of all threads: the compiler of JavaScript has some of its own. */
  readonly first: number;
  readonly firstProcessor: number;
  /** Median of the turns after the warm-up. */
  readonly warm: number;
}

/** Turns until the compiler of JavaScript has done its part, and those that are measured; an odd number. */
const ROUNDS = { plain: { warmUp: 150, turns: 51 }, largest: { warmUp: 30, turns: 11 } };
const variant = process.argv[2] === 'largest' ? 'largest' : 'plain';
const { warmUp, turns } = ROUNDS[variant];

const now = (): number => Number(process.hrtime.bigint()) / 1_000;

const begun = now();
const { datapath } = await import('../../src/nat/datapath/index.ts');
const imported = now();
const { VARIANTS } = await import('../variants.ts');
const options = VARIANTS[variant];
const processor = process.cpuUsage();
const start = now();
const built = datapath(options);
const first = now() - start;
const spent = process.cpuUsage(processor);
if (built.outbound.code.length === 0) throw new Error('nothing was built');

const turn = (): number => {
  const begin = now();
  datapath(options);
  return now() - begin;
};
for (let i = 0; i < warmUp; i++) turn();
const samples = Array.from({ length: turns }, turn).sort((a, b) => a - b);
const emission: Emission = {
  imports: imported - begun,
  first,
  firstProcessor: spent.user + spent.system,
  warm: samples[(turns - 1) / 2]!,
};
process.stdout.write(JSON.stringify(emission));
