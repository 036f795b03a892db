// Debian's kernel packages, by a state of apt's that is ours: the machine's own apt is not touched. What was fetched
// stays in the cache folder; without a network, what is there is used.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Kernel } from './kernels.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const DEFAULT_MIRROR = 'http://deb.debian.org';

/** A kernel on this machine's disk. */
export interface Fetched {
  /** As the packages call it: `6.12.117+deb12`. */
  readonly version: string;
  readonly vmlinuz: string;
  /** Module name, with '_' for '-', to its file. */
  readonly modules: ReadonlyMap<string, string>;
}

export function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

/** Fetches the newest packages of `kernel` into `cache`, or finds them there. @throws Error when no suite has them. */
export function fetchKernel(kernel: Kernel, cache: string): Fetched {
  for (const suite of kernel.suites) {
    const names = newestOf(kernel, suite, cache);
    if (names === undefined) continue;
    const files = names.packages.flatMap((name) => filesUnder(unpack(name, suite, cache)));
    const vmlinuz = files.find((file) => /\/vmlinuz(-[^/]*)?$/.test(file));
    if (vmlinuz === undefined) throw new Error(`${names.packages.join(', ')}: no vmlinuz in it`);
    const modules = new Map(
      files.filter((file) => /\.ko(\.xz|\.zst)?$/.test(file)).map((file) => [moduleName(file), file]),
    );
    return { version: names.version, vmlinuz, modules };
  }
  throw new Error(`kernel ${kernel.name}: none of ${kernel.suites.join(', ')} has it`);
}

export const moduleName = (file: string): string =>
  basename(file)
    .replace(/\.ko.*/, '')
    .replaceAll('-', '_');

interface Names {
  readonly version: string;
  readonly packages: readonly string[];
}

function newestOf(kernel: Kernel, suite: string, cache: string): Names | undefined {
  const known = packageNames(suite, cache);
  const [first, ...others] = kernel.packages;
  if (first === undefined) return undefined;
  const versions = known.flatMap((name) => first.exec(name)?.[1] ?? []).sort(compareVersions);
  for (const version of versions.reverse()) {
    const packages = [first, ...others].map((pattern) =>
      known.find((name) => pattern.exec(name)?.[1] === version),
    );
    if (packages.every((name) => name !== undefined)) return { version, packages };
  }
  return undefined;
}

function compareVersions(a: string, b: string): number {
  const parts = (version: string): number[] => (version.match(/\d+/g) ?? []).map(Number);
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const listed = new Map<string, string[]>();

/** The kernel packages that a suite has; from what was unpacked before, where there is no network. */
function packageNames(suite: string, cache: string): string[] {
  const known = listed.get(suite);
  if (known !== undefined) return known;
  let names: string[];
  try {
    apt(suite, cache, 'apt-get', ['update', '-qq']);
    names = apt(suite, cache, 'apt-cache', ['pkgnames', 'linux-']).split('\n');
  } catch (error) {
    names = existsSync(unpacked(suite, cache)) ? readdirSync(unpacked(suite, cache)) : [];
    if (names.length === 0) throw error;
    process.stderr.write(`${suite}: cannot be listed, using what is in ${cache}\n`);
  }
  listed.set(suite, names);
  return names;
}

const unpacked = (suite: string, cache: string): string => join(cache, 'unpacked', suite);

function unpack(name: string, suite: string, cache: string): string {
  const folder = join(unpacked(suite, cache), name);
  if (existsSync(folder)) return folder;
  const downloads = join(state(suite, cache), 'deb');
  rmSync(downloads, { recursive: true, force: true });
  mkdirSync(downloads, { recursive: true });
  apt(suite, cache, 'apt-get', ['download', '-qq', name], downloads);
  const deb = readdirSync(downloads).find((file) => file.startsWith(`${name}_`));
  if (deb === undefined) throw new Error(`${suite}: apt-get download ${name} left no file`);
  // Renamed when it is whole: a run that is broken off leaves nothing that looks complete.
  const half = `${folder}.half`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { recursive: true });
  execFileSync('dpkg-deb', ['-x', join(downloads, deb), half]);
  renameSync(half, folder);
  rmSync(downloads, { recursive: true, force: true });
  return folder;
}

const state = (suite: string, cache: string): string => join(cache, 'apt', suite);

function apt(suite: string, cache: string, command: string, args: readonly string[], cwd?: string): string {
  const folder = state(suite, cache);
  for (const part of ['lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(folder, part), { recursive: true });
  }
  const archive = suite.endsWith('-security') ? 'debian-security' : 'debian';
  const sources = join(folder, 'sources.list');
  writeFileSync(sources, `deb [signed-by=${KEYRING} arch=amd64] ${mirror()}/${archive} ${suite} main\n`);
  const settings = {
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Cache::pkgcache': 'packages.bin',
    'Dir::Cache::srcpkgcache': 'sources.bin',
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  return execFileSync(command, [...options, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** The mirror that the machine itself is set to. */
function mirror(): string {
  const sources = filesUnder('/etc/apt').filter((file) => /sources/.test(file));
  const text = sources.map((file) => readFileSync(file, 'utf8')).join('\n');
  return /https?:\/\/\S+?(?=\/debian\/?\s)/.exec(text)?.[0] ?? DEFAULT_MIRROR;
}
