// Helpers that go on elsewhere: tail calls (kernel/bpf/core.c), and loops over a function of the program
// (kernel/bpf/bpf_iter.c, and the for_each_elem of each map type).

import { offsetOf, regionOf } from '../core/access.ts';
import { MAX_LOOPS, type Machine } from '../core/machine.ts';
import { Region, UNINITIALISED } from '../core/region.ts';
import type { HelperModels } from '../environment.ts';
import { E2BIG, EINVAL } from '../errno.ts';
import { Trap } from '../fault.ts';
import { ProgramArray } from '../map/reference.ts';
import * as args from './arguments.ts';

const [R0, R1, R2, R3, R4] = [0, 1, 2, 3, 4];
/** Kernel's MAX_TAIL_CALL_CNT. */
const MAX_TAIL_CALLS = 33;

/** Where there is no such program, or too many came before it, execution just goes on. */
function tailCall(machine: Machine): void {
  args.anyContext(machine);
  const map = args.map(machine, 2);
  if (!(map instanceof ProgramArray)) {
    throw new Trap('ARGUMENT', `map '${map.spec.name}' of type ${map.spec.type} holds no programs`);
  }
  const code = map.at(args.u32(machine, 3));
  if (code === undefined || machine.tailCalls >= MAX_TAIL_CALLS) return;
  machine.replace(code);
}

/** A register with its tag, to be put back later. */
interface Saved {
  readonly lo: number;
  readonly hi: number;
  readonly tag: number;
}

const save = ({ lo, hi, tag }: Machine, register: number): Saved => ({
  lo: lo[register]!,
  hi: hi[register]!,
  tag: tag[register]!,
});

function restore(machine: Machine, register: number, { lo, hi, tag }: Saved): void {
  machine.lo[register] = lo;
  machine.hi[register] = hi;
  machine.tag[register] = tag;
}

function callback(machine: Machine, register: number): number {
  const region = regionOf(machine, register);
  if (region.kind === 'function' && offsetOf(machine, register, region) === 0) return region.owner as number;
  throw new Trap('ARGUMENT', `r${register} is not a function of this program`);
}

const stops = (machine: Machine): boolean => machine.lo[R0] !== 0 || machine.hi[R0] !== 0;

function loop(machine: Machine) {
  const count = args.u32(machine, 1);
  const target = callback(machine, 2);
  const context = save(machine, R3);
  if (args.u64(machine, 4) !== 0n) return args.result(machine, -EINVAL);
  if (count > MAX_LOOPS) return args.result(machine, -E2BIG);
  const next = machine.pc;
  const turn = (index: number): void => {
    machine.tag.fill(UNINITIALISED, R1, 6);
    machine.setNumber(R1, index);
    restore(machine, R2, context);
    machine.push(target, next, () => {
      if (index + 1 < count && !stops(machine)) turn(index + 1);
      else args.result(machine, index + 1);
    });
  };
  if (count === 0) args.result(machine, 0);
  else turn(0);
}

/** The result counts the elements visited, the one it stopped at too. */
function forEachMapElement(machine: Machine) {
  const map = args.map(machine, 1);
  const target = callback(machine, 2);
  const context = save(machine, R3);
  if (args.u64(machine, 4) !== 0n) return args.result(machine, -EINVAL);
  const next = machine.pc;
  const elements = map.each(machine.environment.cpu);
  let visited = 0;
  const turn = () => {
    const { done, value: element } = elements.next();
    if (done) return args.result(machine, visited);
    visited++;
    const key = new Region('memory', `a key of map '${map.spec.name}'`, element[0]);
    key.writeEnd = 0;
    machine.tag.fill(UNINITIALISED, R1, 6);
    machine.setPointer(R1, map.region, 0);
    machine.setPointer(R2, key, 0);
    machine.setPointer(R3, element[1], 0);
    restore(machine, R4, context);
    machine.push(target, next, () => {
      if (stops(machine)) args.result(machine, visited);
      else turn();
    });
  };
  turn();
}

export const FLOW_HELPERS: HelperModels<'tail_call' | 'loop' | 'for_each_map_elem'> = {
  tail_call: tailCall,
  loop,
  for_each_map_elem: forEachMapElement,
};
