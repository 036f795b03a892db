// What the guests have to run: this machine's node, the Debian packages that the tests call with all they depend on,
// and this checkout with the npm packages that tests need. The same for every kernel, so it is packed once.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import process from 'node:process';
import { filesUnder } from './archive.ts';
import { Archive, canonical } from './cpio.ts';

const PACKAGES = [
  ...[
    'bash',
    'coreutils',
    'dash',
    'findutils',
    'grep',
    'kmod',
    'libc-bin',
    'mount',
    'procps',
    'sed',
    'util-linux',
  ],
  ...['bpftool', 'conntrack', 'curl', 'ethtool', 'iproute2', 'iptables', 'iputils-ping', 'nftables'],
  ...['python3', 'python3-scapy', 'strace', 'tcpdump', 'traceroute', 'tshark'],
];
/** Made when packages were installed, so that no package lists them. */
const GENERATED = [
  ...['/etc/passwd', '/etc/group', '/etc/nsswitch.conf', '/etc/hosts', '/etc/protocols', '/etc/services'],
  ...['/etc/ld.so.conf', '/etc/ld.so.cache'],
];
const LEFT_OUT = /^\/usr\/share\/(doc|man|locale|info|lintian|bash-completion|zoneinfo|bug)\//;
/** Folders that Debian keeps as links since it merged /usr. */
const MERGED = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
/** npm packages, with what they need themselves. */
const MODULES = ['ava', 'fast-check', 'koffi', 'yaml'];
/** Parts of the checkout. */
const CHECKOUT = ['package.json', '.build', 'dist', 'examples', 'fixtures', 'src', 'test'];

/** Packs the tools unless `cache` has them from before. @returns the archive */
export function packTools(cache: string): string {
  const files = [...debianFiles(), ...GENERATED.filter(existsSync), ...nodeFiles()];
  const digest = createHash('sha256');
  for (const file of files) digest.update(`${file} ${lstatSync(file).size} ${lstatSync(file).mtimeMs}\n`);
  const packed = join(cache, `tools-${digest.digest('hex').slice(0, 16)}.cpio`);
  if (existsSync(packed)) return packed;
  mkdirSync(cache, { recursive: true });
  for (const old of readdirSync(cache)) if (/^tools-/.test(old)) rmSync(join(cache, old));
  const archive = new Archive(`${packed}.half`);
  for (const name of MERGED) if (existsSync(`/${name}`)) archive.copy(`/${name}`);
  for (const file of files) archive.copy(canonical(file));
  archive.copy('/usr/bin/sh');
  // Links that update-alternatives made, on both sides; those that lead nowhere do no harm.
  for (const folder of ['/usr/bin', '/usr/sbin']) {
    for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((entry) =>
      entry.isSymbolicLink(),
    )) {
      if (readlinkSync(join(folder, name)).startsWith('/etc/alternatives/')) archive.copy(join(folder, name));
    }
  }
  for (const name of readdirSync('/etc/alternatives')) archive.copy(`/etc/alternatives/${name}`);
  archive.close();
  renameSync(`${packed}.half`, packed);
  return packed;
}

/** Packs the checkout at `root` as it is now. */
export function packCheckout(root: string, file: string): void {
  const archive = new Archive(file);
  for (const part of CHECKOUT) {
    const path = join(root, part);
    const files = existsSync(path) && statSync(path).isDirectory() ? filesUnder(path) : [path];
    for (const one of files) archive.copy(one);
  }
  const modules = join(root, 'node_modules');
  for (const folder of moduleFolders(modules)) {
    for (const one of filesUnder(folder)) {
      // A package reached through a link lies in its plain place there.
      if (lstatSync(one).isFile())
        archive.data(join(modules, relative(modules, one)), readFileSync(one), 0o755);
    }
  }
  packObjects(root, archive);
  archive.close();
}

