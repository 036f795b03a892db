// Programs that must not be built, by what is wrong with them. Each ends in the line that is at fault, marked with the code
// of the error.

import type { TcBuilder } from '../../../src/asm/index.ts';
import { CALL_MISTAKES } from './mistakes/calls.ts';
import { ENDLESS, FLOW_MISTAKES } from './mistakes/flow.ts';
import { VALUE_MISTAKES } from './mistakes/values.ts';

export const MISTAKES: { readonly [what: string]: (p: TcBuilder) => void } = {
  ...VALUE_MISTAKES,
  ...FLOW_MISTAKES,
  ...CALL_MISTAKES,
};
export { ENDLESS };
