// Why the kernel answers EPERM. It never says which of half a dozen things it was; what can be seen of them in /proc and
// /sys, before and after, tells it apart.

import { release } from 'node:os';
import process from 'node:process';
import { type Capability, missingCapabilities, NEEDED, readTrimmed } from './capability.ts';

export type ObstacleKind =
  /** A capability is missing. */
  | 'capability'
  /** The capabilities are there, but only in a user namespace. */
  | 'user_namespace'
  /** The kernel is locked down. */
  | 'lockdown'
  /** Kernels before 5.11: RLIMIT_MEMLOCK. */
  | 'memlock'
  /** A seccomp filter, as containers have them. */
  | 'seccomp'
  /** A security module: AppArmor, SELinux, or one that shows nothing. */
  | 'security_module';

/** One thing in the way. */
export interface Obstacle {
  readonly kind: ObstacleKind;
  /** What is wrong, as a clause. */
  readonly what: string;
  /** What removes it, as an imperative. */
  readonly remedy: string;
}

/** What can be seen from a process; undefined is what could not be read. */
export interface PrivilegeFacts {
  /** /proc/self/status */
  readonly status: string;
  /** /proc/self/uid_map: `0 0 4294967295` outside every user namespace. */
  readonly uidMap: string | undefined;
  /** /proc/sys/kernel/unprivileged_bpf_disabled: 0, 1 for good, 2 until an administrator changes it. */
  readonly unprivilegedBpfDisabled: string | undefined;
  /** /sys/kernel/security/lockdown: `none [integrity] confidentiality`. */
  readonly lockdown: string | undefined;
  /** /proc/self/limits */
  readonly limits: string | undefined;
  /** The security module's label: /proc/self/attr/current. */
  readonly label: string | undefined;
  /** The highest capability that the kernel knows: /proc/sys/kernel/cap_last_cap. */
  readonly lastCapability: number | undefined;
  /** uname -r. Only for what leaves no other trace. */
  readonly release: string;
}

export function readPrivilegeFacts(): PrivilegeFacts {
  const last = readTrimmed('/proc/sys/kernel/cap_last_cap');
  return {
    status: readTrimmed('/proc/self/status') ?? '',
    uidMap: readTrimmed('/proc/self/uid_map'),
    unprivilegedBpfDisabled: readTrimmed('/proc/sys/kernel/unprivileged_bpf_disabled'),
    lockdown: readTrimmed('/sys/kernel/security/lockdown'),
    limits: readTrimmed('/proc/self/limits'),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: AppArmor ends its label with a zero byte.
    label: readTrimmed('/proc/self/attr/current')?.replace(/\u0000+$/, ''),
    lastCapability: last === undefined ? undefined : Number(last),
    release: release(),
  };
}

const CAP_BPF_NUMBER = 39;

/** What stands in the way of bpf(2), the surest first; never empty, since something does. */
export function obstacles(facts: PrivilegeFacts, needed: readonly Capability[] = NEEDED): Obstacle[] {
  const seen = [
    capability(facts, needed),
    userNamespace(facts),
    lockdown(facts),
    memlock(facts),
    seccomp(facts),
    label(facts),
  ];
  const found = seen.filter((obstacle) => obstacle !== undefined);
  return found.length > 0 ? found : [UNSEEN];
}

const UNSEEN: Obstacle = {
  kind: 'security_module',
  what: 'the privileges are there, so a security module that shows nothing of itself is in the way',
  remedy: 'allow bpf(2) there',
};

