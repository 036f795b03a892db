// Why the kernel says no, told apart. Some of it needs root.

import { spawnSync } from 'node:child_process';
import test from 'ava';
import { missingCapabilities } from '../../src/loader/capability.ts';
import { ERRNO, systemError } from '../../src/loader/index.ts';
import {
  memlockLimit,
  type ObstacleKind,
  obstacles,
  type PrivilegeFacts,
} from '../../src/loader/obstacle.ts';

const status = (hex: string, more = '') => `Name:\tnode\nCapEff:\t${hex}\nCapBnd:\t000001ffffffffff\n${more}`;
const ALL = '000001ffffffffff';

test('the capabilities that bpf(2) needs, and those that stand for them', (t) => {
  t.deepEqual(missingCapabilities(status(ALL)), []);
  t.deepEqual(missingCapabilities(status('0000000000000000')), ['CAP_BPF', 'CAP_NET_ADMIN']);
  // CAP_SYS_ADMIN (21) and CAP_NET_ADMIN (12), as before Linux 5.8
  t.deepEqual(missingCapabilities(status('0000000000201000')), []);
  t.deepEqual(missingCapabilities(status('0000008000000000')), ['CAP_NET_ADMIN']);
  t.deepEqual(missingCapabilities(status('0000008000001000'), ['CAP_PERFMON', 'CAP_BPF']), ['CAP_PERFMON']);
});

/** A process that may do everything, on a kernel that lets it. */
const free: PrivilegeFacts = {
  status: status(ALL, 'Seccomp:\t0\n'),
  uidMap: '0          0 4294967295',
  unprivilegedBpfDisabled: '2',
  lockdown: '[none] integrity confidentiality',
  limits: 'Max locked memory         8388608              8388608              bytes\n',
  label: 'unconfined',
  lastCapability: 40,
  release: '6.18.44',
};

const cases: readonly (readonly [ObstacleKind, Partial<PrivilegeFacts>, RegExp])[] = [
  [
    'capability',
    { status: status('0000008000000000') },
    /^this process lacks CAP_NET_ADMIN: run it as root, with sudo, or grant them$/,
  ],
  [
    'capability',
    { status: status('0000000000001000'), unprivilegedBpfDisabled: '1' },
    /lacks CAP_BPF \(unprivileged BPF is off: kernel\.unprivileged_bpf_disabled=1\)/,
  ],
  [
    'capability',
    { status: status('0'), unprivilegedBpfDisabled: '0' },
    /^this process lacks CAP_BPF and CAP_NET_ADMIN:/,
  ],
  [
    'capability',
    { status: status('0'), lastCapability: 37, release: '5.4.0', unprivilegedBpfDisabled: undefined },
    /lacks CAP_SYS_ADMIN and CAP_NET_ADMIN:/,
  ],
  ['user_namespace', { uidMap: '0       1000          1' }, /user namespace/],
  [
    'lockdown',
    { lockdown: 'none integrity [confidentiality]' },
    /locked down \('confidentiality'\): boot with/,
  ],
  ['memlock', { release: '5.10.0-34-amd64' }, /RLIMIT_MEMLOCK, which is 8388608 bytes.*ulimit -l unlimited/],
  ['seccomp', { status: status(ALL, 'Seccomp:\t2\n') }, /seccomp filter/],
  ['security_module', { label: 'docker-default (enforce)' }, /'docker-default \(enforce\)'/],
  ['security_module', {}, /security module that shows nothing/],
];

test('what is in the way is told apart', (t) => {
  for (const [kind, facts, text] of cases) {
    const [first] = obstacles({ ...free, ...facts });
    t.is(first?.kind, kind);
    t.regex(`${first?.what}: ${first?.remedy}`, text);
  }
  const unlimited = { limits: 'Max locked memory         unlimited            unlimited            bytes\n' };
  t.is(obstacles({ ...free, release: '5.10.0', ...unlimited })[0]?.kind, 'security_module');
  t.is(memlockLimit(unlimited.limits), 'unlimited');
  // Integrity forbids nothing of what is done here.
  t.is(obstacles({ ...free, lockdown: 'none [integrity] confidentiality' })[0]?.kind, 'security_module');
});

