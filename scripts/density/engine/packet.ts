// What the clients and the server send each other, over UDP and TCP alike: 40 bytes that say whose they are.

export const PACKET_SIZE = 40;
const MAGIC = 0x7473_6e61;
const MAGIC_AT = 0;
const KIND_AT = 4;
const SLOT_AT = 8;
const EPOCH_AT = 12;
const ADDRESS_AT = 16;
const SEQUENCE_AT = 20;
const TIME_AT = 24;

/** From a slot; the answer to it; from the server of its own accord. */
export const KINDS = { request: 1, answer: 2, push: 3 } as const;

/** Of a push: the server knows the address only. */
export const NO_SLOT = 0xffff_ffff;

/** A buffer that is written and read in place. */
export class Packet {
  readonly bytes: Uint8Array = new Uint8Array(PACKET_SIZE);
  readonly #view: DataView = new DataView(this.bytes.buffer);

  /** `epoch` is the ledger's when it was sent; `address` the outside one it was sent to, 0 from a slot; `time` in milliseconds. */
  write(kind: number, slot: number, epoch: number, address: number, sequence: number, time: number): this {
    this.#view.setUint32(MAGIC_AT, MAGIC);
    this.#view.setUint32(KIND_AT, kind);
    this.#view.setUint32(SLOT_AT, slot);
    this.#view.setUint32(EPOCH_AT, epoch);
    this.#view.setUint32(ADDRESS_AT, address);
    this.#view.setUint32(SEQUENCE_AT, sequence);
    this.#view.setFloat64(TIME_AT, time);
    return this;
  }

  /** Makes an answer of the request. */
  answer(epoch: number, address: number): this {
    this.#view.setUint32(KIND_AT, KINDS.answer);
    this.#view.setUint32(EPOCH_AT, epoch);
    this.#view.setUint32(ADDRESS_AT, address);
    return this;
  }

  /** Whether `size` bytes that were received are one of ours. */
  isOurs(size: number): boolean {
    return size === PACKET_SIZE && this.#view.getUint32(MAGIC_AT) === MAGIC;
  }

  get kind(): number {
    return this.#view.getUint32(KIND_AT);
  }

  get slot(): number {
    return this.#view.getUint32(SLOT_AT);
  }

  get epoch(): number {
    return this.#view.getUint32(EPOCH_AT);
  }

  get address(): number {
    return this.#view.getUint32(ADDRESS_AT);
  }

  get time(): number {
    return this.#view.getFloat64(TIME_AT);
  }
}

/** Milliseconds of a clock that all threads share. */
export function clockMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
