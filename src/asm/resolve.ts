// Labels to distances. A jump that its 16 bits do not reach becomes a `gotol` (32 bits, since Linux 6.6), a conditional
// one a jump around a `gotol`; everything behind it moves, so distances are taken again until nothing changes. Distances
// given as numbers move along with what they point at.

import { unitsOf } from './encoding.ts';
import { MAX_S16, MAX_S32, MIN_S16, MIN_S32 } from './instruction/base.ts';
import { LD_IMM64 } from './instruction/wide.ts';
import { type Instruction, type Item, ja, ja32, type Label } from './instruction.ts';
import { CALL, CLASS, CLASS_MASK, JMP, OPERATION_MASK, PSEUDO, SOURCE_MASK } from './isa.ts';
import { BuildError } from './source.ts';

/** Instructions with all distances filled in, and where everything stands, in 8-byte units. */
export interface Resolved {
  readonly instructions: readonly Instruction[];
  readonly places: ReadonlyMap<Label, number>;
  /** The same for one label that is placed. */
  readonly placeOf: (label: Label) => number;
}

/** How an instruction says where it goes. */
type Reach =
  /** `goto`: the offset, or the immediate of the `gotol` it can become. */
  | 'goto'
  /** A conditional jump: the offset only. */
  | 'conditional'
  /** `gotol`, local call, address of a function: the immediate. */
  | 'far';

/**
 * Rounds of lengthening in which only what must be is made long. Two or three do; but jumps can be arranged so that each
 * makes just one other too far, and then it would take as many rounds as there are jumps: the rest goes at once.
 */
const PATIENCE = 50;

interface Branch {
  readonly index: number;
  readonly reach: Reach;
  /** Index of the instruction it goes to; undefined for a distance that leads to none. */
  readonly to: number | undefined;
  long: boolean;
}

/**
 * Fills in the distances of `items`.
 *
 * @param options `gotol: false` for kernels before 6.6: a jump that is too far is then an error.
 * @throws BuildError for a label that is placed twice or nowhere (`LABEL`), or a jump out of reach (`JUMP_TOO_FAR`).
 */
export function resolveJumps(items: readonly Item[], options: { readonly gotol?: boolean } = {}): Resolved {
  const instructions: Instruction[] = [];
  const indices = new Map<Label, number>();
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!;
    if (!('place' in item)) instructions.push(item);
    else if (!indices.has(item.place)) indices.set(item.place, instructions.length);
    else throw new BuildError('LABEL', `label ${item.place.name} is placed twice`, undefined);
  }
  const sizes: number[] = [];
  for (let i = 0; i < instructions.length; i++) sizes.push(unitsOf(instructions[i]!));
  let starts = startsOf(sizes);
  const branches = branchesOf(instructions, starts, indices);
  const gotol = options.gotol ?? true;
  for (let round = 1; lengthen(branches, instructions, starts, sizes, gotol, round > PATIENCE); round++) {
    starts = startsOf(sizes);
  }
  return {
    instructions: finish(instructions, branches, starts, sizes),
    get places(): ReadonlyMap<Label, number> {
      return new Map(Array.from(indices, ([label, index]) => [label, starts[index]!]));
    },
    placeOf: (label) => starts[indices.get(label)!]!,
  };
}

/** Where each instruction starts, and behind them where the program ends. */
function startsOf(sizes: readonly number[]): number[] {
  const starts = [0];
  for (let i = 0; i < sizes.length; i++) starts.push(starts[i]! + sizes[i]!);
  return starts;
}

function branchesOf(
  instructions: readonly Instruction[],
  starts: readonly number[],
  indices: ReadonlyMap<Label, number>,
): Branch[] {
  let byUnit: Map<number, number> | undefined;
  const branches: Branch[] = [];
  for (let index = 0; index < instructions.length; index++) {
    const instruction = instructions[index]!;
    const reach = reachOf(instruction);
    if (reach === undefined) continue;
    const { target, site } = instruction;
    let to: number | undefined;
    if (target) {
      to = indices.get(target);
      if (to === undefined)
        throw new BuildError('LABEL', `jump to label ${target.name}, which is placed nowhere`, site);
    } else {
      byUnit ??= new Map(starts.map((unit, i) => [unit, i]));
      to = byUnit.get(starts[index]! + 1 + distanceOf(instruction, reach));
    }
    branches.push({ index, reach, to, long: false });
  }
  return branches;
}

function reachOf({ opcode, src }: Instruction): Reach | undefined {
  if (opcode === LD_IMM64) return src === PSEUDO.FUNC ? 'far' : undefined;
  const instructionClass = opcode & CLASS_MASK;
  if (instructionClass !== CLASS.JMP && instructionClass !== CLASS.JMP32) return undefined;
  const operation = opcode & OPERATION_MASK;
  const is64 = instructionClass === CLASS.JMP;
  if (operation === JMP.EXIT) return undefined;
  if (operation === JMP.CALL)
    return opcode === (CLASS.JMP | JMP.CALL) && src === CALL.LOCAL ? 'far' : undefined;
  if (operation !== JMP.JA) return 'conditional';
  if ((opcode & SOURCE_MASK) !== 0) return undefined;
  return is64 ? 'goto' : 'far';
}

