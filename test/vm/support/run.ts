// Small programs in the interpreter.

import type { ExecutionContext } from 'ava';
import { assemble, type Item, type Program } from '../../../src/asm/index.ts';
import {
  type FaultCode,
  type PacketInput,
  type RunResult,
  Vm,
  VmFault,
  type VmOptions,
} from '../../../src/vm/index.ts';

export const tc = (items: readonly Item[]): Program => assemble({ name: 'test', type: 'sched_cls' }, items);
export const xdp = (items: readonly Item[]): Program => assemble({ name: 'test', type: 'xdp' }, items);

/** r0 of a program that is given memory. */
export const r0 = (items: readonly Item[], memory?: Uint8Array): bigint =>
  new Vm(xdp(items)).runMemory(memory).r0;

export const run = (program: Program, input: PacketInput, options: VmOptions = {}): RunResult =>
  new Vm(program, options).run(input);

/** The action is stopped by this fault. @returns it */
export function faults(
  t: ExecutionContext,
  action: () => unknown,
  code: FaultCode,
  message: RegExp,
  what?: string,
): VmFault | undefined {
  const fault = t.throws(action, { instanceOf: VmFault, message }, what);
  t.is(fault?.code, code, what);
  return fault;
}
