// One answer of BPF_OBJ_GET_INFO_BY_FD, read field by field. A kernel fills in as much as it knows of and says how much
// that was; what lies behind is undefined. Nothing is believed that cannot be.

import { LITTLE_ENDIAN, type StructType, u32, u64 } from '../../../asm/data.ts';
import { LoaderError } from '../../errors.ts';
import { BPF_OBJ_NAME_LEN } from '../abi.ts';

const NAME = /^[A-Za-z0-9_.]*$/;

/** The fields of one answer: those within `length` bytes are there. */
export class Answer<F extends string> {
  readonly #what: string;
  readonly #layout: { readonly size: number; readonly offsets: { readonly [N in F]: number } };
  readonly #data: Uint8Array;
  readonly #view: DataView;
  readonly #length: number;

  constructor(
    what: string,
    layout: StructType & { readonly offsets: { readonly [N in F]: number } },
    data: Uint8Array,
    length: number,
    needed: number,
  ) {
    this.#what = what;
    this.#layout = layout;
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#length = length;
    if (!Number.isInteger(length) || length > data.length || length < needed) {
      throw this.bad(`${length} bytes of at least ${needed} and at most ${data.length}`);
    }
    if (this.u32('id' as F) === 0) throw this.bad('identifier 0');
  }

  bad(why: string): LoaderError {
    return new LoaderError(`the kernel's answer about ${this.#what} makes no sense: ${why}`, {
      code: 'EINFO',
      object: this.#what,
      syscall: 'bpf(BPF_OBJ_GET_INFO_BY_FD)',
    });
  }

  u32(field: F): number {
    return this.#view.getUint32(this.#layout.offsets[field], LITTLE_ENDIAN);
  }

  u64(field: F): bigint {
    return this.#view.getBigUint64(this.#layout.offsets[field], LITTLE_ENDIAN);
  }

  bytes(field: F, size: number): Uint8Array {
    const at = this.#layout.offsets[field];
    return this.#data.slice(at, at + size);
  }

  /** `read`, if the kernel knows of `field`, of so many bytes. */
  known<T>(field: F, size: number, read: (field: F) => T): T | undefined {
    return this.#layout.offsets[field] + size <= this.#length ? read(field) : undefined;
  }

  u32IfKnown(field: F): number | undefined {
    return this.known(field, u32.size, () => this.u32(field));
  }

  u64IfKnown(field: F): bigint | undefined {
    return this.known(field, u64.size, () => this.u64(field));
  }

  name(field: F): string {
    const raw = this.bytes(field, BPF_OBJ_NAME_LEN);
    const end = raw.indexOf(0);
    const name = String.fromCharCode(...raw.subarray(0, Math.max(0, end)));
    if (end < 0 || !NAME.test(name)) throw this.bad('a name that is none');
    return name;
  }

  most(field: F, limit: number): number {
    const value = this.u32(field);
    if (value > limit) throw this.bad(`${field} ${value}`);
    return value;
  }
}