function distanceOf({ opcode, offset, imm, wide }: Instruction, reach: Reach): number {
  if (opcode === LD_IMM64) return Number(BigInt.asIntN(32, wide ?? 0n));
  return reach === 'far' ? imm : offset;
}

/** Makes the jumps long that do not reach. Whether that moved anything. */
function lengthen(
  branches: readonly Branch[],
  instructions: readonly Instruction[],
  starts: readonly number[],
  sizes: number[],
  gotol: boolean,
  all: boolean,
): boolean {
  let moved = false;
  for (let i = 0; i < branches.length; i++) {
    const branch = branches[i]!;
    const { index, reach, to, long } = branch;
    if (long || reach === 'far' || to === undefined) continue;
    const distance = starts[to]! - (starts[index]! + 1);
    if (distance >= MIN_S16 && distance <= MAX_S16 && !all) continue;
    const instruction = instructions[index]!;
    if (!gotol) {
      const message = `jump of ${distance} instructions: at most ${MAX_S16} without gotol`;
      throw new BuildError('JUMP_TOO_FAR', message, instruction.site);
    }
    branch.long = true;
    if (reach === 'goto') continue;
    sizes[index] = inverted(instruction) ? 2 : 3;
    moved = true;
  }
  return moved;
}

function finish(
  instructions: readonly Instruction[],
  branches: readonly Branch[],
  starts: readonly number[],
  sizes: readonly number[],
): Instruction[] {
  const moved = branches.some(({ long, reach }) => long && reach === 'conditional');
  const finished: Instruction[] = [];
  let from = 0;
  for (let i = 0; i < branches.length; i++) {
    const { index, reach, to, long } = branches[i]!;
    for (; from < index; from++) finished.push(instructions[from]!);
    from = index + 1;
    const instruction = instructions[index]!;
    if (!instruction.target && !moved) {
      finished.push(instruction);
      continue;
    }
    if (to === undefined) throw lost(instruction, reach);
    const last = starts[index]! + (long ? sizes[index]! : 1);
    const distance = starts[to]! - last;
    // Nearly all are of this kind.
    if (reach !== 'far' && !long) finished.push(near(instruction, distance));
    else finished.push(...reaching(instruction, reach, distance));
  }
  for (; from < instructions.length; from++) finished.push(instructions[from]!);
  return finished;
}

function lost(instruction: Instruction, reach: Reach): BuildError {
  const distance = distanceOf(instruction, reach);
  const message = `jump of ${distance} units leads to no instruction, and cannot follow when others are lengthened`;
  return new BuildError('JUMP_TARGET', message, instruction.site);
}

/** The label is done with: the text of what is resolved shows the distance. */
function near({ opcode, dst, src, imm, site }: Instruction, distance: number): Instruction {
  return site
    ? { opcode, dst, src, offset: distance, imm, site }
    : { opcode, dst, src, offset: distance, imm };
}

/** A far or lengthened `instruction` with its distance; more than one where it is conditional. */
function reaching(instruction: Instruction, reach: Reach, distance: number): Instruction[] {
  if (distance < MIN_S32 || distance > MAX_S32) {
    throw new BuildError('JUMP_TOO_FAR', `jump of ${distance} instructions`, instruction.site);
  }
  const { target: _, ...rest } = instruction;
  if (instruction.opcode === LD_IMM64) {
    const high = ((instruction.wide ?? 0n) >> 32n) << 32n;
    return [{ ...rest, wide: high | BigInt.asUintN(32, BigInt(distance)) }];
  }
  if (reach === 'far') return [{ ...rest, imm: distance }];
  const { site } = instruction;
  const at = <T extends Instruction>(made: T): T => (site ? { ...made, site } : made);
  const far = at(ja32(distance));
  if (reach === 'goto') return [far];
  const opposite = inverted(instruction);
  return opposite ? [opposite, far] : [{ ...rest, offset: 1 }, at(ja(1)), far];
}

const OPPOSITES: ReadonlyMap<number, number> = new Map(
  [
    [JMP.JEQ, JMP.JNE],
    [JMP.JGT, JMP.JLE],
    [JMP.JGE, JMP.JLT],
    [JMP.JSGT, JMP.JSLE],
    [JMP.JSGE, JMP.JSLT],
  ].flatMap(([a, b]): [number, number][] => [
    [a!, b!],
    [b!, a!],
  ]),
);

/** The jump over one instruction under the opposite condition; undefined where there is none (JSET, may_goto). */
function inverted(instruction: Instruction): Instruction | undefined {
  const { target: _, opcode, ...rest } = instruction;
  const operation = OPPOSITES.get(opcode & OPERATION_MASK);
  if (operation === undefined) return undefined;
  return { ...rest, opcode: (opcode & ~OPERATION_MASK) | operation, offset: 1 };
}
