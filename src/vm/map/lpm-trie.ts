// Longest prefix match (kernel/bpf/lpm_trie.c). A key is a prefix length, 32 bits in the machine's byte order, and
// data in network byte order. Here: one table for each prefix length, tried from the longest down.

import { LITTLE_ENDIAN } from '../../asm/index.ts';
import type { Region } from '../core/region.ts';
import { EINVAL, ENOENT, ENOSPC } from '../errno.ts';
import { type Key, keyOf } from './key.ts';
import { objection, VmMap } from './map.ts';

const LENGTH_SIZE = 4;

interface Element {
  readonly key: Uint8Array;
  readonly value: Region;
}

export class LpmTrie extends VmMap {
  /** By prefix length, then by the masked data. */
  readonly #tables: Map<number, Map<Key, Element>> = new Map();
  #size = 0;

  override lookup(key: Uint8Array): Region | undefined {
    return this.#longest(key)?.value;
  }

  override update(key: Uint8Array, value: Uint8Array, flags: number): number {
    const length = prefixLength(key);
    if (length > this.#maxLength) return -EINVAL;
    const table = this.#tables.get(length) ?? new Map<Key, Element>();
    const name = maskedKey(key, length);
    const exists = table.has(name);
    const result = objection(exists, flags);
    if (result !== 0) return result;
    if (!exists && this.#size >= this.spec.maxEntries) return -ENOSPC;
    this.#tables.set(length, table);
    table.set(name, { key: key.slice(), value: this.newValue(value) });
    if (!exists) this.#size += 1;
    return 0;
  }

  override remove(key: Uint8Array): number {
    const length = prefixLength(key);
    if (length > this.#maxLength) return -EINVAL;
    if (!this.#tables.get(length)?.delete(maskedKey(key, length))) return -ENOENT;
    this.#size -= 1;
    return 0;
  }

  override get(key: Uint8Array): Uint8Array | undefined {
    this.requireSize('key', key, this.spec.keySize);
    return this.#longest(key)?.value.bytes.slice();
  }

  override entries(): [Uint8Array, Uint8Array][] {
    return [...this.#tables.values()].flatMap((table) =>
      [...table.values()].map(({ key, value }): [Uint8Array, Uint8Array] => [
        key.slice(),
        value.bytes.slice(),
      ]),
    );
  }

  protected override write(key: Uint8Array, value: Uint8Array, flags: number): number {
    this.requireSize('value', value, this.spec.valueSize);
    return this.update(key, value, flags);
  }

  get #maxLength(): number {
    return 8 * (this.spec.keySize - LENGTH_SIZE);
  }

  #longest(key: Uint8Array): Element | undefined {
    const asked = prefixLength(key);
    if (asked > this.#maxLength) return undefined;
    for (let length = asked; length >= 0; length--) {
      const found = this.#tables.get(length)?.get(maskedKey(key, length));
      if (found) return found;
    }
    return undefined;
  }
}

const prefixLength = (key: Uint8Array): number =>
  new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0, LITTLE_ENDIAN);

/** The first `length` bits of the data, the others zero. */
function maskedKey(key: Uint8Array, length: number): Key {
  const data = key.slice(LENGTH_SIZE);
  const whole = length >> 3;
  if (whole < data.length) {
    data[whole] = data[whole]! & (0xff00 >> (length & 7));
    data.fill(0, whole + 1);
  }
  return keyOf(data);
}
