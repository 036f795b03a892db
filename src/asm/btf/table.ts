// A list of types under construction: what is added twice is there once.

import type { BtfType, TypeId } from './types.ts';

export class TypeTable {
  readonly #types: BtfType[] = [{ kind: 'void' }];
  readonly #known = new Map<string, TypeId>();

  /** By number, for `encodeBtf`. */
  get types(): readonly BtfType[] {
    return this.#types;
  }

  /** The number of `type`, which is added where nothing equal is there. */
  add(type: BtfType): TypeId {
    const key = JSON.stringify(type, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const id = this.#types.push(type) - 1;
    this.#known.set(key, id);
    return id;
  }
}

/** Names beyond this are refused (KSYM_NAME_LEN of kernels before 6.1). */
const MAX_NAME = 127;

/**
 * `name` as the kernel takes it for types, members and functions: it refuses whatever C does, such as `-` and `$`.
 * What cannot stay becomes `_`, which is good enough for a name that only people read.
 */
export function identifier(name: string): string {
  const valid = name.replace(/[^A-Za-z0-9_]/g, '_').slice(0, MAX_NAME);
  return /^[0-9]/.test(valid) ? `_${valid.slice(0, MAX_NAME - 1)}` : valid;
}