const loader = new URL('../../src/loader/index.js', import.meta.url).href;
const CREATE = `import('${loader}').then(({ RawMap }) => {
  RawMap.create({ name: 'x', type: 'lru_hash', keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 });
  console.log('made');
}).catch((error) => console.log(error.code, error.message))`;

/** What comes of making a map in another process. */
function create(command: string, ...args: string[]): string {
  const { stdout, stderr } = spawnSync(command, [...args, process.execPath, '-e', CREATE], {
    encoding: 'utf8',
    cwd: '/',
  });
  return stdout + stderr;
}

test('without privilege: one line that says what is missing', (t) => {
  t.regex(
    create('setpriv', '--reuid=65534', '--clear-groups', '--inh-caps=-all'),
    /^EPERM cannot create map 'x': EPERM; this process lacks CAP_BPF and CAP_NET_ADMIN.*: run it as root, with sudo, or grant them\n$/,
  );
  t.regex(
    create('setpriv', '--bounding-set=-all,+net_admin', '--inh-caps=-all'),
    /^EPERM cannot create map 'x': EPERM; this process lacks CAP_BPF \(unprivileged BPF is off: kernel\.unprivileged_bpf_disabled=[12]\)/,
  );
  t.is(create('setpriv', '--bounding-set=-all,+net_admin,+bpf', '--inh-caps=-all'), 'made\n');
});

test('as root of a user namespace: that is named, since all capabilities seem to be there', (t) => {
  t.regex(
    create('unshare', '--user', '--map-root-user'),
    /^EPERM .*capabilities are those of a user namespace/,
  );
});

/** The first bpf(2) calls of the process answer with an error; `when` as strace has it. */
const injected = (error: string, when: string): string =>
  create(
    'strace',
    '-f',
    '-o',
    '/dev/null',
    '-e',
    'trace=bpf',
    '-e',
    `inject=bpf:error=${error}:when=${when}`,
  );

test('interrupted calls are repeated, with a bound', (t) => {
  t.is(injected('EAGAIN', '1..20'), 'made\n');
  t.is(injected('EINTR', '1..20'), 'made\n');
  t.regex(
    injected('EAGAIN', '1+'),
    /^EAGAIN cannot create map 'x': EAGAIN; the kernel was interrupted again and again/,
  );
});

test('no memory, too large: said with what to do', (t) => {
  t.regex(injected('ENOMEM', '1+'), /^ENOMEM .*no memory/);
  t.regex(
    injected('E2BIG', '1+'),
    /^E2BIG cannot create map 'x': E2BIG; keys, values or all of it together are larger/,
  );
  t.regex(injected('ENOSYS', '1+'), /^ENOSYS .*CONFIG_BPF_SYSCALL/);
});

test('errors of other commands say what they mean there', (t) => {
  const hintOf = (errno: number, syscall: string) => systemError(-errno, syscall, 'cannot').hint ?? '';
  t.regex(hintOf(ERRNO.EBUSY, 'bpf(BPF_LINK_CREATE)'), /another program is there already/);
  t.regex(hintOf(ERRNO.ESTALE, 'bpf(BPF_LINK_CREATE)'), /order of the programs/);
  t.regex(hintOf(ERRNO.EBUSY, 'bpf(BPF_MAP_FREEZE)'), /mapped writable/);
  t.regex(hintOf(ERRNO.EPERM, 'bpf(BPF_OBJ_PIN)'), /must be on a bpffs/);
  t.is(hintOf(ERRNO.EBUSY, 'recv'), '');
  t.is(systemError(-ERRNO.EBUSY, 'bpf(BPF_MAP_FREEZE)', 'cannot', { detail: 'why' }).hint, undefined);
});
