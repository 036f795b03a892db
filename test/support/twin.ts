// Attaches the C twins of fixtures/twin with clang, bpftool and tc: the datapath without a line of src/.
// The end-to-end tests have to pass with it as well, which shows that they test behaviour and not our code.

import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from './command.ts';
import type { Namespace } from './namespace.ts';
import { BPF_FS, ownFolder, removeFolder, uniqueName } from './registry.ts';
import { ROOT } from './root.ts';

/** Names of the two files. */
export const TWINS: readonly ['egress', 'ingress'] = ['egress', 'ingress'];
const MAX_SUBNETS = 16;

export interface TwinObjects {
  readonly egress: string;
  readonly ingress: string;
}

const compiled = new Map<string, Promise<TwinObjects>>();

/** What clang is called with to compile one of the twins. */
export function twinArguments(
  name: (typeof TWINS)[number],
  output: string,
  defines: readonly string[] = [],
): string[] {
  return [
    ...['-O2', '-g', '-Wall', '-Wextra', '-Werror', '-target', 'bpf', '-mcpu=v3'],
    // Debian keeps asm/types.h under the host's architecture.
    `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
    ...defines.map((define) => `-D${define}`),
    ...['-c', join(ROOT, 'fixtures/twin', `${name}.c`), '-o', output],
  ];
}

async function compile(defines: readonly string[]): Promise<TwinObjects> {
  const folder = mkdtempSync(join(tmpdir(), 'tsl-twin-'));
  ownFolder(folder);
  const object = (name: string) => join(folder, `${name}.o`);
  await Promise.all(TWINS.map((name) => must('clang', twinArguments(name, object(name), defines))));
  return { egress: object('egress'), ingress: object('ingress') };
}

/** The twins as object files, compiled once per process and set of `defines`. */
export function twinObjects(defines: readonly string[] = []): Promise<TwinObjects> {
  const key = defines.join(' ');
  const objects = compiled.get(key) ?? compile(defines);
  compiled.set(key, objects);
  return objects;
}

/** Hexadecimal bytes as bpftool takes them. */
const hex = (bytes: Iterable<number>): string[] => [
  'hex',
  ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0')),
];
export const addressBytes = (address: string): number[] => address.split('.').map(Number);

interface AddressInfo {
  readonly address: string;
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

async function interfaceRecord(namespace: Namespace, device: string): Promise<Buffer> {
  const text = await namespace.must(['ip', '-j', 'addr', 'show', 'dev', device]);
  const [link] = JSON.parse(text) as [AddressInfo];
  const record = Buffer.alloc(8 + MAX_SUBNETS * 8);
  Buffer.from(link.address.replaceAll(':', ''), 'hex').copy(record);
  link.addr_info
    .filter(({ family }) => family === 'inet')
    .slice(0, MAX_SUBNETS)
    .forEach(({ local, prefixlen }, index) => {
      const mask = prefixlen === 0 ? 0 : (0xffff_ffff << (32 - prefixlen)) >>> 0;
      const address = Buffer.from(addressBytes(local)).readUInt32BE();
      record.writeUInt32BE((address & mask) >>> 0, 8 + index * 8);
      record.writeUInt32BE(mask, 12 + index * 8);
    });
  return record;
}

/** The twins, loaded and filled, pinned under `folder`: `egress`, `ingress`, `maps/NAME`. */
export async function loadTwin(
  folder: string,
  mappings: readonly (readonly [inside: string, outside: string])[],
  defines: readonly string[] = [],
): Promise<void> {
  const objects = await twinObjects(defines);
  const maps = join(folder, 'maps');
  ownFolder(folder);
  mkdirSync(maps, { recursive: true, mode: 0o700 });
  await must('bpftool', ['prog', 'loadall', objects.egress, folder, 'pinmaps', maps]);
  // pinmaps stumbles over the map that is pinned already, so what is new goes to a folder of its own.
  const more = join(folder, 'more');
  const shared = ['map', 'name', 'reasons', 'pinned', join(maps, 'reasons')];
  await must('bpftool', ['prog', 'loadall', objects.ingress, folder, ...shared, 'pinmaps', more]);
  for (const [inside, outside] of mappings) await twinMap(folder, inside, outside);
}

async function update(pin: string, key: Iterable<number>, value: Iterable<number>): Promise<void> {
  await must('bpftool', ['map', 'update', 'pinned', pin, 'key', ...hex(key), 'value', ...hex(value)]);
}

async function twinMap(folder: string, inside: string, outside: string): Promise<void> {
  const record = (address: string) => [...addressBytes(address), ...Array<number>(20).fill(0)];
  await update(join(folder, 'maps/outbound'), addressBytes(inside), record(outside));
  await update(join(folder, 'more/inbound'), addressBytes(outside), record(inside));
}

/** Loads and attaches both twins to clsact. @returns the name of its pin folder and what takes it away again */
export async function attachTwin(
  namespace: Namespace,
  device: string,
  mappings: readonly (readonly [string, string])[],
  defines: readonly string[] = [],
): Promise<{ readonly name: string; detach(): Promise<void> }> {
  const name = uniqueName('twin');
  const folder = join(BPF_FS, name);
  await loadTwin(folder, mappings, defines);
  await update(join(folder, 'more/interface'), [0, 0, 0, 0], await interfaceRecord(namespace, device));
  await namespace.must(['tc', 'qdisc', 'add', 'dev', device, 'clsact']);
  for (const direction of TWINS) {
    await namespace.must([
      ...['tc', 'filter', 'add', 'dev', device, direction],
      ...['bpf', 'direct-action', 'object-pinned', join(folder, direction)],
    ]);
  }
  return {
    name,
    async detach() {
      await namespace.must(['tc', 'qdisc', 'del', 'dev', device, 'clsact']);
      removeFolder(folder);
    },
  };
}
