// Arguments that many commands have.

import type { ArgumentSpec } from '../spec.ts';

/** The name of an instance. */
export const NAME: ArgumentSpec = { name: 'NAME', offer: 'instance' };
