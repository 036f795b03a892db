// Instructions after which execution goes on elsewhere: calls of helpers, of functions, through registers, exit,
// `may_goto`, and the legacy packet loads, which end the program where they fail.

import { Trap } from '../fault.ts';
import { offsetOf } from './access.ts';
import { legacyLoad } from './legacy.ts';
import type { Machine } from './machine.ts';
import { CONTROL } from './operation.ts';
import { requireValue } from './pointer.ts';
import { SCALAR, UNINITIALISED } from './region.ts';

const R0 = 0;

/**
 * Carries one of them out. `machine.pc` is the next instruction on the way in, and where to go on the way out.
 *
 * @returns whether the program has come to its end
 */
export function control(machine: Machine, operation: number, d: number, s: number, extra: number): boolean {
  switch (operation) {
    case CONTROL.HELPER:
      callHelper(machine, extra);
      return false;
    case CONTROL.LOCAL:
      machine.push(extra, machine.pc);
      return false;
    case CONTROL.KFUNC:
      callKfunc(machine, extra);
      return false;
    case CONTROL.REGISTER:
      callRegister(machine, s);
      return false;
    case CONTROL.EXIT:
      return exit(machine);
    case CONTROL.MAY_GOTO: {
      const frame = machine.frames[machine.depth]!;
      if (frame.loops === 0) machine.pc = extra;
      else frame.loops -= 1;
      return false;
    }
    default:
      return legacyLoad(machine, d, s, extra) ? false : returnZero(machine);
  }
}

function exit(machine: Machine): boolean {
  requireValue(machine, R0);
  if (machine.depth === 0) return true;
  const { resume } = machine.frames[machine.depth]!;
  machine.pop();
  resume?.(machine);
  return false;
}

/** A legacy load that fails ends its function. */
function returnZero(machine: Machine): boolean {
  machine.setNumber(R0, 0);
  return exit(machine);
}

/** Calls helper `id`. r1 to r5 are gone afterwards, r0 is the result where there is one. */
export function callHelper(machine: Machine, id: number): void {
  const model = machine.environment.helpers.get(id);
  if (model === undefined) throw machine.environment.unknownHelper(id);
  machine.tag[R0] = UNINITIALISED;
  const { depth, tailCalls } = machine;
  model(machine);
  // A helper that called into the program, or left it, has laid out the registers itself.
  if (machine.depth === depth && machine.tailCalls === tailCalls) machine.clobber();
}

function callKfunc(machine: Machine, id: number): void {
  const model = machine.environment.kfuncs.get(id);
  if (model === undefined) throw new Trap('HELPER', `kernel function ${id} is not modelled`);
  machine.tag[R0] = UNINITIALISED;
  model(machine);
  machine.clobber();
}

/** A pointer to a function is called; a number is taken for a helper's. */
function callRegister(machine: Machine, register: number): void {
  requireValue(machine, register);
  const tag = machine.tag[register]!;
  if (tag === SCALAR) {
    callHelper(machine, machine.hi[register] === 0 ? machine.lo[register]! : -1);
    return;
  }
  const region = machine.regions[tag]!;
  if (region.kind !== 'function' || offsetOf(machine, register, region) !== 0) {
    throw new Trap('POINTER', `r${register} points to ${region.name}, which cannot be called`);
  }
  machine.push(region.owner as number, machine.pc);
}
