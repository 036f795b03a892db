// .BTF.ext: which function and which source line an instruction belongs to, and where CO-RE relocations are due
// (Documentation/bpf/btf.rst, section 4). In a file they stand by section, counted in bytes; the kernel takes them
// for one program, counted in 8-byte units: `programBtf` makes that form.

import { INSTRUCTION_SIZE } from '../isa.ts';
import { LITTLE_ENDIAN } from '../layout.ts';
import {
  BTF_EXT_HEADER_MIN,
  BTF_EXT_HEADER_SIZE,
  BTF_MAGIC,
  BTF_VERSION,
  CORE_RELO_SIZE,
  columnOf,
  FUNC_INFO_SIZE,
  LINE_INFO_SIZE,
  lineColumn,
  lineOf,
  MAX_COLUMN,
  MAX_LINE,
} from './abi.ts';
import { openBtf } from './btf.ts';
import type { Reader } from './reader.ts';
import type { TypeId } from './types.ts';

export interface FunctionInfo {
  /** In bytes from the start of the section. */
  readonly offset: number;
  /** A `func`. */
  readonly type: TypeId;
}

export interface LineInfo {
  /** In bytes from the start of the section. */
  readonly offset: number;
  /** Offsets in the string section of the BTF. */
  readonly file: number;
  readonly text: number;
  /** 0 where it is not known. */
  readonly line: number;
  readonly column: number;
}

/** A relocation that a loader is to make by comparing the types here with those of the running kernel. */
export interface CoreRelocation {
  /** In bytes from the start of the section. */
  readonly offset: number;
  readonly type: TypeId;
  /** Offset in the string section: the way to the member, such as `0:1:2`. */
  readonly access: number;
  /** `enum bpf_core_relo_kind` */
  readonly kind: number;
}

/** What .BTF.ext says of one section of code. */
export interface SectionInfo {
  /** Offset of the section's name in the string section of the BTF. */
  readonly section: number;
  readonly functions: readonly FunctionInfo[];
  readonly lines: readonly LineInfo[];
  readonly core: readonly CoreRelocation[];
}

/** How one kind of record is laid out: words, and bytes of the smallest record. */
interface Shape<T> {
  readonly what: string;
  readonly size: number;
  readonly words: (record: T) => readonly number[];
  readonly read: (word: (i: number) => number) => T;
}

const FUNCTIONS: Shape<FunctionInfo> = {
  what: 'function information',
  size: FUNC_INFO_SIZE,
  words: ({ offset, type }) => [offset, type],
  read: (word) => ({ offset: word(0), type: word(1) }),
};

const LINES: Shape<LineInfo> = {
  what: 'line information',
  size: LINE_INFO_SIZE,
  words: ({ offset, file, text, line, column }) => [offset, file, text, packLine(line, column)],
  read: (word) => ({
    ...{ offset: word(0), file: word(1), text: word(2) },
    ...{ line: lineOf(word(3)), column: columnOf(word(3)) },
  }),
};

const CORE: Shape<CoreRelocation> = {
  what: 'CO-RE relocations',
  size: CORE_RELO_SIZE,
  words: ({ offset, type, access, kind }) => [offset, type, access, kind],
  read: (word) => ({ offset: word(0), type: word(1), access: word(2), kind: word(3) }),
};

/** A line or column that has no room is not known, rather than another one. */
const packLine = (line: number, column: number): number =>
  line > MAX_LINE ? 0 : lineColumn(line, column > MAX_COLUMN ? 0 : column);

const WORD = 4;

/** The records as words in the machine's byte order: the form of files and, without headers, of the kernel. */
export function packWords(words: readonly number[]): Uint8Array {
  const out = new Uint8Array(words.length * WORD);
  const view = new DataView(out.buffer);
  words.forEach((word, i) => {
    view.setUint32(i * WORD, word, LITTLE_ENDIAN);
  });
  return out;
}

