// Netlink attributes (struct nlattr): encode and decode, side by side. Native byte order, padded to 4 bytes.

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import { LoaderError } from '../errors.ts';
import { NLA_F_NESTED, NLA_TYPE_MASK } from './abi.ts';

/** One attribute; `type` without the flag bits. */
export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

const HEADER = 4;
const ALIGNMENT = 4;
const MAX_LENGTH = 0xffff;

/** Where the next message or attribute starts. */
export const align = (size: number): number => Math.ceil(size / ALIGNMENT) * ALIGNMENT;

/** A copy, also where `data` is a Buffer, whose own `slice` shares memory. */
export const copy = (data: Uint8Array, start: number, end: number): Uint8Array =>
  new Uint8Array(data.subarray(start, end));

/** An error about a reply that contradicts itself. */
export function malformed(what: string): LoaderError {
  return new LoaderError(`netlink: ${what}`, { code: 'ENETLINK', syscall: 'recv(NETLINK_ROUTE)' });
}

export function u32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value, LITTLE_ENDIAN);
  return out;
}

/** Text with the terminating zero that the kernel expects. */
export const string = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);

/** An attribute that holds attributes. */
export function nested(type: number, children: readonly Attribute[]): Attribute {
  return { type: type | NLA_F_NESTED, value: encodeAttributes(children) };
}

/** @throws RangeError for a value that its 16-bit length cannot say. */
export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  const size = attributes.reduce((sum, { value }) => sum + align(HEADER + value.length), 0);
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const { type, value } of attributes) {
    const length = HEADER + value.length;
    if (length > MAX_LENGTH) {
      throw new RangeError(`netlink attribute ${type}: ${value.length} bytes do not fit`);
    }
    view.setUint16(at, length, LITTLE_ENDIAN);
    view.setUint16(at + 2, type, LITTLE_ENDIAN);
    out.set(value, at + HEADER);
    at += align(length);
  }
  return out;
}

/** @throws LoaderError with code `ENETLINK` when a length does not fit into what is there. */
export function decodeAttributes(data: Uint8Array): Attribute[] {
  const attributes: Attribute[] = [];
  scanAttributes(data, 0, (type, start, end) => attributes.push({ type, value: copy(data, start, end) }));
  return attributes;
}

/**
 * Says where each attribute is, copying nothing: for long lists of messages of which little is wanted.
 *
 * @param from where in `data` they begin
 * @throws LoaderError with code `ENETLINK` as `decodeAttributes`
 */
export function scanAttributes(
  data: Uint8Array,
  from: number,
  visit: (type: number, start: number, end: number) => void,
): void {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  // Up to 3 bytes may be left over: padding.
  for (let at = from; data.length - at >= HEADER; ) {
    const length = view.getUint16(at, LITTLE_ENDIAN);
    if (length < HEADER || length > data.length - at) {
      throw malformed(`an attribute of ${length} bytes where ${data.length - at} are left`);
    }
    const type = view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK;
    visit(type, at + HEADER, at + length);
    at += align(length);
  }
}

/** Attributes by type. Of several with one type the last counts, as in the kernel's own parser. */
export class AttributeSet {
  readonly #values: ReadonlyMap<number, Uint8Array>;

  constructor(attributes: readonly Attribute[]) {
    this.#values = new Map(attributes.map(({ type, value }) => [type, value]));
  }

  static decode(data: Uint8Array): AttributeSet {
    return new AttributeSet(decodeAttributes(data));
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#values.get(type);
  }

  u32(type: number): number | undefined {
    const value = this.#values.get(type);
    if (value === undefined) return undefined;
    if (value.length < 4) throw malformed(`attribute ${type} has ${value.length} bytes, not 4`);
    return new DataView(value.buffer, value.byteOffset).getUint32(0, LITTLE_ENDIAN);
  }

  /** An unsigned 64-bit number. */
  u64(type: number): bigint | undefined {
    return this.#wide(type)?.getBigUint64(0, LITTLE_ENDIAN);
  }

  /** A signed 64-bit number. */
  s64(type: number): bigint | undefined {
    return this.#wide(type)?.getBigInt64(0, LITTLE_ENDIAN);
  }

  #wide(type: number): DataView | undefined {
    const value = this.#values.get(type);
    if (value === undefined) return undefined;
    if (value.length < 8) throw malformed(`attribute ${type} has ${value.length} bytes, not 8`);
    return new DataView(value.buffer, value.byteOffset);
  }

  string(type: number): string | undefined {
    const value = this.#values.get(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return new TextDecoder().decode(end < 0 ? value : value.subarray(0, end));
  }

  nested(type: number): AttributeSet {
    return AttributeSet.decode(this.#values.get(type) ?? new Uint8Array());
  }
}
