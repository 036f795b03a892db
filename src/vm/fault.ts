// What stops a program: one typed error that says what went wrong, at which instruction, and on which line of
// TypeScript. Inside the interpreter a `Trap` knows the reason only; whoever runs it adds the place.

import { formatLocation, type SourceLocation } from '../asm/index.ts';

/** Stable kinds of faults. */
export type FaultCode =
  /** A load or store outside of what the pointer may reach, or through something that is no pointer. */
  | 'ACCESS'
  /** An operation that makes no sense on a pointer. */
  | 'POINTER'
  /** A packet pointer from before the packet moved, or a pointer into a stack frame that is gone. */
  | 'STALE'
  /** A register read before anything was written to it. */
  | 'UNINITIALISED'
  /** More instructions than the budget allows. */
  | 'BUDGET'
  /** Calls nested deeper than the kernel's eight frames. */
  | 'STACK'
  /** A helper or kernel function that is not modelled, or not known at all. */
  | 'HELPER'
  /** An argument that a helper cannot take. */
  | 'ARGUMENT'
  /** An opcode that is not in the instruction set, or a form of it that is reserved. */
  | 'OPCODE'
  /** Execution left the program: a jump outside of it, into the middle of a `ld_imm64`, or past its end. */
  | 'JUMP'
  /** A ring buffer record was reserved and neither submitted nor discarded. */
  | 'REFERENCE';

/** A fault without its place; never leaves `src/vm`. */
export class Trap extends Error {
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string) {
    super(message);
    this.name = 'Trap';
    this.code = code;
  }
}

/** A program that was stopped. */
export class VmFault extends Error {
  /** Stable: what kind of fault it is. */
  readonly code: FaultCode;
  /** The program that was running. */
  readonly program: string;
  /** Index of the instruction, in 8-byte units. */
  readonly index: number;
  /** The instruction as the disassembler prints it. */
  readonly instruction: string;
  /** The line of TypeScript that emitted it, where the program says. */
  readonly location: SourceLocation | undefined;

  constructor(
    code: FaultCode,
    message: string,
    at: { program: string; index: number; instruction: string; location: SourceLocation | undefined },
    options?: ErrorOptions,
  ) {
    const where = at.location ? ` (${formatLocation(at.location)})` : '';
    super(
      `program '${at.program}', instruction ${at.index} '${at.instruction}': ${message}${where}`,
      options,
    );
    this.name = 'VmFault';
    this.code = code;
    this.program = at.program;
    this.index = at.index;
    this.instruction = at.instruction;
    this.location = at.location;
  }
}
