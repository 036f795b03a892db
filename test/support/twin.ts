// Attaches the C twins of fixtures/twin with clang, bpftool and tc: the datapath without a line of src/.
// The end-to-end tests of IPv4 addresses have to pass with it as well, which shows that they test behaviour and not our
// code.

import { mkdirSync, mkdtempSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from './command.ts';
import type { Namespace } from './namespace.ts';
import { BPF_FS, ownFolder, removeFolder, uniqueName } from './registry.ts';
import { ROOT } from './root.ts';

/** Names of the two files. */
export const TWINS: readonly ['egress', 'ingress'] = ['egress', 'ingress'];
const MAPS = ['outbound', 'inbound', 'reasons'] as const;
/** The section of the global data `interface`: the map has its name, and its pin one without dots. */
const INTERFACE = '.data.interface';
/** `struct interface_record` of fixtures/twin/maps.h. */
const MAX_SUBNETS = 16;
const SUBNETS_AT = 8;
const OUTSIDES_AT = SUBNETS_AT + MAX_SUBNETS * 8;
const OUTSIDES6_AT = OUTSIDES_AT + 8 + 8 * 32;
const INTERFACE_SIZE = OUTSIDES6_AT + 32;

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
/** @throws Error for anything but an IPv4 address: the twins know nothing else */
export function addressBytes(address: string): number[] {
  if (!isIPv4(address)) throw new Error(`no IPv4 address: ${address}`);
  return address.split('.').map(Number);
}

interface AddressInfo {
  readonly address: string;
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

type Mappings = readonly (readonly [inside: string, outside: string])[];

/** The smallest subnet that holds all outside addresses. */
function outsidesOf(mappings: Mappings): readonly [network: number, mask: number] {
  const all = mappings.map(([, outside]) => Buffer.from(addressBytes(outside)).readUInt32BE());
  const [first] = all;
  if (first === undefined) return [0xffff_ffff, 0];
  let mask = 0xffff_ffff;
  while (all.some((one) => ((one ^ first) & mask) !== 0)) mask = (mask << 1) >>> 0;
  return [(first & mask) >>> 0, mask];
}

/** What the programs know of the interface: nothing but the outside addresses, or its addresses too. */
function interfaceRecord(mappings: Mappings, link?: AddressInfo): Buffer {
  const record = Buffer.alloc(INTERFACE_SIZE);
  for (const [index, word] of outsidesOf(mappings).entries()) {
    record.writeUInt32BE(word, OUTSIDES_AT + index * 4);
  }
  record.fill(0xff, OUTSIDES6_AT, OUTSIDES6_AT + 16);
  if (link === undefined) return record;
  Buffer.from(link.address.replaceAll(':', ''), 'hex').copy(record);
  link.addr_info
    .filter(({ family }) => family === 'inet')
    .slice(0, MAX_SUBNETS)
    .forEach(({ local, prefixlen }, index) => {
      const mask = prefixlen === 0 ? 0 : (0xffff_ffff << (32 - prefixlen)) >>> 0;
      const address = Buffer.from(addressBytes(local)).readUInt32BE();
      record.writeUInt32BE((address & mask) >>> 0, SUBNETS_AT + index * 8);
      record.writeUInt32BE(mask, SUBNETS_AT + 4 + index * 8);
    });
  return record;
}

/** The twins, loaded and filled, pinned under `folder`: `egress`, `ingress`, `maps/NAME`. */
export async function loadTwin(
  folder: string,
  mappings: Mappings,
  defines: readonly string[] = [],
): Promise<void> {
  const objects = await twinObjects(defines);
  const maps = join(folder, 'maps');
  ownFolder(folder);
  mkdirSync(maps, { recursive: true, mode: 0o700 });
  await must('bpftool', ['prog', 'loadall', objects.egress, folder, 'pinmaps', maps]);
  const shared = [...MAPS, INTERFACE].flatMap((name) => ['map', 'name', name, 'pinned', pinOf(maps, name)]);
  await must('bpftool', ['prog', 'loadall', objects.ingress, folder, ...shared]);
  for (const [inside, outside] of mappings) {
    await update(pinOf(maps, 'outbound'), addressBytes(inside), addressRecord(outside));
    await update(pinOf(maps, 'inbound'), addressBytes(outside), addressRecord(inside));
  }
  await update(pinOf(maps, INTERFACE), [0, 0, 0, 0], interfaceRecord(mappings));
}

const addressRecord = (address: string): number[] => [...addressBytes(address), ...Array<number>(20).fill(0)];

const pinOf = (maps: string, name: string): string => join(maps, name.replaceAll('.', '_'));

async function update(pin: string, key: Iterable<number>, value: Iterable<number>): Promise<void> {
  await must('bpftool', ['map', 'update', 'pinned', pin, 'key', ...hex(key), 'value', ...hex(value)]);
}

/** Loads and attaches both twins to clsact. @returns the name of its pin folder and what takes it away again */
export async function attachTwin(
  namespace: Namespace,
  device: string,
  mappings: Mappings,
  defines: readonly string[] = [],
): Promise<{ readonly name: string; detach(): Promise<void> }> {
  const name = uniqueName('twin');
  const folder = join(BPF_FS, name);
  await loadTwin(folder, mappings, defines);
  const [link] = JSON.parse(await namespace.must(['ip', '-j', 'addr', 'show', 'dev', device])) as [
    AddressInfo,
  ];
  const pin = pinOf(join(folder, 'maps'), INTERFACE);
  await update(pin, [0, 0, 0, 0], interfaceRecord(mappings, link));
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
