// Set by whoever runs the tests in an emulated machine (scripts/kernels), where everything takes thirty times as long
// and nothing about time is shown: time limits grow, and what does not depend on the kernel is saved.

import process from 'node:process';

export const EMULATED: boolean = process.env.TSNAT_EMULATED === 'yes';

/** How many times longer everything may take. */
export const PATIENCE: number = EMULATED ? 10 : 1;
