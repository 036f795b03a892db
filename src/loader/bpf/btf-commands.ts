// BPF_BTF_LOAD: types and lines into the kernel. They are an extra: whatever a kernel does not know of them, maps
// and programs are made without (Linux 4.18 has types of maps, 5.0 functions and lines of programs).

import { closeSync } from 'node:fs';
import { BTF_FUNC, BTF_INT, encodeBtf, struct, u32, u64 } from '../../asm/data.ts';
import { BPF_BTF_LOAD } from './abi.ts';
import { Frame, spaceFor } from './frame.ts';

const { offsets: load, size: loadSize } = struct('bpf_attr_btf_load', {
  btf: u64,
  btf_log_buf: u64,
  btf_size: u32,
  btf_log_size: u32,
  btf_log_level: u32,
  pad: u32,
});

/** @returns a descriptor, or -errno. */
export function loadBtf(data: Uint8Array): number {
  const frame = new Frame(loadSize, spaceFor(data.length));
  frame.pointer(load.btf, frame.put(data));
  frame.u32(load.btf_size, data.length);
  return frame.call(BPF_BTF_LOAD);
}

let functions: boolean | undefined;

/** Whether this kernel takes functions in BTF, and so their records and those of lines. Asked once. */
export function functionsSupported(): boolean {
  if (functions === undefined) {
    const fd = loadBtf(
      encodeBtf([
        { kind: 'void' },
        { kind: 'int', name: 'int', size: 4, bits: 32, offset: 0, encoding: BTF_INT.SIGNED },
        { kind: 'func_proto', returns: 1, parameters: [] },
        { kind: 'func', name: 'probe', type: 2, linkage: BTF_FUNC.STATIC },
      ]),
    );
    functions = fd >= 0;
    if (fd >= 0) closeSync(fd);
  }
  return functions;
}

/**
 * Runs `use` with the descriptor of `data`, or with undefined where there is none, and closes it: what was made with
 * it holds it from then on.
 */
export function withBtf<T>(data: Uint8Array | undefined, use: (fd: number | undefined) => T): T {
  const fd = data === undefined ? -1 : loadBtf(data);
  try {
    return use(fd < 0 ? undefined : fd);
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
