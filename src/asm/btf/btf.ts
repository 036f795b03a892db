// The BTF of a program, an object file or a kernel: header, types, strings (Documentation/bpf/btf.rst, section 2).

import { encode, LITTLE_ENDIAN } from '../layout.ts';
import { BTF_HEADER_SIZE, BTF_MAGIC, BTF_MAX_TYPE, BTF_VERSION, btfHeader } from './abi.ts';
import { Reader } from './reader.ts';
import { StringTable } from './strings.ts';
import { decodeType, encodeType, referencesOf } from './type-codec.ts';
import type { Btf, BtfType } from './types.ts';

const WORD = 4;

/**
 * BTF as the kernel takes it, in the machine's byte order.
 *
 * @param types by number; the first one, `void`, is only there to be counted
 * @param strings what else the text section is to hold, such as the lines of a program
 */
export function encodeBtf(types: readonly BtfType[], strings: StringTable = new StringTable()): Uint8Array {
  const words = types.slice(1).flatMap((type) => encodeType(type, (name) => strings.add(name)));
  const size = words.length * WORD;
  const header = encode(btfHeader, {
    ...{ magic: BTF_MAGIC, version: BTF_VERSION, flags: 0, hdr_len: btfHeader.size },
    ...{ type_off: 0, type_len: size, str_off: size, str_len: strings.size },
  });
  const out = new Uint8Array(btfHeader.size + size + strings.size);
  out.set(header);
  const view = new DataView(out.buffer, btfHeader.size);
  words.forEach((word, i) => {
    view.setUint32(i * WORD, word, LITTLE_ENDIAN);
  });
  out.set(strings.bytes(), btfHeader.size + size);
  return out;
}

/**
 * Reads BTF of either byte order.
 *
 * @param base where `data` begins in a file, for messages
 * @throws MalformedError saying what is wrong and where.
 */
export function parseBtf(data: Uint8Array, base = 0): Btf {
  const reader = openBtf('BTF', data, BTF_HEADER_SIZE, base);
  const size = reader.u32(4, 'header');
  const section = (at: number, what: string): Reader =>
    reader.part(size + reader.u32(at, 'header'), reader.u32(at + WORD, 'header'), what);
  const typeSection = section(8, 'type section');
  const stringSection = section(16, 'string section');
  const known = new Map<number, string>();
  const text = (offset: number, at?: number): string => {
    let found = known.get(offset);
    if (found === undefined) {
      if (offset >= stringSection.length) {
        const [reader, place] = at === undefined ? [stringSection, offset] : [typeSection, at];
        reader.fail('REFERENCE', place, `no text at ${offset} of the string section`);
      }
      found = stringSection.text(offset, 'text');
      known.set(offset, found);
    }
    return found;
  };
  // Names of zero are without a name even where the section is empty.
  known.set(0, '');

  const types: BtfType[] = [{ kind: 'void' }];
  const places: number[] = [0];
  for (let at = 0; at < typeSection.length; ) {
    if (types.length > BTF_MAX_TYPE) typeSection.fail('VALUE', at, `more than ${BTF_MAX_TYPE} types`);
    const { type, next } = decodeType(typeSection, at, text);
    types.push(type);
    places.push(at);
    at = next;
  }
  types.forEach((type, id) => {
    for (const other of referencesOf(type)) {
      if (other < types.length) continue;
      typeSection.fail('REFERENCE', places[id] ?? 0, `type ${id} names type ${other} of ${types.length}`);
    }
  });
  return { types, text, strings: stringSection.data };
}

/**
 * A reader of what begins with a BTF header, in the byte order that the magic number has.
 *
 * @throws MalformedError when it begins with something else.
 */
export function openBtf(format: 'BTF' | 'BTF.ext', data: Uint8Array, least: number, base: number): Reader {
  const little = new Reader(format, data, true, base);
  little.require(0, least, 'header');
  const isLittle = little.u16(0, 'magic') === BTF_MAGIC;
  const reader = isLittle ? little : new Reader(format, data, false, base);
  if (reader.u16(0, 'magic') !== BTF_MAGIC) {
    reader.fail('MAGIC', 0, `0x${reader.u16(0, 'magic').toString(16)} is not the magic number`);
  }
  if (reader.u8(2, 'version') !== BTF_VERSION) {
    reader.fail('UNSUPPORTED', 2, `version ${reader.u8(2, 'version')}: only ${BTF_VERSION} is known`);
  }
  const size = reader.u32(4, 'header');
  if (size < least) reader.fail('VALUE', 4, `a header of ${size} bytes: at least ${least} are needed`);
  reader.require(0, size, 'header');
  return reader;
}
