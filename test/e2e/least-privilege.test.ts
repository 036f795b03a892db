// As a user who is not root: what it takes, that all of it works, and what is said where something is missing.
// And whoever it is: no other program is run, and nothing is written but pins and the files that were named.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { must, type Result, run } from '../support/command.ts';
import { Namespace } from '../support/namespace.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { CLI, ROOT } from '../support/root.ts';
import { TC_HOOKS } from '../support/tcx.ts';

needsRootAndBpf(test);

const USER = 4242;
/** Kernels before 5.11 charge maps to a limit that only the privileged raise; elsewhere it does not matter. */
const UNLIMITED = ['sh', '-c', 'ulimit -l unlimited 2>/dev/null; exec "$@"', 'sh'];
const ENOUGH = ['bpf', 'net_admin', 'perfmon'];

/** A namespace with an interface, and a bpffs that belongs to the user. */
interface Site {
  readonly namespace: Namespace;
  readonly bpffs: string;
  /** Runs tsnat as the user with these capabilities; `before` comes before node. */
  tsnat(
    args: readonly string[],
    capabilities?: readonly string[],
    before?: readonly string[],
  ): Promise<Result>;
}

async function site(t: ExecutionContext): Promise<Site> {
  const namespace = await Namespace.make('least');
  const bpffs = mkdtempSync(join(tmpdir(), 'tsnat-least-'));
  t.teardown(async () => {
    await run('umount', [bpffs]);
    rmSync(bpffs, { recursive: true, force: true });
    await namespace.remove();
  });
  await must('mount', ['-t', 'bpf', 'bpf', bpffs, '-o', 'mode=0700']);
  await must('chown', [`${USER}:${USER}`, bpffs]);
  await namespace.ip('link add out0 type veth peer name in0', 'link set out0 up', 'link set in0 up');
  return {
    namespace,
    bpffs,
    tsnat: (args, capabilities = ENOUGH, before = []) => {
      const set = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
      const as = [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', `--bounding-set=${set}`];
      const setpriv = [...UNLIMITED, 'setpriv', ...as, `--inh-caps=${set}`, `--ambient-caps=${set}`];
      const command = [process.execPath, CLI, ...args, '--bpffs', bpffs];
      return namespace.run([...setpriv, ...before, ...command]);
    },
  };
}

const fine = (t: ExecutionContext, result: Result): string => {
  t.is(result.status, 0, `${result.stdout}${result.stderr}`);
  return result.stdout;
};

for (const hook of TC_HOOKS) {
  test.serial(`${hook}: attach, add, list, replace, detach, as a user with three capabilities`, async (t) => {
    const { tsnat, bpffs } = await site(t);
    fine(t, await tsnat(['attach', 'out0', '--map', '10.0.0.5=203.0.113.5', '--hook', hook]));
    fine(t, await tsnat(['map', 'add', 'out0', '10.0.0.6=203.0.113.6']));
    t.regex(fine(t, await tsnat(['map', 'list', 'out0'])), /10\.0\.0\.6 +203\.0\.113\.6/);
    const { healthy, hook: used } = JSON.parse(fine(t, await tsnat(['status', 'out0', '--json']))) as {
      healthy: boolean;
      hook: string;
    };
    t.deepEqual({ healthy, used }, { healthy: true, used: hook });
    fine(t, await tsnat(['attach', 'out0', '--replace']));
    for (const path of readdirSync(join(bpffs, 'tsnat'), { recursive: true, encoding: 'utf8' })) {
      const stat = statSync(join(bpffs, 'tsnat', path));
      t.is(stat.uid, USER, path);
      t.is(stat.mode & 0o777, stat.isDirectory() ? 0o700 : 0o600, path);
    }
    fine(t, await tsnat(['detach', 'out0']));
    t.deepEqual(
      readdirSync(join(bpffs, 'tsnat')).filter((name) => !name.startsWith('.')),
      [],
    );
  });
}

test.serial('each of the three is needed, and is named when it is missing', async (t) => {
  const { tsnat, bpffs } = await site(t);
  const attach = ['attach', 'out0', '--map', '10.0.0.5=203.0.113.5'];
  for (const missing of ENOUGH) {
    const { status, stderr } = await tsnat(
      attach,
      ENOUGH.filter((name) => name !== missing),
    );
    t.is(status, 1);
    t.regex(stderr, new RegExp(`^tsnat: .*CAP_${missing.toUpperCase()}.*\\n$`));
  }
  // Nothing is left of it.
  t.deepEqual((await tsnat(['status'])).stdout, 'nothing is attached\n');
  t.false(readdirSync(bpffs).includes('out0'));
});

test.serial('another namespace needs CAP_SYS_ADMIN, which is said', async (t) => {
  const { tsnat, namespace } = await site(t);
  const { status, stderr } = await tsnat(['attach', 'out0', '--netns', namespace.name]);
  t.is(status, 1);
  t.regex(stderr, /^tsnat: cannot enter network namespace .*CAP_SYS_ADMIN\n$/);
});

test.serial('a folder that is on no bpffs is refused', async (t) => {
  const { status, stderr } = await run(process.execPath, [CLI, 'status', '--bpffs', '/tmp']);
  t.is(status, 1);
  t.regex(stderr, /^tsnat: '\/tmp' is no folder on a bpffs.*mount -t bpf bpf \/tmp/);
});

/** System calls that run something or change a file system, as strace writes them. */
const CHANGES =
  'execve,execveat,open,openat,openat2,creat,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mknod,mknodat,truncate,chmod,fchmod,fchmodat,chown,fchown,fchownat,mount,umount2';

/** What of a trace runs a program or writes a file, with the path it names. */
function changes(trace: string): string[] {
  const found: string[] = [];
  for (const line of trace.split('\n')) {
    const call = /^\d+ +(\w+)\((.*)\) += (-?\d+)/.exec(line);
    if (call === null) continue;
    const [, name = '', args = '', result = ''] = call;
    // What failed changed nothing.
    if (result.startsWith('-')) continue;
    const path = /"([^"]*)"/.exec(args)?.[1] ?? '';
    if (/^open/.test(name) && !/O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(args)) continue;
    found.push(`${name} ${path}`);
  }
  return found;
}

