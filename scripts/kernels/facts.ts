// Runs in a guest: what this kernel has, as one line of JSON.

import process from 'node:process';
import { hasTcx, type IsaSupport, probeIsa } from '../../src/loader/index.ts';

/** Linux gives every network namespace its loopback as the first interface. */
const LOOPBACK = 1;

export interface Facts {
  readonly tcx: boolean;
  readonly isa: IsaSupport;
}

const facts: Facts = { tcx: hasTcx(LOOPBACK), isa: probeIsa() };
process.stdout.write(`FACTS ${JSON.stringify(facts)}\n`);
