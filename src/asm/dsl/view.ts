// Memory seen through a layout: `ip.saddr` is a place that is read or written where it is used.

import type { Operand, Vreg } from '../compile/ir.ts';
import type { AccessSize } from '../isa.ts';
import type { ArrayType, BytesType, FieldType, ScalarKind, ScalarType, StructType } from '../layout.ts';
import { fieldsOf, LITTLE_ENDIAN } from '../layout.ts';
import { BuildError, complaintSite } from '../source.ts';
import type { Input } from './expression.ts';
import type { Storable } from './kinds.ts';
import { type Memory, Place } from './place.ts';
import { Pointer } from './pointer.ts';
import type { Recorder } from './recorder.ts';

/** A field as it appears in a program. */
export type ViewOf<T> =
  T extends ScalarType<infer K>
    ? Place<K>
    : T extends BytesType
      ? BytesPlace
      : T extends ArrayType<infer E>
        ? ArrayView<ViewOf<E>>
        : T extends StructType<infer F>
          ? { readonly [N in keyof F]: ViewOf<F[N]> }
          : never;

/** What a field can be given. */
export type InputOf<T> =
  T extends ScalarType<infer K>
    ? Input<Storable<K>>
    : T extends BytesType
      ? BytesPlace | Uint8Array
      : T extends ArrayType<infer E>
        ? readonly InputOf<E>[]
        : T extends StructType<infer F>
          ? { readonly [N in keyof F]: InputOf<F[N]> }
          : never;

/** An array in memory, seen element by element. */
export class ArrayView<E> implements Iterable<E> {
  readonly length: number;
  readonly #at: (index: number) => E;

  /** @internal */
  constructor(length: number, at: (index: number) => E) {
    this.length = length;
    this.#at = at;
  }

  /** The element at a constant index. */
  at(index: number): E {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      throw new RangeError(`index ${index} of an array of ${this.length}`);
    }
    return this.#at(index);
  }

  map<T>(seen: (element: E, index: number) => T): T[] {
    return Array.from(this, seen);
  }

  *[Symbol.iterator](): Iterator<E> {
    for (let i = 0; i < this.length; i++) yield this.#at(i);
  }
}

/** Widest first: how a run of bytes is cut into accesses. */
const ACCESS_SIZES: readonly AccessSize[] = [8, 4, 2, 1];

/** A part of a run of bytes that is accessed at once. */
interface Word {
  readonly at: number;
  readonly size: AccessSize;
}

/** Bytes in memory that are only copied. */
export class BytesPlace {
  readonly size: number;
  readonly #memory: Memory;
  readonly #offset: number;

  /** @internal */
  constructor(memory: Memory, size: number, offset: number) {
    this.size = size;
    this.#memory = memory;
    this.#offset = offset;
  }

  /** Where they are found. @internal */
  get location(): { readonly base: Vreg; readonly offset: number } {
    return { base: this.#memory.base, offset: this.#offset };
  }

  /** Where they lie, as helpers take memory. */
  get address(): Pointer {
    const { recorder, base } = this.#memory;
    return new Pointer(() => {
      const dst = recorder.vreg();
      const site = recorder.here;
      recorder.emit({
        op: 'binary',
        operator: 'add',
        width: 64,
        dst,
        a: base,
        b: BigInt(this.#offset),
        site,
      });
      return dst;
    });
  }

  /** Takes over the bytes of `other`, which must be of the same size. The two may overlap. */
  copyFrom(other: BytesPlace): void {
    const { recorder } = this.#memory;
    const from = other.#memory.base;
    const words = this.#cut(other.size, (at, size) => this.#takes(at, size) && other.#takes(at, size));
    const load = ({ at, size }: Word): Operand => {
      const word = recorder.vreg();
      recorder.emit({
        op: 'load',
        dst: word,
        base: from,
        offset: other.#offset + at,
        size,
        site: recorder.here,
      });
      return word;
    };
    recorder.statement(this.copyFrom, () => {
      // Seen from one address the places are known, and so is the direction in which nothing is overwritten unread.
      // Two addresses may be anywhere: all is read before anything is written.
      if (from !== this.#memory.base) {
        const loaded = words.map(load);
        for (const [i, word] of words.entries()) this.#store(word, loaded[i]!);
        return;
      }
      const ordered = this.#offset > other.#offset ? words.toReversed() : words;
      for (const word of ordered) this.#store(word, load(word));
    });
  }

  /** Sets the bytes to constants. */
  set(bytes: Uint8Array): void {
    this.#memory.recorder.statement(this.set, () => {
      for (const word of this.#cut(bytes.length, (at, size) => this.#takes(at, size))) {
        this.#store(word, wordAt(bytes, word.at, word.size));
      }
    });
  }

