// A decoded program: fixed-width words for the main loop, and the constants its instructions refer to. Constants stand
// behind the registers, so that an immediate is just one more register to read from.

import type { MapSpec, Program } from '../../asm/index.ts';
import { FAMILY, OPERATION_SHIFT, REGISTERS, STRIDE } from './operation.ts';

/** What an instruction reads that is in no register. */
export type Constant =
  | { readonly kind: 'number'; readonly lo: number; readonly hi: number }
  /** A map itself, as helpers take it. */
  | { readonly kind: 'map'; readonly map: MapSpec | number }
  /** An address inside the first value of a map. */
  | { readonly kind: 'value'; readonly map: MapSpec | number; readonly offset: number }
  /** A function of this program, by the word it starts at. */
  | { readonly kind: 'function'; readonly target: number };

export interface Code {
  readonly program: Program;
  /** `STRIDE` words for each 8-byte unit, and one more unit behind the end. */
  readonly words: Int32Array;
  readonly constants: readonly Constant[];
}

/** Why an instruction is INVALID. */
export const INVALID = { OPCODE: 0, SECOND_HALF: 1, END: 2, FRAME_POINTER: 3 } as const;

/** Collects words and constants; `units` is the length of the program in 8-byte units. */
export class CodeWriter {
  readonly words: Int32Array;
  readonly constants: Constant[] = [];
  readonly #units: number;
  readonly #numbers = new Map<number, number>();
  #at = 0;

  constructor(units: number) {
    this.#units = units;
    this.words = new Int32Array((units + 1) * STRIDE);
    this.at(units).write(FAMILY.INVALID, INVALID.END, 0, 0, 0);
  }

  /** Chooses the unit that is written next. */
  at(unit: number): this {
    this.#at = unit;
    return this;
  }

  write(family: number, operation: number, dst: number, src: number, extra: number): void {
    this.words.set([family | (operation << OPERATION_SHIFT), dst, src, extra], this.#at * STRIDE);
  }

  invalid(reason: number): void {
    this.write(FAMILY.INVALID, reason, 0, 0, 0);
  }

  /** The word a jump over `distance` units from here goes to; the end, if that is outside of the program. */
  target(distance: number): number {
    const unit = this.#at + 1 + distance;
    return (unit < 0 || unit > this.#units ? this.#units : unit) * STRIDE;
  }

  /** The register that holds the 32-bit `imm`, sign-extended. */
  immediate(imm: number): number {
    const known = this.#numbers.get(imm);
    if (known !== undefined) return known;
    const register = this.constant({ kind: 'number', lo: imm, hi: imm >> 31 });
    this.#numbers.set(imm, register);
    return register;
  }

  /** The register that holds `constant`. */
  constant(constant: Constant): number {
    return REGISTERS + this.constants.push(constant) - 1;
  }
}
