// The ELF file itself: sections, symbols, relocations; to bytes and back. What they mean to BPF is not known here.
// 64-bit relocatable objects in the machine's byte order only: others could not be run anyway.

import { type MalformedCode, MalformedError, Reader } from '../btf/reader.ts';
import { StringTable } from '../btf/strings.ts';
import { decode, encode, LITTLE_ENDIAN } from '../layout.ts';
import {
  ELF_MAGIC,
  ELFCLASS64,
  ELFDATA,
  EM_BPF,
  ET_REL,
  EV_CURRENT,
  ehdr,
  IDENT,
  rel,
  SHN_LORESERVE,
  SHN_XINDEX,
  SHT,
  STB,
  shdr,
  sym,
} from './abi.ts';

/** A relocation: what to put at an offset of the section it belongs to. */
export interface Relocation {
  /** In bytes. */
  readonly offset: number;
  /** One of `R_BPF`. */
  readonly type: number;
  /** Index of the symbol. */
  readonly symbol: number;
}

export interface Section {
  readonly name: string;
  /** One of `SHT`. */
  readonly type: number;
  /** `SHF` bits. */
  readonly flags: number;
  /** Empty for SHT_NOBITS. */
  readonly data: Uint8Array;
  /** As `data.length`, but for SHT_NOBITS, where it is how much there will be. */
  readonly size: number;
  readonly relocations: readonly Relocation[];
  /** Where it lies in the file that it was read from, in bytes. */
  readonly offset?: number;
}

export interface ElfSymbol {
  readonly name: string;
  /** In bytes from the start of its section. */
  readonly value: number;
  readonly size: number;
  /** Index of a section; 0 for what is defined elsewhere, `SHN_LORESERVE` and above for what is in none. */
  readonly section: number;
  /** One of `STB` and one of `STT`. */
  readonly binding: number;
  readonly type: number;
  /** st_other: 0 is visible to all. */
  readonly visibility: number;
}

/** The first section and the first symbol are always empty: indices start at 1. */
export interface Container {
  readonly sections: readonly Section[];
  readonly symbols: readonly ElfSymbol[];
}

const ALIGNMENT = 8;
const DATA = LITTLE_ENDIAN ? ELFDATA.LSB : ELFDATA.MSB;

/**
 * An object file. The tables of symbols, names and relocations are added; local symbols have to come first.
 */
export function encodeContainer({ sections, symbols }: Container): Uint8Array {
  const names = new StringTable();
  const symbolBytes = concat(
    symbols.map(({ name, value, size, section, binding, type, visibility }) =>
      encode(sym, {
        ...{
          st_name: names.add(name),
          st_info: (binding << 4) | type,
          st_other: visibility,
          st_shndx: section,
        },
        ...{ st_value: BigInt(value), st_size: BigInt(size) },
      }),
    ),
  );
  const firstGlobal = symbols.findIndex((symbol) => symbol.binding !== STB.LOCAL);
  const symtab = sections.length;
  const table = (
    name: string,
    type: number,
    data: Uint8Array,
    link: number,
    info: number,
    entry: number,
  ) => ({
    ...{ name, type, flags: 0, data, size: data.length, link, info, entry },
  });
  const all = [
    ...sections.map((section) => ({ ...section, link: 0, info: 0, entry: 0 })),
    table(
      '.symtab',
      SHT.SYMTAB,
      symbolBytes,
      symtab + 1,
      firstGlobal < 0 ? symbols.length : firstGlobal,
      sym.size,
    ),
    table('.strtab', SHT.STRTAB, new Uint8Array(), 0, 0, 0),
    ...sections.flatMap(({ name, relocations }, index) => {
      if (relocations.length === 0) return [];
      return [table(`.rel${name}`, SHT.REL, encodeRelocations(relocations), symtab, index, rel.size)];
    }),
  ];
  const nameOffsets = all.map(({ name }) => names.add(name));
  all[symtab + 1]!.data = names.bytes();

  const parts: Uint8Array[] = [];
  let at = ehdr.size;
  const headers = all.map(({ type, flags, data, size, link, info, entry }, index) => {
    parts.push(data, new Uint8Array(-data.length & (ALIGNMENT - 1)));
    const offset = at;
    at += data.length + (-data.length & (ALIGNMENT - 1));
    return encode(shdr, {
      ...{ sh_name: nameOffsets[index] ?? 0, sh_type: type, sh_flags: BigInt(flags), sh_addr: 0n },
      ...{ sh_offset: type === SHT.NULL ? 0n : BigInt(offset) },
      ...{ sh_size: BigInt(type === SHT.NOBITS ? size : data.length), sh_link: link, sh_info: info },
      ...{ sh_addralign: type === SHT.NULL ? 0n : BigInt(ALIGNMENT), sh_entsize: BigInt(entry) },
    });
  });
  const ident = new Uint8Array(IDENT.SIZE);
  ident.set([...ELF_MAGIC, ELFCLASS64, DATA, EV_CURRENT]);
  const header = encode(ehdr, {
    ...{ e_ident: ident, e_type: ET_REL, e_machine: EM_BPF, e_version: EV_CURRENT },
    ...{ e_entry: 0n, e_phoff: 0n, e_shoff: BigInt(at), e_flags: 0, e_ehsize: ehdr.size },
    ...{ e_phentsize: 0, e_phnum: 0, e_shentsize: shdr.size, e_shnum: all.length, e_shstrndx: symtab + 1 },
  });
  return concat([header, ...parts, ...headers]);
}