/** Functions and lines of one program as `BPF_PROG_LOAD` takes them: counted in 8-byte units. */
export const packFunctions = (records: readonly FunctionInfo[]): Uint8Array =>
  packWords(
    records.flatMap((record) => FUNCTIONS.words({ ...record, offset: record.offset / INSTRUCTION_SIZE })),
  );
export const packLines = (records: readonly LineInfo[]): Uint8Array =>
  packWords(
    records.flatMap((record) => LINES.words({ ...record, offset: record.offset / INSTRUCTION_SIZE })),
  );

/** The contents of a .BTF.ext section. CO-RE relocations are not written. */
export function encodeBtfExt(sections: readonly SectionInfo[]): Uint8Array {
  const block = <T>(shape: Shape<T>, of: (section: SectionInfo) => readonly T[]): number[] => [
    shape.size,
    ...sections
      .filter((section) => of(section).length > 0)
      .flatMap((section) => [section.section, of(section).length, ...of(section).flatMap(shape.words)]),
  ];
  const functions = block(FUNCTIONS, (section) => section.functions);
  const lines = block(LINES, (section) => section.lines);
  const [functionBytes, lineBytes] = [functions.length * WORD, lines.length * WORD];
  // The first word is magic, version and flags, of 2, 1 and 1 bytes.
  const first = LITTLE_ENDIAN
    ? BTF_MAGIC | (BTF_VERSION << 16)
    : ((BTF_MAGIC << 16) | (BTF_VERSION << 8)) >>> 0;
  const header = [
    first,
    BTF_EXT_HEADER_SIZE,
    0,
    functionBytes,
    functionBytes,
    lineBytes,
    functionBytes + lineBytes,
    0,
  ];
  return packWords([...header, ...functions, ...lines]);
}

/**
 * Reads .BTF.ext of either byte order.
 *
 * @param base where `data` begins in a file, for messages
 * @throws MalformedError
 */
export function parseBtfExt(data: Uint8Array, base = 0): SectionInfo[] {
  const reader = openBtf('BTF.ext', data, BTF_EXT_HEADER_MIN, base);
  const size = reader.u32(4, 'header');
  const sections = new Map<
    number,
    { functions: FunctionInfo[]; lines: LineInfo[]; core: CoreRelocation[] }
  >();
  const of = (name: number) => {
    const section = sections.get(name) ?? { functions: [], lines: [], core: [] };
    sections.set(name, section);
    return section;
  };
  const part = (at: number, what: string): Reader =>
    reader.part(size + reader.u32(at, 'header'), reader.u32(at + WORD, 'header'), what);
  readBlock(part(8, FUNCTIONS.what), FUNCTIONS, (name, record) => of(name).functions.push(record));
  readBlock(part(16, LINES.what), LINES, (name, record) => of(name).lines.push(record));
  if (size >= BTF_EXT_HEADER_SIZE) {
    readBlock(part(24, CORE.what), CORE, (name, record) => of(name).core.push(record));
  }
  return [...sections].map(([section, records]) => ({ section, ...records }));
}

function readBlock<T>(reader: Reader, shape: Shape<T>, each: (section: number, record: T) => void): void {
  const { what } = shape;
  if (reader.length === 0) return;
  const recordSize = reader.u32(0, what);
  if (recordSize < shape.size || recordSize % WORD !== 0) {
    reader.fail('VALUE', 0, `${what}: records of ${recordSize} bytes, ${shape.size} are needed`);
  }
  for (let at = WORD; at < reader.length; ) {
    const section = reader.u32(at, what);
    const count = reader.u32(at + WORD, what);
    at += 2 * WORD;
    reader.require(at, count * recordSize, what);
    for (let i = 0; i < count; i++, at += recordSize) {
      const record = at;
      each(
        section,
        shape.read((word) => reader.u32(record + word * WORD, what)),
      );
    }
  }
}
