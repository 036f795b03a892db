// What bpftool and tc say is in the kernel: witnesses that share no code with src/.

import { existsSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import { run, sleep } from './command.ts';
import { PATIENCE } from './emulation.ts';
import type { Namespace } from './namespace.ts';
import { PINS } from './registry.ts';

export interface ProgramInfo {
  readonly id: number;
  readonly type: string;
  readonly name: string;
  readonly tag: string;
  readonly gpl_compatible: boolean;
  readonly map_ids?: readonly number[];
}

export interface MapInfo {
  readonly id: number;
  readonly type: string;
  readonly name: string;
  readonly bytes_key: number;
  readonly bytes_value: number;
  readonly max_entries: number;
}

/** bpftool's JSON; undefined where it says there is no such object. */
async function bpftool<T>(args: readonly string[]): Promise<T | undefined> {
  const { stdout } = await run('bpftool', ['-j', ...args]);
  const data = JSON.parse(stdout) as T | { readonly error: string };
  return typeof data === 'object' && data !== null && 'error' in data ? undefined : (data as T);
}

export const showProgram = (id: number): Promise<ProgramInfo | undefined> =>
  bpftool(['prog', 'show', 'id', `${id}`]);
export const showMap = (id: number): Promise<MapInfo | undefined> => bpftool(['map', 'show', 'id', `${id}`]);

/** Identifiers of the links that hold a program. */
export async function linksOf(programId: number): Promise<number[]> {
  const links = await bpftool<readonly { id: number; prog_id: number }[]>(['link', 'show']);
  return (links ?? []).filter(({ prog_id }) => prog_id === programId).map(({ id }) => id);
}

/** Identifiers of the programs in filters on a device, by tc. */
export async function filtersOn(namespace: Namespace, device: string, direction: string): Promise<number[]> {
  const text = await namespace.must(['tc', 'filter', 'show', 'dev', device, direction]);
  return [...text.matchAll(/\bid (\d+)\b.*$/gm)].map(([, id]) => Number(id));
}

export async function hasClsact(namespace: Namespace, device: string): Promise<boolean> {
  return /\bclsact\b/.test(await namespace.must(['tc', 'qdisc', 'show', 'dev', device]));
}

/** Whether an instance has a pin folder (bpffs knows no dots, so these are escaped). */
export function isPinned(name: string): boolean {
  const file = name.replaceAll('%', '%25').replaceAll('.', '%2E');
  return existsSync(`${PINS}/${file}`) || existsSync(`${PINS}/${file}%new`);
}

/** The kernel frees programs and maps a moment after their last user is gone. */
export async function eventually(
  t: ExecutionContext,
  what: string,
  holds: () => Promise<boolean>,
): Promise<void> {
  for (let tries = 0; tries < 60 * PATIENCE; tries++) {
    if (await holds()) {
      t.pass();
      return;
    }
    await sleep(50);
  }
  t.fail(`never came true: ${what}`);
}

/** Nothing of an instance is left: no pins, no programs, no maps, no filter, no qdisc. */
export async function nothingLeft(
  t: ExecutionContext,
  { name, programs, maps }: { name: string; programs: readonly number[]; maps: readonly number[] },
): Promise<void> {
  t.false(isPinned(name), `pins of ${name}`);
  for (const id of programs) {
    await eventually(t, `program ${id} is gone`, async () => (await showProgram(id)) === undefined);
    t.deepEqual(await linksOf(id), []);
  }
  for (const id of maps) {
    await eventually(t, `map ${id} is gone`, async () => (await showMap(id)) === undefined);
  }
}