/** What the tests have clang make, by source. */
const COMPILED: readonly (readonly [source: string, options: readonly string[]])[] = [
  ['fixtures/foreign/count.c', ['-O2', '-g', '-target', 'bpf', '-I/usr/include/x86_64-linux-gnu', '-c']],
  ['test/support/peer/stream.c', ['-O2']],
];

/** clang takes 350 MB: instead of it goes what it makes, and a `clang` that hands it out. */
function packObjects(root: string, archive: Archive): void {
  const folder = mkdtempSync(join(tmpdir(), 'tsnat-objects-'));
  const made = join(folder, 'made');
  try {
    for (const [source, options] of COMPILED) {
      execFileSync('clang', [...options, join(root, source), '-o', made]);
      archive.data(`/objects/${basename(source)}.o`, readFileSync(made), 0o755);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  archive.text('/usr/local/bin/clang', CLANG, 0o755);
}

const CLANG = `#!/bin/bash
while [ $# -gt 0 ]; do
  case "$1" in
    *.c) source=$1 ;;
    -o) object=$2 ;;
  esac
  shift
done
exec cp "/objects/$(basename "$source").o" "$object"
`;

function debianFiles(): string[] {
  const plain = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
    (no) => `--no-${no}`,
  );
  const closure = execFileSync('apt-cache', ['depends', '--recurse', '--installed', ...plain, ...PACKAGES], {
    encoding: 'utf8',
  });
  const names = closure.split('\n').filter((line) => /^[a-z0-9]/.test(line));
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const format = '${Package}:${Architecture} ${db:Status-Status}\\n';
  const installed = execFileSync('dpkg-query', ['-W', '-f', format], { encoding: 'utf8' });
  const known = new Map<string, string>();
  for (const line of installed.split('\n')) {
    const [name = '', state] = line.split(' ');
    if (state === 'installed') known.set(name.replace(/:.*/, ''), name.replace(/:all$/, ''));
  }
  const present = names.flatMap((name) => known.get(name.replace(/:.*/, '')) ?? []);
  const lists = execFileSync('dpkg', ['-L', ...new Set(present)], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const files = new Set(
    lists.split('\n').filter((path) => path.startsWith('/') && !LEFT_OUT.test(path) && isFile(path)),
  );
  return [...files].flatMap((path) => [path, ...compiledPython(path)]);
}

function isFile(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat !== undefined && !stat.isDirectory();
}

/** Emulated, Python would take seconds to compile what it imports. */
function compiledPython(path: string): string[] {
  const stem = /^(.*)\/([^/]+)\.py$/.exec(path);
  if (stem === null) return [];
  const cache = `${stem[1]}/__pycache__`;
  if (!existsSync(cache)) return [];
  return pycachesOf(cache).filter((file) => file.startsWith(`${cache}/${stem[2]}.`));
}

const pycaches = new Map<string, string[]>();

function pycachesOf(cache: string): string[] {
  let files = pycaches.get(cache);
  if (files === undefined) {
    files = readdirSync(cache).map((name) => `${cache}/${name}`);
    pycaches.set(cache, files);
  }
  return files;
}

/** node and the libraries that it is linked with. */
function nodeFiles(): string[] {
  const libraries = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
  return [process.execPath, ...[...libraries.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string)];
}

/** The folders of `MODULES` and of what they depend on, found as Node finds them. */
function moduleFolders(modules: string): Set<string> {
  const folders = new Set<string>();
  const waiting = MODULES.map((name) => join(modules, name));
  for (const folder of waiting) {
    if (folders.has(folder) || !existsSync(join(folder, 'package.json'))) continue;
    folders.add(folder);
    const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      readonly dependencies?: Readonly<Record<string, string>>;
      readonly optionalDependencies?: Readonly<Record<string, string>>;
    };
    for (const name of Object.keys({ ...about.dependencies, ...about.optionalDependencies })) {
      for (let from = folder; from.startsWith(modules); from = dirname(from)) {
        const candidate = join(from, 'node_modules', name);
        if (existsSync(candidate)) waiting.push(candidate);
      }
      waiting.push(join(modules, name));
    }
  }
  return folders;
}
