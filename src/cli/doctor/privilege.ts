// The doctor on privileges: capabilities, the place for pins, limits.

import { type Capability, type Machine, missingCapabilities, type Obstacle } from '../../loader/index.ts';
import { type Finding, ok, worse } from './finding.ts';

export interface PrivilegeFacts {
  /** /proc/self/status */
  readonly status: string;
  readonly uid: number | undefined;
  readonly machine: Machine;
  /** What is in the way besides capabilities, when bpf(2) was tried and refused. */
  readonly obstacles: readonly Obstacle[];
}

const NEEDED: readonly Capability[] = ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON'];
const WHY: { readonly [C in Capability]?: string } = {
  CAP_BPF: 'maps and programs cannot be made',
  CAP_NET_ADMIN: 'programs cannot be put on interfaces',
  CAP_PERFMON: 'the verifier lets no variable offset be added to packet pointers, which the programs need',
};

export function privilegeFindings({ status, uid, machine, obstacles }: PrivilegeFacts): Finding[] {
  const missing = missingCapabilities(status, NEEDED);
  const others = obstacles.filter(({ kind }) => kind !== 'capability');
  return [
    ...(missing.length === 0
      ? [ok('privilege.capabilities', `this process has ${NEEDED.join(', ')}`)]
      : missing.map((name) =>
          worse(
            'missing',
            `privilege.${name}`,
            `no ${name}: ${WHY[name]}`,
            'run it as root, with sudo, or grant it',
          ),
        )),
    ...(missingCapabilities(status, ['CAP_SYS_ADMIN']).length === 0
      ? []
      : [
          worse(
            'note',
            'privilege.CAP_SYS_ADMIN',
            'no CAP_SYS_ADMIN: --netns cannot enter another network namespace',
            'run it inside of the namespace, or grant it',
          ),
        ]),
    ...others.map(({ kind, what, remedy }) => worse('missing', `privilege.${kind}`, what, remedy)),
    bpffsFinding(machine, uid),
    ...memlockFindings(machine),
  ];
}

function bpffsFinding({ bpffs: { path, mounted, writable } }: Machine, uid: number | undefined): Finding {
  if (mounted && writable) return ok('privilege.bpffs', `pins can be made in the bpffs at ${path}`);
  if (uid !== 0) {
    const remedy = `as root: mkdir -p DIR && mount -t bpf bpf DIR && chown ${uid ?? 'USER'} DIR, then use --bpffs DIR`;
    const what = mounted ? 'belongs to somebody else' : 'is not there, or may not be entered';
    return worse('missing', 'privilege.bpffs', `the bpffs at ${path} ${what}`, remedy);
  }
  // To root the usual place is not forbidden, only empty; attach mounts it by itself.
  if (mounted)
    return worse(
      'missing',
      'privilege.bpffs',
      `the bpffs at ${path} cannot be written to`,
      `mount -o remount,rw ${path}`,
    );
  return worse(
    'warning',
    'privilege.bpffs',
    `no bpffs at ${path}`,
    `mount -t bpf bpf ${path} (attach does it where that lasts)`,
  );
}

/** Less than this does not hold the maps of an instance of the usual size. */
const ENOUGH_MEMLOCK = 64 * 1024 * 1024;

function memlockFindings({ memlock, memlockCharged }: Machine): Finding[] {
  if (!memlockCharged)
    return [
      ok('privilege.memlock', 'memory is charged to the memory cgroup; RLIMIT_MEMLOCK does not matter'),
    ];
  if (memlock === undefined || memlock === 'unlimited' || Number(memlock) >= ENOUGH_MEMLOCK) {
    return [ok('privilege.memlock', `RLIMIT_MEMLOCK is ${memlock ?? 'unknown'}`)];
  }
  const what = `this kernel charges maps to RLIMIT_MEMLOCK, which is ${memlock} bytes; it is raised where that is allowed`;
  return [
    worse(
      'note',
      'privilege.memlock',
      what,
      "otherwise 'ulimit -l unlimited', or LimitMEMLOCK=infinity in systemd",
    ),
  ];
}
