// One fresh process's share of the emission benchmark: how long the modules take to load, the first time both programs of
// an instance are built, and then the hundredth. Prints microseconds as JSON.

import process from 'node:process';

export interface Emission {
  readonly imports: number;
  /** Wall clock, and processor time of all threads: the compiler of JavaScript has some of its own. */
  readonly first: number;
  readonly firstProcessor: number;
  /** Median of the turns after the warm-up. */
  readonly warm: number;
}

const WARM_UP = 150;
const TURNS = 51;

const now = (): number => Number(process.hrtime.bigint()) / 1_000;

const begun = now();
const { datapath } = await import('../../src/nat/datapath/index.ts');
const imported = now();
const processor = process.cpuUsage();
const built = datapath({ unmapped: 'pass' });
const first = now() - imported;
const spent = process.cpuUsage(processor);
if (built.outbound.code.length === 0) throw new Error('nothing was built');

const turn = (): number => {
  const start = now();
  datapath({ unmapped: 'pass' });
  return now() - start;
};
for (let i = 0; i < WARM_UP; i++) turn();
const turns = Array.from({ length: TURNS }, turn).sort((a, b) => a - b);
const emission: Emission = {
  imports: imported - begun,
  first,
  firstProcessor: spent.user + spent.system,
  warm: turns[(TURNS - 1) / 2]!,
};
process.stdout.write(JSON.stringify(emission));
