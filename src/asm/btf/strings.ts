// The string section of BTF and the string tables of ELF: texts end to end, each closed by a zero byte, the first
// one empty. A text that is already there is not written again.

const encoder = new TextEncoder();

export class StringTable {
  readonly #offsets = new Map<string, number>([['', 0]]);
  readonly #parts: Uint8Array[] = [new Uint8Array(1)];
  #size = 1;

  /** A table that begins as `data` is, so that offsets into that stay good. */
  static continuing(data: Uint8Array): StringTable {
    const table = new StringTable();
    if (data.length <= 1) return table;
    const decoder = new TextDecoder();
    for (let at = 1; at < data.length; ) {
      const end = data.indexOf(0, at);
      const stop = end < 0 ? data.length : end;
      const text = decoder.decode(data.subarray(at, stop));
      if (!table.#offsets.has(text)) table.#offsets.set(text, at);
      at = stop + 1;
    }
    table.#parts[0] = data;
    table.#size = data.length;
    return table;
  }

  /** The offset of `text`, which is added where it is new. @throws RangeError when it contains a zero byte. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    if (text.includes('\0')) throw new RangeError(`text '${text}': a zero byte would end it`);
    const offset = this.#size;
    const part = encoder.encode(`${text}\0`);
    this.#parts.push(part);
    this.#size += part.length;
    this.#offsets.set(text, offset);
    return offset;
  }

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  bytes(): Uint8Array {
    const out = new Uint8Array(this.#size);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}
