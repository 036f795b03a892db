// What the kernel says of types: struct bpf_btf_info of include/uapi/linux/bpf.h.

import { struct, u32, u64 } from '../../../asm/data.ts';
import { Answer } from './answer.ts';

const btf = struct('bpf_btf_info', {
  btf: u64,
  btf_size: u32,
  id: u32,
  name: u64,
  name_len: u32,
  kernel_btf: u32,
});

export const BTF_INFO_SIZE: number = btf.size;

/** Offsets of what points to more, and of how much there is. */
export const BTF_INFO: { readonly [F in 'btf' | 'btf_size' | 'name' | 'name_len']: number } = btf.offsets;

export interface BtfInfo {
  readonly id: number;
  /** Bytes of the types as they were loaded. */
  readonly size: number;
  /** Whether these are the kernel's or a module's own. Since Linux 5.11. */
  readonly kernel: boolean | undefined;
  /** Bytes of the name, without the zero at its end; the kernel's and its modules' have one. */
  readonly nameLength: number | undefined;
}

/** BTF_MAX_SIZE of newer kernels is 16 MiB; their own types may be larger. */
const MAX_BTF = 256 * 1024 * 1024;
/** A module's name (MODULE_NAME_LEN), and some. */
const MAX_BTF_NAME = 1024;

/** @param data as long as `INFO_SIZE.btf`, of which the kernel has written `length` bytes. @throws LoaderError `EINFO` */
export function decodeBtfInfo(data: Uint8Array, length: number, what: string): BtfInfo {
  const { offsets } = btf;
  const answer = new Answer<keyof typeof offsets>(what, btf, data, length, offsets.name);
  return {
    id: answer.u32('id'),
    size: answer.most('btf_size', MAX_BTF),
    kernel: answer.known('kernel_btf', u32.size, (field) => answer.u32(field) !== 0),
    nameLength: answer.known('name_len', u32.size, (field) => answer.most(field, MAX_BTF_NAME)),
  };
}