function capability(
  { status, unprivilegedBpfDisabled, lastCapability }: PrivilegeFacts,
  needed: readonly Capability[],
): Obstacle | undefined {
  const missing = missingCapabilities(status, needed);
  if (missing.length === 0) return undefined;
  // Before Linux 5.8 there is no CAP_BPF to grant.
  const old = lastCapability !== undefined && lastCapability < CAP_BPF_NUMBER;
  const names = old ? missing.map((name) => (name === 'CAP_BPF' ? 'CAP_SYS_ADMIN' : name)) : missing;
  const closed =
    missing.includes('CAP_BPF') && unprivilegedBpfDisabled !== undefined && unprivilegedBpfDisabled !== '0';
  const why = closed
    ? ` (unprivileged BPF is off: kernel.unprivileged_bpf_disabled=${unprivilegedBpfDisabled})`
    : '';
  return {
    kind: 'capability',
    what: `this process lacks ${names.join(' and ')}${why}`,
    remedy: 'run it as root, with sudo, or grant them',
  };
}

function userNamespace({ uidMap }: PrivilegeFacts): Obstacle | undefined {
  if (uidMap === undefined || /^0\s+0\s+4294967295$/.test(uidMap)) return undefined;
  return {
    kind: 'user_namespace',
    what: 'its capabilities are those of a user namespace, and the kernel wants them of the whole system',
    remedy: 'run it outside of the user namespace (a rootless container?)',
  };
}

function lockdown({ lockdown: modes }: PrivilegeFacts): Obstacle | undefined {
  const mode = /\[(\w+)\]/.exec(modes ?? '')?.[1];
  if (mode !== 'confidentiality') return undefined;
  return {
    kind: 'lockdown',
    what: "the kernel is locked down ('confidentiality')",
    remedy: 'boot with lockdown=integrity or without it',
  };
}

/** Since Linux 5.11 maps and programs are charged to the memory cgroup instead. */
const MEMCG_MAJOR = 5;
const MEMCG_MINOR = 11;

/** Whether a kernel of this version charges maps and programs to RLIMIT_MEMLOCK. */
export function chargesMemlock(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major < MEMCG_MAJOR || (major === MEMCG_MAJOR && minor < MEMCG_MINOR);
}

function memlock({ release: version, limits }: PrivilegeFacts): Obstacle | undefined {
  if (!chargesMemlock(version)) return undefined;
  const limit = memlockLimit(limits);
  if (limit === undefined || limit === 'unlimited') return undefined;
  return {
    kind: 'memlock',
    what: `this kernel charges maps and programs to RLIMIT_MEMLOCK, which is ${limit} bytes and could not be raised`,
    remedy:
      "raise it with 'ulimit -l unlimited' as root (systemd: LimitMEMLOCK=infinity), or grant CAP_SYS_RESOURCE",
  };
}

/** The soft limit in the text of /proc/self/limits: bytes, or `unlimited`. */
export const memlockLimit = (limits: string | undefined): string | undefined =>
  /^Max locked memory\s+(\S+)/m.exec(limits ?? '')?.[1];

function seccomp({ status }: PrivilegeFacts): Obstacle | undefined {
  if (!/^Seccomp:\s*2$/m.test(status)) return undefined;
  return {
    kind: 'seccomp',
    what: 'the privileges are there, but a seccomp filter is on this process (a container?)',
    remedy: 'allow bpf(2) in the seccomp profile',
  };
}

function label({ label: text }: PrivilegeFacts): Obstacle | undefined {
  if (text === undefined || text === '' || /^(unconfined|kernel)\b|unconfined_t/.test(text)) return undefined;
  return {
    kind: 'security_module',
    what: `the privileges are there, but the security module confines this process as '${text}'`,
    remedy: 'allow bpf(2) in its policy',
  };
}

/** What stands in the way of this process, and how to remove it, as the end of an error message. */
export function permissionHint(needed: readonly Capability[] = NEEDED): string {
  const [first] = obstacles(readPrivilegeFacts(), needed);
  return `${first?.what}: ${first?.remedy}`;
}

/**
 * What to do where the file system refuses pins, as the end of an error message: capabilities for bpf(2) are of no use
 * there, but a folder of one's own is.
 */
export function folderHint(): string {
  if (process.geteuid?.() === 0) return permissionHint();
  return 'it belongs to somebody else: run it as root, with sudo, or with --bpffs DIR (TSNAT_BPFFS) on a bpffs of your own';
}
