// Memory seen through a layout: `ip.saddr` is a place that is read or written where it is used.

import type { Vreg } from '../compile/ir.ts';
import type { AccessSize } from '../isa.ts';
import type { ArrayType, BytesType, FieldType, ScalarKind, ScalarType, StructType } from '../layout.ts';
import { fieldsOf } from '../layout.ts';
import { Place } from './expression.ts';
import type { Recorder } from './recorder.ts';

/** A field as it appears in a program. */
export type ViewOf<T> =
  T extends ScalarType<infer K>
    ? Place<K>
    : T extends BytesType
      ? BytesPlace
      : T extends ArrayType<infer E>
        ? readonly ViewOf<E>[]
        : T extends StructType<infer F>
          ? { readonly [N in keyof F]: ViewOf<F[N]> }
          : never;

/** Widest first: how a run of bytes is cut into accesses. */
const ACCESS_SIZES: readonly AccessSize[] = [8, 4, 2, 1];

/** Bytes in memory that are only copied. */
export class BytesPlace {
  readonly size: number;
  readonly #recorder: Recorder;
  readonly #base: Vreg;
  readonly #offset: number;

  constructor(recorder: Recorder, size: number, base: Vreg, offset: number) {
    this.#recorder = recorder;
    this.size = size;
    this.#base = base;
    this.#offset = offset;
  }

  /** Takes over the bytes of `other`, which must be of the same size. */
  copyFrom(other: BytesPlace): void {
    if (other.size !== this.size) {
      throw new RangeError(`copy of ${other.size} bytes into ${this.size}`);
    }
    let done = 0;
    while (done < this.size) {
      const size = ACCESS_SIZES.find((s) => s <= this.size - done) ?? 1;
      const word = this.#recorder.vreg();
      this.#recorder.emit({ op: 'load', dst: word, base: other.#base, offset: other.#offset + done, size });
      this.#recorder.emit({ op: 'store', base: this.#base, offset: this.#offset + done, size, value: word });
      done += size;
    }
  }
}

/** The view of `type` at `base + offset`. Arrays are seen element by element, at constant indices. @internal */
export function viewOf<T extends FieldType>(
  recorder: Recorder,
  type: T,
  base: Vreg,
  offset: number,
): ViewOf<T> {
  return build(recorder, type, base, offset) as ViewOf<T>;
}

function build(recorder: Recorder, type: FieldType, base: Vreg, offset: number): unknown {
  switch (type.kind) {
    case 'bytes':
      return new BytesPlace(recorder, type.size, base, offset);
    case 'array':
      return Array.from({ length: type.length }, (_, i) =>
        build(recorder, type.element, base, offset + i * type.element.size),
      );
    case 'struct':
      return Object.fromEntries(
        fieldsOf(type).map((field) => [field.name, build(recorder, field.type, base, offset + field.offset)]),
      );
    default:
      return new Place<ScalarKind>(recorder, type.kind, base, offset);
  }
}
