// Objects made by clang out of fixtures/, once each.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import { ROOT } from '../../../support/root.ts';

const folder = mkdtempSync(join(tmpdir(), 'tsnat-elf-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const made = new Map<string, string>();

/** A place for files of this process. */
export const scratch = (name: string): string => join(folder, name);

/** The path of the object that clang makes of `source`, which is a path in fixtures/. */
export function compile(source: string, cpu: 'v1' | 'v2' | 'v3' = 'v3', ...options: string[]): string {
  const key = [source, cpu, ...options].join(' ');
  const known = made.get(key);
  if (known !== undefined) return known;
  const object = scratch(`${basename(source, '.c')}-${cpu}-${made.size}.o`);
  // Debian keeps asm/types.h under the host's architecture.
  const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const path = join(ROOT, 'fixtures', source);
  execFileSync('clang', [
    ...['-O2', '-g', '-target', 'bpf', `-mcpu=${cpu}`, include, ...options],
    ...['-c', path, '-o', object],
  ]);
  made.set(key, object);
  return object;
}

export const compiled = (...args: Parameters<typeof compile>): Uint8Array =>
  new Uint8Array(readFileSync(compile(...args)));
