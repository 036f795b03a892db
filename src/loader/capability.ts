// The capabilities that BPF and networking ask for (include/uapi/linux/capability.h, capabilities(7)), and which of
// them a process has.

import { readFileSync } from 'node:fs';

export const CAPABILITIES = {
  CAP_NET_ADMIN: 12,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;

export type Capability = keyof typeof CAPABILITIES;

/** What the kernel wants of whoever loads networking programs. CAP_BPF: since Linux 5.8, CAP_SYS_ADMIN before. */
export const NEEDED: readonly Capability[] = ['CAP_BPF', 'CAP_NET_ADMIN'];

/** The effective set in the text of /proc/PID/status, as bits. */
export function effectiveCapabilities(status: string): bigint {
  return BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
}

/** Whether the set has it; CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, which were once part of it. */
export function hasCapability(set: bigint, capability: Capability): boolean {
  const has = (name: Capability): boolean => (set & (1n << BigInt(CAPABILITIES[name]))) !== 0n;
  if (has(capability)) return true;
  return (capability === 'CAP_BPF' || capability === 'CAP_PERFMON') && has('CAP_SYS_ADMIN');
}

/** Names those of the needed capabilities that `status` (the text of /proc/self/status) lacks. */
export function missingCapabilities(status: string, needed: readonly Capability[] = NEEDED): Capability[] {
  const set = effectiveCapabilities(status);
  return needed.filter((capability) => !hasCapability(set, capability));
}

/** A file of /proc or /sys, without the blanks at its ends; undefined where it cannot be read. */
export function readTrimmed(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