const encodeRelocations = (relocations: readonly Relocation[]): Uint8Array =>
  concat(
    relocations.map(({ offset, type, symbol }) =>
      encode(rel, { r_offset: BigInt(offset), r_info: (BigInt(symbol) << 32n) | BigInt(type) }),
    ),
  );

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Reads an object file. @throws MalformedError */
export function parseContainer(data: Uint8Array): Container {
  const reader = new Reader('ELF', data, LITTLE_ENDIAN);
  const header = readHeader(reader);
  const { count, names: namesIndex } = header;
  const raw = Array.from({ length: count }, (_, i) =>
    readSectionHeader(reader, header.offset + i * shdr.size),
  );
  let total = 0;
  const parts = raw.map(({ type, offset, size, at }) => {
    if (type === SHT.NULL || type === SHT.NOBITS) return reader.part(0, 0, 'section');
    total += size;
    // Sections that share bytes would let a small file stand for any amount of work.
    if (total > data.length) reader.fail('VALUE', at, 'the sections are larger than the file');
    return reader.part(offset, size, 'section');
  });
  const names = parts[namesIndex];
  if (names === undefined)
    return reader.fail('REFERENCE', 0, `no section ${namesIndex} with the names of sections`);
  const symtab = raw.findIndex(({ type }) => type === SHT.SYMTAB);
  const symbols = symtab < 0 ? [] : readSymbols(parts[symtab]!, parts[raw[symtab]!.link] ?? names, count);
  const relocations = raw.map((): Relocation[] => []);
  for (const [index, { type, info, link, at }] of raw.entries()) {
    if (type === SHT.RELA)
      reader.fail('UNSUPPORTED', at, 'relocations with addends (SHT_RELA): BPF has none');
    if (type !== SHT.REL) continue;
    const target = relocations[info];
    if (target === undefined || link !== symtab) {
      return reader.fail('REFERENCE', at, `relocations of section ${info}`);
    }
    for (const relocation of readRelocations(parts[index]!, symbols.length)) target.push(relocation);
  }
  return {
    sections: raw.map(({ name, type, flags, size, offset }, index) => ({
      ...{ offset, name: names.length === 0 ? '' : names.text(name, 'name of a section') },
      ...{ type, flags, size, data: parts[index]!.data, relocations: relocations[index]! },
    })),
    symbols,
  };
}

