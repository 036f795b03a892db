// Numbers and records of BTF, under the kernel's names (include/uapi/linux/btf.h, Documentation/bpf/btf.rst).

import { type ScalarType, type StructType, struct, u8, u16, u32 } from '../layout.ts';

export const BTF_MAGIC = 0xeb9f;
export const BTF_VERSION = 1;
/** Bytes of `struct btf_header`; newer ones may be longer, and say so. */
export const BTF_HEADER_SIZE = 24;
/** Highest number of a type. */
export const BTF_MAX_TYPE = 0x000f_ffff;
/** Most members, values or parameters of one type. */
export const BTF_MAX_VLEN = 0xffff;

/** enum BTF_KIND_* by the kernel's names in lower case. */
export const BTF_KINDS = {
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  fwd: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  func: 12,
  func_proto: 13,
  var: 14,
  datasec: 15,
  float: 16,
  decl_tag: 17,
  type_tag: 18,
  enum64: 19,
} as const;

/** BTF_INT_*: how an integer is to be shown. */
export const BTF_INT = { SIGNED: 1, CHAR: 2, BOOL: 4 } as const;
/** BTF_FUNC_*: linkage of a function. */
export const BTF_FUNC = { STATIC: 0, GLOBAL: 1, EXTERN: 2 } as const;
/** BTF_VAR_*: linkage of a variable. */
export const BTF_VAR = { STATIC: 0, GLOBAL_ALLOCATED: 1, GLOBAL_EXTERN: 2 } as const;

/** `struct btf_header`: sections are counted from the end of the header. */
export const btfHeader: StructType<{
  magic: ScalarType<'u16'>;
  version: ScalarType<'u8'>;
  flags: ScalarType<'u8'>;
  hdr_len: ScalarType<'u32'>;
  type_off: ScalarType<'u32'>;
  type_len: ScalarType<'u32'>;
  str_off: ScalarType<'u32'>;
  str_len: ScalarType<'u32'>;
}> = struct('btf_header', {
  magic: u16,
  version: u8,
  flags: u8,
  hdr_len: u32,
  type_off: u32,
  type_len: u32,
  str_off: u32,
  str_len: u32,
});

/** Bytes of `struct btf_ext_header` up to the line information, and with the CO-RE relocations. */
export const BTF_EXT_HEADER_MIN = 24;
export const BTF_EXT_HEADER_SIZE = 32;
/** Bytes of `struct bpf_func_info`, `struct bpf_line_info` and `struct bpf_core_relo`. */
export const FUNC_INFO_SIZE = 8;
export const LINE_INFO_SIZE = 16;
export const CORE_RELO_SIZE = 16;

/** BPF_LINE_INFO_LINE_COL: the line in the upper 22 bits, the column in the lower 10. */
export const MAX_LINE = 0x3f_ffff;
export const MAX_COLUMN = 0x3ff;
export const lineColumn = (line: number, column: number): number => ((line << 10) | column) >>> 0;
export const lineOf = (lineCol: number): number => lineCol >>> 10;
export const columnOf = (lineCol: number): number => lineCol & MAX_COLUMN;
