// Numbers and records of ELF (System V ABI, gABI 4.2), as far as BPF objects have them, and the relocations of BPF
// (RFC 9669 leaves them out; LLVM's and the kernel's Documentation/bpf/llvm_reloc.rst).

import { bytes, type StructType, struct, u8, u16, u32, u64 } from '../layout.ts';

/** e_ident */
export const ELF_MAGIC: readonly number[] = [0x7f, 0x45, 0x4c, 0x46];
export const IDENT = { CLASS: 4, DATA: 5, VERSION: 6, SIZE: 16 } as const;
export const ELFCLASS64 = 2;
export const ELFDATA = { LSB: 1, MSB: 2 } as const;
export const EV_CURRENT = 1;

/** e_type, e_machine */
export const ET_REL = 1;
export const EM_BPF = 247;

/** sh_type */
export const SHT = {
  NULL: 0,
  PROGBITS: 1,
  SYMTAB: 2,
  STRTAB: 3,
  RELA: 4,
  NOBITS: 8,
  REL: 9,
} as const;
/** sh_flags */
export const SHF = { WRITE: 1, ALLOC: 2, EXECINSTR: 4 } as const;
/** Section numbers from here on mean something else (SHN_ABS, SHN_COMMON ...). */
export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_XINDEX = 0xffff;

/** st_info: binding in the upper four bits, type in the lower. */
export const STB = { LOCAL: 0, GLOBAL: 1, WEAK: 2 } as const;
export const STT = { NOTYPE: 0, OBJECT: 1, FUNC: 2, SECTION: 3, FILE: 4 } as const;
/** st_other */
export const STV_HIDDEN = 2;

/** Relocations of BPF. */
export const R_BPF = {
  NONE: 0,
  /** The 64-bit immediate of a `ld_imm64`. */
  '64_64': 1,
  /** 64 and 32 bits of data. */
  '64_ABS64': 2,
  '64_ABS32': 3,
  /** As 64_ABS32, for .BTF and .BTF.ext. */
  '64_NODYLD32': 4,
  /** The immediate of a call. */
  '64_32': 10,
} as const;

export const ehdr: StructType<{
  e_ident: ReturnType<typeof bytes>;
  e_type: typeof u16;
  e_machine: typeof u16;
  e_version: typeof u32;
  e_entry: typeof u64;
  e_phoff: typeof u64;
  e_shoff: typeof u64;
  e_flags: typeof u32;
  e_ehsize: typeof u16;
  e_phentsize: typeof u16;
  e_phnum: typeof u16;
  e_shentsize: typeof u16;
  e_shnum: typeof u16;
  e_shstrndx: typeof u16;
}> = struct('Elf64_Ehdr', {
  e_ident: bytes(IDENT.SIZE),
  e_type: u16,
  e_machine: u16,
  e_version: u32,
  e_entry: u64,
  e_phoff: u64,
  e_shoff: u64,
  e_flags: u32,
  e_ehsize: u16,
  e_phentsize: u16,
  e_phnum: u16,
  e_shentsize: u16,
  e_shnum: u16,
  e_shstrndx: u16,
});

export const shdr: StructType<{
  sh_name: typeof u32;
  sh_type: typeof u32;
  sh_flags: typeof u64;
  sh_addr: typeof u64;
  sh_offset: typeof u64;
  sh_size: typeof u64;
  sh_link: typeof u32;
  sh_info: typeof u32;
  sh_addralign: typeof u64;
  sh_entsize: typeof u64;
}> = struct('Elf64_Shdr', {
  sh_name: u32,
  sh_type: u32,
  sh_flags: u64,
  sh_addr: u64,
  sh_offset: u64,
  sh_size: u64,
  sh_link: u32,
  sh_info: u32,
  sh_addralign: u64,
  sh_entsize: u64,
});

export const sym: StructType<{
  st_name: typeof u32;
  st_info: typeof u8;
  st_other: typeof u8;
  st_shndx: typeof u16;
  st_value: typeof u64;
  st_size: typeof u64;
}> = struct('Elf64_Sym', {
  st_name: u32,
  st_info: u8,
  st_other: u8,
  st_shndx: u16,
  st_value: u64,
  st_size: u64,
});

export const rel: StructType<{ r_offset: typeof u64; r_info: typeof u64 }> = struct('Elf64_Rel', {
  r_offset: u64,
  r_info: u64,
});
