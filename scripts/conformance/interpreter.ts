// A case in the interpreter.

import { assemble } from '../../src/asm/index.ts';
import { Vm } from '../../src/vm/index.ts';
import { type Case, judge, judgeError, type Outcome, programOf } from './case.ts';

export function interpret(one: Case): Outcome {
  try {
    const program = assemble({ name: 'conformance', type: 'xdp' }, programOf(one));
    return judge(one, new Vm(program).runMemory(one.mem?.slice()).r0);
  } catch (error) {
    return judgeError(one, error, 'failed');
  }
}
