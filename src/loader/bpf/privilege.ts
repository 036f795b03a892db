// Why bpf(2) answers EPERM, and the one cause that can be removed from here: a low RLIMIT_MEMLOCK, which
// kernels before 5.11 charge maps and programs to.

import { readFileSync } from 'node:fs';
import { libc } from '../ffi.ts';

/** include/uapi/linux/capability.h */
const CAP_NET_ADMIN = 12;
const CAP_SYS_ADMIN = 21;
const CAP_BPF = 39;
/** include/uapi/asm-generic/resource.h */
const RLIMIT_MEMLOCK = 8;

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
};

/** Names those of the needed capabilities that `status` (the text of /proc/self/status) lacks. */
export function missingCapabilities(status: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const has = (capability: number) => (effective & (1n << BigInt(capability))) !== 0n;
  const missing: string[] = [];
  if (!has(CAP_SYS_ADMIN) && !has(CAP_BPF)) missing.push('CAP_BPF');
  if (!has(CAP_NET_ADMIN)) missing.push('CAP_NET_ADMIN');
  return missing;
}

/** What stands in the way of bpf(2), and how to remove it, as the end of an error message. */
export function permissionHint(): string {
  const missing = missingCapabilities(read('/proc/self/status') ?? '');
  if (missing.length > 0) {
    const closed = read('/proc/sys/kernel/unprivileged_bpf_disabled') !== '0';
    const why = closed ? ' (unprivileged BPF is off on this machine)' : '';
    return `this process lacks ${missing.join(' and ')}${why}: run it as root, with sudo, or grant them`;
  }
  if (read('/sys/kernel/security/lockdown')?.includes('[confidentiality]') === true) {
    return "the kernel is locked down ('confidentiality'): boot with lockdown=integrity or without it";
  }
  return 'the privileges are there, so a security module, a seccomp filter (a container?) or RLIMIT_MEMLOCK is in the way: allow bpf(2) there, or raise the limit with ulimit -l unlimited';
}

let raised = false;

/** Lifts RLIMIT_MEMLOCK, once. @returns whether another attempt is worth it. */
export function raiseMemlock(): boolean {
  if (raised) return false;
  raised = true;
  const unlimited = new Uint8Array(16).fill(0xff);
  return libc('prlimit', 0, RLIMIT_MEMLOCK, unlimited, null) === 0;
}

/** What ENOMEM means from bpf(2): the kernel charges the memory cgroup, too. */
export const MEMORY_HINT =
  "the kernel has no memory for it, or the process's memory cgroup does not allow it: ask for less (fewer entries), or raise the limit";