  /** The widest accesses that make up `size` bytes. */
  #cut(size: number, takes: (at: number, size: AccessSize) => boolean): Word[] {
    if (size !== this.size) throw new RangeError(`${size} bytes given for ${this.size}`);
    const words: Word[] = [];
    for (let at = 0; at < size; ) {
      const width = ACCESS_SIZES.find((s) => s <= size - at && takes(at, s)) ?? 1;
      words.push({ at, size: width });
      at += width;
    }
    return words;
  }

  #store({ at, size }: Word, value: Operand): void {
    const { recorder, base } = this.#memory;
    recorder.emit({ op: 'store', base, offset: this.#offset + at, size, value, site: recorder.here });
  }

  /** Whether `size` bytes at `at` may be accessed at once. */
  #takes(at: number, size: AccessSize): boolean {
    return !this.#memory.strict || (this.#offset + at) % size === 0;
  }
}

/** The view of `type` at `base + offset`; `strict` where the kernel wants every access aligned, as on the stack. Arrays are seen element by element, at constant indices. @internal */
export function viewOf<T extends FieldType>(
  recorder: Recorder,
  type: T,
  base: Vreg,
  offset: number,
  strict = false,
): ViewOf<T> {
  return build({ recorder, base, strict }, type, offset) as ViewOf<T>;
}

function build(memory: Memory, type: FieldType, offset: number): unknown {
  switch (type.kind) {
    case 'bytes':
      return new BytesPlace(memory, type.size, offset);
    case 'array':
      return new ArrayView(type.length, (i) => build(memory, type.element, offset + i * type.element.size));
    case 'struct':
      return Object.fromEntries(
        fieldsOf(type).map((field) => [field.name, build(memory, field.type, offset + field.offset)]),
      );
    default:
      return new Place<ScalarKind>(memory, type.kind, offset);
  }
}

/** `size` bytes from `at` on as the machine would load them. */
function wordAt(bytes: Uint8Array, at: number, size: AccessSize): bigint {
  const word = Array.from(bytes.subarray(at, at + size), (byte) => byte.toString(16).padStart(2, '0'));
  return BigInt(`0x${(LITTLE_ENDIAN ? word.reverse() : word).join('')}`);
}

/** Writes `input` to memory laid out as `type`. A field that is left out is an error: the stack holds garbage. @internal */
export function writeInput(view: unknown, type: FieldType, input: unknown, path: string = type.kind): void {
  if (input === undefined) throw new BuildError('INCOMPLETE', `${path} is given no value`, complaintSite());
  switch (type.kind) {
    case 'bytes':
      if (input instanceof BytesPlace) (view as BytesPlace).copyFrom(input);
      else (view as BytesPlace).set(input as Uint8Array);
      return;
    case 'array':
      for (let i = 0; i < type.length; i++) {
        const element = (view as ArrayView<unknown>).at(i);
        writeInput(element, type.element, (input as unknown[])[i], `${path}[${i}]`);
      }
      return;
    case 'struct':
      for (const field of fieldsOf(type)) {
        const { name } = field;
        const inner = (view as Record<string, unknown>)[name];
        writeInput(inner, field.type, (input as Record<string, unknown>)[name], `${type.name}.${name}`);
      }
      return;
    default:
      (view as Place).set(input as Input<never>);
  }
}
