// Bounds-checked reading of binary formats. Whatever a file claims about itself is a claim: every access is checked,
// and what is wrong is said with the position of the byte that says it.

/** Formats that are read here. */
export type BinaryFormat = 'ELF' | 'BTF' | 'BTF.ext';

/** What is wrong with a file: stable. */
export type MalformedCode =
  /** It ends too early, or points behind its end. */
  | 'TRUNCATED'
  /** It is something else. */
  | 'MAGIC'
  /** It is of a kind that is not read here: class, machine, byte order, version. */
  | 'UNSUPPORTED'
  /** A number that cannot be. */
  | 'VALUE'
  /** An index or identifier of something that is not there. */
  | 'REFERENCE'
  /** Types or functions that contain themselves. */
  | 'CYCLE';

/** A malformed file: what is wrong, and where. */
export class MalformedError extends Error {
  override readonly name: string = 'MalformedError';
  readonly code: MalformedCode;
  readonly format: BinaryFormat;
  /** In bytes from the start of what was given. */
  readonly offset: number;

  constructor(format: BinaryFormat, code: MalformedCode, offset: number, message: string) {
    super(`${format}: ${message} (at byte ${offset})`);
    this.code = code;
    this.format = format;
    this.offset = offset;
  }
}

/** A piece of a file. Offsets are in bytes from the start of the piece. */
export class Reader {
  readonly format: BinaryFormat;
  readonly data: Uint8Array;
  readonly littleEndian: boolean;
  /** Where the piece lies in the whole, for messages. */
  readonly base: number;
  readonly #view: DataView;
  #textBudget: number;

  constructor(format: BinaryFormat, data: Uint8Array, littleEndian: boolean, base = 0) {
    this.format = format;
    this.data = data;
    this.littleEndian = littleEndian;
    this.base = base;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#textBudget = TEXT_FACTOR * data.length;
  }

  get length(): number {
    return this.data.length;
  }

  fail(code: MalformedCode, at: number, message: string): never {
    throw new MalformedError(this.format, code, this.base + at, message);
  }

  /** @throws MalformedError when `size` bytes at `at` are not all there. */
  require(at: number, size: number, what: string): void {
    if (at + size <= this.data.length && at >= 0 && size >= 0) return;
    this.fail('TRUNCATED', at, `${what}: ${size} bytes end behind the last of ${this.data.length}`);
  }

  u8(at: number, what: string): number {
    this.require(at, 1, what);
    return this.#view.getUint8(at);
  }

  u16(at: number, what: string): number {
    this.require(at, 2, what);
    return this.#view.getUint16(at, this.littleEndian);
  }

  u32(at: number, what: string): number {
    this.require(at, 4, what);
    return this.#view.getUint32(at, this.littleEndian);
  }

  i32(at: number, what: string): number {
    this.require(at, 4, what);
    return this.#view.getInt32(at, this.littleEndian);
  }

  u64(at: number, what: string): bigint {
    this.require(at, 8, what);
    return this.#view.getBigUint64(at, this.littleEndian);
  }

  /** A view of `size` bytes, not a copy. */
  bytes(at: number, size: number, what: string): Uint8Array {
    this.require(at, size, what);
    return this.data.subarray(at, at + size);
  }

  /** The piece of `size` bytes at `at`. */
  part(at: number, size: number, what: string, format: BinaryFormat = this.format): Reader {
    return new Reader(format, this.bytes(at, size, what), this.littleEndian, this.base + at);
  }

  /** Text up to a zero byte, which must be there. */
  text(at: number, what: string): string {
    this.require(at, 1, what);
    const end = this.data.indexOf(0, at);
    if (end < 0) this.fail('TRUNCATED', at, `${what}: the text has no end`);
    this.#textBudget -= end - at;
    if (this.#textBudget < 0) this.fail('VALUE', at, `${what}: one text within the other, over and over`);
    return decoder.decode(this.data.subarray(at, end));
  }
}

const decoder = new TextDecoder();
/** Names may share their ends; names that are all of a long text are no names, only work. */
const TEXT_FACTOR = 64;
