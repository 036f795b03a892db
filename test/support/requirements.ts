// Says in one sentence what a machine lacks for the end-to-end tests, instead of a hundred odd failures.

import { existsSync, readFileSync } from 'node:fs';
import process from 'node:process';
import type { TestFn } from 'ava';

function missing(): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8');
  return [
    ...(process.getuid?.() === 0 ? [] : ['root']),
    ...(existsSync('/sys/kernel/btf/vmlinux') ? [] : ['a kernel with BTF (CONFIG_DEBUG_INFO_BTF)']),
    ...(/ \/sys\/fs\/bpf bpf /.test(mounts) ? [] : ['bpffs at /sys/fs/bpf']),
  ];
}

/** Makes every test of the file fail where namespaces and BPF are out of reach. They are never skipped. */
export function needsRootAndBpf(test: TestFn): void {
  test.before('root and BPF', (t) => {
    t.deepEqual(missing(), [], 'the end-to-end tests need this');
  });
}