test.serial('no other program is run, and nothing is written but pins and named files', async (t) => {
  const { bpffs, namespace } = await site(t);
  const folder = mkdtempSync(join(tmpdir(), 'tsnat-writes-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const named = join(folder, 'egress.o');
  // The file comes into being beside its place, and is moved there when it is whole.
  const isNamed = (path: string): boolean => path === named || /^\.\d+\.part$/.test(path.replace(named, ''));
  mkdirSync(join(folder, 'trace'), { mode: 0o777 });
  const commands = [
    ['attach', 'out0', '--map', '10.0.0.5=203.0.113.5'],
    ['map', 'add', 'out0', '10.0.0.6=203.0.113.6'],
    ['map', 'list', 'out0'],
    ['status'],
    ['attach', 'out0', '--replace'],
    ['verify'],
    ['doctor', 'out0'],
    ['map', 'del', 'out0', '10.0.0.6'],
    ['detach', 'out0'],
    ['dump', 'egress', '--format', 'elf', '-o', named],
  ];
  for (const [i, command] of commands.entries()) {
    const trace = join(folder, 'trace', String(i));
    const strace = ['strace', '-f', '-o', trace, '-e', `trace=${CHANGES}`];
    // As root: strace and the file it writes; what tsnat may do is the same.
    const node = [process.execPath, CLI, ...command, '--bpffs', bpffs];
    const { status, stderr } = await namespace.run([...strace, ...node], { env: { HOME: folder } });
    if (command[0] !== 'doctor') t.is(status, 0, `${command.join(' ')}: ${stderr}`);
    const [self, ...others] = changes(readFileSync(trace, 'utf8'));
    t.regex(self ?? '', /^execve .*node/);
    const foreign = others.filter((change) => {
      const path = change.slice(change.indexOf(' ') + 1);
      return !path.startsWith(`${bpffs}/`) && !isNamed(path) && !/^\/dev\/(null|tty)$/.test(path);
    });
    t.deepEqual(foreign, [], command.join(' '));
  }
  t.true(statSync(named).size > 0);
  t.deepEqual(readdirSync(folder).sort(), ['egress.o', 'trace']);
});

test('no code is made at run time, and no source names another program', (t) => {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  t.true(sources.length > 100);
  for (const name of sources) {
    const text = readFileSync(join(ROOT, 'src', name), 'utf8').replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '');
    t.notRegex(text, /\beval\s*\(|new Function\b|child_process|node:vm\b|\bexecve?\b\(/, name);
  }
});
