// Where chance begins. AVA loads this in front of every test file (package.json), so that what fast-check draws, and
// what a test draws by SEED, is repeated by TSNAT_SEED. CI takes the seed from the sources: the same sources are tried in
// the same way again, and every change of them with other packets.

import process from 'node:process';
import fc from 'fast-check';

/** 0 to 2^31 - 1. */
export const SEED: number = Number(process.env.TSNAT_SEED ?? Math.trunc(Math.random() * 2 ** 31));
if (!Number.isInteger(SEED)) throw new Error(`TSNAT_SEED=${process.env.TSNAT_SEED}: an integer is wanted`);

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });
