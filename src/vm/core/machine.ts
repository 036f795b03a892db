// The state of a run: registers, memory, frames, the program in hand. Plain data that the main loop, the helpers and
// whoever watches all work on; what happens is elsewhere.

import { type MapSpec, STACK_SIZE } from '../../asm/index.ts';
import { type Effects, type Environment, newEffects } from '../environment.ts';
import { Trap } from '../fault.ts';
import type { VmMap } from '../map/map.ts';
import type { Context } from '../packet/context.ts';
import type { Code, Constant } from './code.ts';
import { REGISTERS } from './operation.ts';
import { opaqueRegion, type Region, SCALAR, stackRegion, UNINITIALISED } from './region.ts';

/** Kernel's MAX_CALL_FRAMES: the program itself and seven functions deep. */
export const MAX_CALL_FRAMES = 8;
/** Kernel's BPF_MAX_LOOPS: how often the `may_goto`s of a frame let a loop go round. */
export const MAX_LOOPS: number = 8 * 1024 * 1024;
const FRAME_POINTER = 10;
const FIRST_SAVED = 6;
/** Upper half of the first pointer of a run: far from zero, from all ones and from any number a program may compute. */
const FIRST_HI = 0x0100_0000;
/** Two apart, so that a pointer just before or behind a region is not taken for a pointer into its neighbour. */
const HI_STEP = 2;

/** What happens when a function that a helper called has returned, with its result in r0. */
export type Resume = (machine: Machine) => void;

/** A function in progress, and what its caller gets back. */
export interface Frame {
  readonly stack: Region;
  readonly saved: { readonly lo: Int32Array; readonly hi: Int32Array; readonly tag: Int32Array };
  code: Code | null;
  /** The caller's next word. */
  returnTo: number;
  /** How often `may_goto` still lets it go round. */
  loops: number;
  resume: Resume | null;
}

const newFrame = (index: number): Frame => ({
  stack: stackRegion(`stack of frame ${index}`),
  saved: { lo: new Int32Array(5), hi: new Int32Array(5), tag: new Int32Array(5) },
  code: null,
  returnTo: 0,
  loops: 0,
  resume: null,
});

const NOWHERE: Region = opaqueRegion('nothing', 'nothing');
let epochs = 0;

export class Machine {
  lo: Int32Array = new Int32Array(REGISTERS);
  hi: Int32Array = new Int32Array(REGISTERS);
  /** What each register points into: a position in `regions`, or SCALAR or UNINITIALISED. */
  tag: Int32Array = new Int32Array(REGISTERS);
  readonly regions: Region[] = [NOWHERE];
  readonly frames: readonly Frame[] = Array.from({ length: MAX_CALL_FRAMES }, (_, index) => newFrame(index));
  readonly environment: Environment;
  code: Code;
  /** Word of the instruction that is next, or at fault. */
  pc = 0;
  depth = 0;
  executed = 0;
  tailCalls = 0;
  context: Context | null = null;
  effects: Effects = newEffects();
  /** Records of ring buffers that the program has to give back. */
  readonly reserved: Set<Region> = new Set();
  #epoch = 0;
  #nextHi = FIRST_HI;

  constructor(code: Code, environment: Environment) {
    this.code = code;
    this.environment = environment;
  }

  /** Forgets the last run and stands at the beginning of `code`, with nothing in the registers but r10. */
  begin(code: Code): void {
    epochs += 1;
    this.#epoch = epochs;
    this.#nextHi = FIRST_HI;
    this.regions.length = 1;
    this.context = null;
    this.effects = newEffects();
    this.reserved.clear();
    this.depth = 0;
    this.executed = 0;
    this.tailCalls = 0;
    this.pc = 0;
    for (const { stack } of this.frames) this.register(stack);
    this.tag.fill(UNINITIALISED);
    this.enter(code);
    this.#openFrame(this.frames[0]!);
  }

  /** Gives `region` a place in the address space of this run; answers its tag. */
  register(region: Region): number {
    if (region.epoch === this.#epoch) return region.tag;
    region.epoch = this.#epoch;
    region.tag = this.regions.push(region) - 1;
    this.#nextHi += HI_STEP;
    region.firstHi = this.#nextHi;
    region.hi = this.#nextHi;
    return region.tag;
  }

  /** Makes every pointer into `region` stale. */
  invalidate(region: Region): void {
    this.#nextHi += HI_STEP;
    region.hi = this.#nextHi;
  }

  /** Makes `code` the program in hand: its constants go behind the registers. */
  enter(code: Code): void {
    this.code = code;
    const size = REGISTERS + code.constants.length;
    if (this.lo.length < size) {
      this.lo = grown(this.lo, size);
      this.hi = grown(this.hi, size);
      this.tag = grown(this.tag, size);
    }
    code.constants.forEach((constant, index) => {
      this.#setConstant(REGISTERS + index, constant);
    });
  }

  #setConstant(register: number, constant: Constant): void {
    switch (constant.kind) {
      case 'number':
        this.lo[register] = constant.lo;
        this.hi[register] = constant.hi;
        this.tag[register] = SCALAR;
        return;
      case 'map':
        this.setPointer(register, this.map(constant.map).region, 0);
        return;
      case 'value':
        this.setPointer(register, this.map(constant.map).direct(), constant.offset);
        return;
      case 'function':
        this.setPointer(register, opaqueRegion('function', 'function', constant.target), 0);
    }
  }

  /** The map a program refers to. @throws Trap for one that was not given. */
  map(map: MapSpec | number): VmMap {
    const found = this.environment.mapOf(map);
    if (found) return found;
    const what = typeof map === 'number' ? `descriptor ${map}` : `'${map.name}'`;
    throw new Trap('ARGUMENT', `map ${what} is not among the maps given`);
  }

  setPointer(register: number, region: Region, offset: number): void {
    this.tag[register] = this.register(region);
    this.lo[register] = offset;
    this.hi[register] = region.hi;
  }

  setNumber(register: number, value: number): void {
    this.lo[register] = value;
    this.hi[register] = value < 0 ? -1 : 0;
    this.tag[register] = SCALAR;
  }

  setBigInt(register: number, value: bigint): void {
    this.lo[register] = Number(BigInt.asIntN(32, value));
    this.hi[register] = Number(BigInt.asIntN(32, value >> 32n));
    this.tag[register] = SCALAR;
  }

  /** A register as 64 unsigned bits. */
  bigInt(register: number): bigint {
    return (BigInt(this.hi[register]! >>> 0) << 32n) | BigInt(this.lo[register]! >>> 0);
  }

  /** After a call: r1 to r5 hold nothing any more. */
  clobber(): void {
    this.tag.fill(UNINITIALISED, 1, FIRST_SAVED);
  }

  /** Starts a function. r1 to r5 are its arguments; it finds nothing in the others. */
  push(target: number, returnTo: number, resume: Resume | null = null): void {
    if (this.depth + 1 >= MAX_CALL_FRAMES) {
      throw new Trap('STACK', `calls nested deeper than ${MAX_CALL_FRAMES} frames`);
    }
    this.depth += 1;
    const frame = this.frames[this.depth]!;
    const { lo, hi, tag } = frame.saved;
    for (let i = 0; i < 5; i++) {
      lo[i] = this.lo[FIRST_SAVED + i]!;
      hi[i] = this.hi[FIRST_SAVED + i]!;
      tag[i] = this.tag[FIRST_SAVED + i]!;
    }
    frame.code = this.code;
    frame.returnTo = returnTo;
    frame.resume = resume;
    this.tag[0] = UNINITIALISED;
    this.tag.fill(UNINITIALISED, FIRST_SAVED, FRAME_POINTER);
    this.#openFrame(frame);
    this.pc = target;
  }

  /** Ends a function: its caller's registers and program are back, but for r0 to r5. */
  pop(): void {
    const frame = this.frames[this.depth]!;
    if (frame.code !== this.code) this.enter(frame.code!);
    const { lo, hi, tag } = frame.saved;
    for (let i = 0; i < 5; i++) {
      this.lo[FIRST_SAVED + i] = lo[i]!;
      this.hi[FIRST_SAVED + i] = hi[i]!;
      this.tag[FIRST_SAVED + i] = tag[i]!;
    }
    this.clobber();
    this.invalidate(frame.stack);
    this.depth -= 1;
    this.pc = frame.returnTo;
  }

  /** Puts another program in the place of this one: of its registers only r1, the context, is left. */
  replace(code: Code): void {
    this.tailCalls += 1;
    this.enter(code);
    this.tag[0] = UNINITIALISED;
    this.tag.fill(UNINITIALISED, 2, FRAME_POINTER);
    this.#openFrame(this.frames[this.depth]!);
    this.pc = 0;
  }

  #openFrame(frame: Frame): void {
    const { stack } = frame;
    this.invalidate(stack);
    stack.bytes.fill(0);
    stack.shadow!.fill(SCALAR);
    frame.loops = MAX_LOOPS;
    this.setPointer(FRAME_POINTER, stack, STACK_SIZE);
  }
}

function grown(array: Int32Array, size: number): Int32Array {
  const larger = new Int32Array(size);
  larger.set(array);
  return larger;
}