function readHeader(reader: Reader): { offset: number; count: number; names: number } {
  reader.require(0, ehdr.size, 'ELF header');
  const header = decode(ehdr, reader.data);
  const ident = header.e_ident;
  if (ELF_MAGIC.some((byte, i) => ident[i] !== byte)) reader.fail('MAGIC', 0, 'no ELF file');
  if (ident[IDENT.CLASS] !== ELFCLASS64) reader.fail('UNSUPPORTED', IDENT.CLASS, 'no 64-bit object');
  if (ident[IDENT.DATA] !== DATA) {
    const order = ident[IDENT.DATA] === ELFDATA.MSB ? 'big-endian' : 'little-endian';
    reader.fail('UNSUPPORTED', IDENT.DATA, `a ${order} object, which this machine cannot run`);
  }
  if (header.e_type !== ET_REL)
    reader.fail('UNSUPPORTED', 16, `no relocatable object but type ${header.e_type}`);
  if (header.e_machine !== EM_BPF)
    reader.fail('UNSUPPORTED', 18, `an object for machine ${header.e_machine}, not BPF`);
  if (header.e_shentsize !== shdr.size) {
    reader.fail('VALUE', 58, `section headers of ${header.e_shentsize} bytes, not ${shdr.size}`);
  }
  const offset = toNumber(reader, header.e_shoff, 40);
  // More sections than 16 bits can say: the first header has the numbers.
  const first =
    header.e_shnum === 0 || header.e_shstrndx === SHN_XINDEX ? readSectionHeader(reader, offset) : undefined;
  const count = header.e_shnum === 0 ? (first?.size ?? 0) : header.e_shnum;
  reader.require(offset, count * shdr.size, 'section headers');
  const names = header.e_shstrndx === SHN_XINDEX ? (first?.link ?? 0) : header.e_shstrndx;
  return { offset, count, names };
}

function readSectionHeader(reader: Reader, at: number) {
  const header = decode(shdr, reader.bytes(at, shdr.size, 'section header'));
  return {
    ...{ at, name: header.sh_name, type: header.sh_type, link: header.sh_link, info: header.sh_info },
    flags: Number(header.sh_flags & 0xffff_ffffn),
    offset: toNumber(reader, header.sh_offset, at + shdr.offsets.sh_offset),
    size: toNumber(reader, header.sh_size, at + shdr.offsets.sh_size),
  };
}

function readSymbols(table: Reader, names: Reader, sections: number): ElfSymbol[] {
  if (table.length % sym.size !== 0) table.fail('VALUE', 0, `a symbol table of ${table.length} bytes`);
  return Array.from({ length: table.length / sym.size }, (_, i) => {
    const at = i * sym.size;
    const { st_name, st_info, st_other, st_shndx, st_value, st_size } = decode(
      sym,
      table.bytes(at, sym.size, 'symbol'),
    );
    if (st_shndx >= sections && st_shndx < SHN_LORESERVE) {
      table.fail('REFERENCE', at, `symbol ${i} is in section ${st_shndx} of ${sections}`);
    }
    return {
      name: names.length === 0 ? '' : names.text(st_name, `name of symbol ${i}`),
      value: toNumber(table, st_value, at + sym.offsets.st_value),
      size: toNumber(table, st_size, at + sym.offsets.st_size),
      ...{ section: st_shndx, binding: st_info >> 4, type: st_info & 0xf, visibility: st_other },
    };
  });
}

function readRelocations(table: Reader, symbols: number): Relocation[] {
  if (table.length % rel.size !== 0) table.fail('VALUE', 0, `a relocation table of ${table.length} bytes`);
  return Array.from({ length: table.length / rel.size }, (_, i) => {
    const at = i * rel.size;
    const { r_offset, r_info } = decode(rel, table.bytes(at, rel.size, 'relocation'));
    const symbol = Number(r_info >> 32n);
    if (symbol >= symbols) table.fail('REFERENCE', at, `relocation of symbol ${symbol} of ${symbols}`);
    return { offset: toNumber(table, r_offset, at), type: Number(r_info & 0xffff_ffffn), symbol };
  });
}

function toNumber(reader: Reader, value: bigint, at: number): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) reader.fail('VALUE', at, `${value} is behind every end`);
  return Number(value);
}

/** A complaint about the byte at `at` of a section. */
export function malformed(section: Section, at: number, code: MalformedCode, message: string): never {
  throw new MalformedError('ELF', code, (section.offset ?? 0) + at, `section ${section.name}: ${message}`);
}
