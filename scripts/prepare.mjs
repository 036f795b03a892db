// What a fresh Debian machine with nothing but Node lacks: the npm packages, the Debian packages the tests
// lean on, bpffs, and a build. Only Node's own modules may be imported here: it runs before `npm ci` has.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

export const ROOT = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');

const BPF_FS = '/sys/fs/bpf';
const OLDEST_NODE = [20, 19];

/** Debian packages, each for what the tests or the benchmark call from it. */
export const DEBIAN_PACKAGES = [
  'bpftool', // independent witness of programs, maps, links
  'clang', // the C twins
  'conntrack', // shows that no entry is made
  'curl',
  'ethtool', // offloads on and off
  'iproute2', // namespaces, veth, tc
  'iptables', // legacy and nft peers, the MASQUERADE control
  'iputils-ping',
  'libbpf-dev', // helper prototypes for the twins
  'linux-libc-dev',
  'llvm-19', // llvm-objdump and llvm-mc: encoding oracles
  'nftables',
  'procps', // sysctl
  'python3-scapy', // hand-made packets
  'qemu-system-x86', // micro-VMs
  'strace', // system calls that fail, and what is written
  'tcpdump',
  'traceroute',
  'tshark', // checks every checksum of a capture
  'util-linux', // nsenter, setpriv
  'xz-utils', // modules of the micro-VMs' kernel
];

/** @param {string} text */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** @param {string} text @returns {never} */
export function fail(text) {
  say(`tsnat: ${text}`);
  process.exit(1);
}

/**
 * Runs a command with our output; ends the process when it fails.
 * @param {string} command @param {readonly string[]} args @param {Record<string, string>} [environment]
 */
function must(command, args, environment = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: ROOT,
    // Our stdout is the test report's alone.
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ...environment },
  });
  if (error) fail(`${command}: ${error.message}`);
  if (status !== 0) fail(`${command} ${args.join(' ')}: exit ${status}`);
}

export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [wantMajor = 0, wantMinor = 0] = OLDEST_NODE;
  if (major < wantMajor || (major === wantMajor && minor < wantMinor)) {
    fail(`Node ${process.versions.node} is too old: ${OLDEST_NODE.join('.')} or later is needed`);
  }
}

export function installNodeModules() {
  if (existsSync(join(ROOT, 'node_modules', '.package-lock.json'))) return;
  say('npm ci');
  // Under `npm test` the npm that runs us is the one to use, wherever it lies.
  const npm = process.env.npm_execpath;
  if (npm) must(process.execPath, [npm, 'ci', '--ignore-scripts=false']);
  else must('npm', ['ci', '--ignore-scripts=false']);
}

/** @param {readonly string[]} packages */
export function installDebianPackages(packages) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const format = '${Package} ${db:Status-Status}\\n';
  const { stdout = '', error } = spawnSync('dpkg-query', ['-W', '-f', format, ...packages], {
    encoding: 'utf8',
  });
  if (error) {
    say(
      `dpkg-query: ${error.message}. Not Debian? Then see to it that these are there: ${packages.join(' ')}`,
    );
    return;
  }
  const present = new Set(
    stdout
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, state]) => state === 'installed')
      .map(([name]) => name),
  );
  const absent = packages.filter((name) => !present.has(name));
  if (absent.length === 0) return;
  if (process.getuid?.() !== 0)
    fail(`these Debian packages are missing, run as root to install them: ${absent.join(' ')}`);
  say(`apt-get install ${absent.join(' ')}`);
  const quiet = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '-y', '-q', '--no-install-recommends', ...absent];
  const first = spawnSync('apt-get', install, { stdio: 'ignore', env: { ...process.env, ...quiet } });
  if (first.status === 0) return;
  // Package lists absent or out of date: the one case where they are fetched.
  must('apt-get', ['update', '-q'], quiet);
  must('apt-get', install, quiet);
}

export function mountBpffs() {
  if (process.getuid?.() !== 0) return;
  const mounted = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[1] === BPF_FS && line.split(' ')[2] === 'bpf');
  if (mounted) return;
  const { status } = spawnSync('mount', ['-t', 'bpf', 'bpf', BPF_FS], { stdio: ['ignore', 2, 2] });
  if (status !== 0) say(`${BPF_FS}: bpffs is not mounted and cannot be; whatever pins will fail`);
}

/** Removes what an earlier build made of sources that are gone: AVA would go on running those tests. */
function prune(output, sources) {
  if (!existsSync(output)) return;
  for (const entry of readdirSync(output, { recursive: true, encoding: 'utf8' })) {
    const file = join(output, entry);
    const stem = /^(.*?)(\.d\.ts(\.map)?|\.js(\.map)?)$/.exec(entry)?.[1];
    if (stem === undefined || statSync(file).isDirectory()) continue;
    if (!existsSync(join(sources, `${stem}.ts`))) rmSync(file);
  }
}

/** Compiles `dist` (what is published) and `.build` (that plus tests and benchmark). */
export function build() {
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  prune(join(ROOT, 'dist'), join(ROOT, 'src'));
  prune(join(ROOT, '.build'), ROOT);
  for (const project of ['tsconfig.build.json', 'tsconfig.json']) {
    must(process.execPath, [compiler, '-p', project]);
  }
  must(process.execPath, [join(ROOT, 'scripts', 'bundle.mjs')]);
}
