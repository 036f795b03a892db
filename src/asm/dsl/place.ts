// Integers in memory: a place is read where it is used, and can be written.

import type { Operand, Vreg } from '../compile/ir.ts';
import type { ScalarKind } from '../layout.ts';
import { BuildError, complaintSite, type Site } from '../source.ts';
import { Expression, exactOperand, type Input } from './expression.ts';
import { type Storable, sizeOf } from './kinds.ts';
import type { Recorder } from './recorder.ts';

/** Memory behind a register. @internal */
export interface Memory {
  readonly recorder: Recorder;
  readonly base: Vreg;
  /** Every access must be aligned to its size: the stack, on every machine. */
  readonly strict: boolean;
}

/** An integer in memory: a header field, a member of a map value, a word on the stack. */
export class Place<K extends ScalarKind = ScalarKind> extends Expression<K> {
  readonly #memory: Memory;
  readonly #offset: number;

  /** @internal */
  constructor(memory: Memory, kind: K, offset: number) {
    super(memory.recorder, kind);
    this.#memory = memory;
    this.#offset = offset;
  }

  override operand(site: Site = this.recorder.here): Operand {
    const dst = this.recorder.vreg();
    const { base, offset, size } = this.#access(this.#memory.strict);
    this.recorder.emit({ op: 'load', dst, base, offset, size, site });
    return dst;
  }

  set(value: Input<Storable<K>>): void {
    const site = this.recorder.called(this.set);
    const from = exactOperand(value, this.kind, site);
    const { base, offset, size } = this.#access(this.#memory.strict);
    this.recorder.emit({ op: 'store', base, offset, size, value: from, site });
  }

  /** Adds atomically: for counters that several CPUs share. 32 and 64 bits only. */
  increase<A extends 'u32' | 'u64'>(this: Place<A>, by: Input<Storable<A>>): void {
    const site = this.recorder.called(this.increase);
    const { base, offset, size } = this.#access(true);
    const value = exactOperand(by, this.kind, site);
    this.recorder.emit({ op: 'atomic_add', base, offset, size: size as 4 | 8, value, site });
  }

  /** Where it lies. @internal */
  get location(): { readonly base: Vreg; readonly offset: number } {
    return { base: this.#memory.base, offset: this.#offset };
  }

  #access(aligned: boolean): { base: Vreg; offset: number; size: 1 | 2 | 4 | 8 } {
    const size = sizeOf(this.kind);
    if (aligned && this.#offset % size !== 0) {
      const message = `a ${this.kind} at offset ${this.#offset} has to be aligned here: pad the layout`;
      throw new BuildError('UNALIGNED', message, complaintSite());
    }
    return { base: this.#memory.base, offset: this.#offset, size };
  }
}
