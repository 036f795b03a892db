// One program twice: in the interpreter and in the kernel (BPF_PROG_TEST_RUN), from the same maps and the same packet,
// and everything that can be seen of each run in one comparable value.

import type { MapSpec, Program } from '../../../src/asm/index.ts';
import { loadProgram, possibleCpus, RawMap } from '../../../src/loader/index.ts';
import { createMap, Vm, type VmMap, type VmOptions } from '../../../src/vm/index.ts';

type Entry = readonly [key: Uint8Array, value: Uint8Array];

export interface BothInput {
  readonly packet: Uint8Array;
  /** What the maps hold before, by name. */
  readonly maps?: { readonly [name: string]: readonly Entry[] };
  /** `gso_size` and `mark` as test run takes them. */
  readonly fields?: { readonly [name: string]: number };
  readonly vm?: VmOptions;
}

export interface Sight {
  readonly returnValue: number;
  /** In hexadecimal, as is what follows. */
  readonly packet: string;
  readonly maps: { readonly [name: string]: readonly string[] };
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Where a field of `struct __sk_buff` lies that BPF_PROG_TEST_RUN takes. */
const FIELDS: { readonly [name: string]: number } = { mark: 8, priority: 32, gso_segs: 164, gso_size: 176 };
const SK_BUFF = 192;
/** A test run is on `lo`, whose address is zero. */
const LOOPBACK = new Uint8Array(6);
const PER_CPU = /percpu/;
const LISTED = /hash|array|lpm/;
const FRAME = 4096;

/** In any order, and which CPU it was does not matter. */
function listing(spec: MapSpec, entries: readonly Entry[]): string[] {
  const text = (value: Uint8Array): string => {
    if (!PER_CPU.test(spec.type)) return hex(value);
    const stride = Math.ceil(spec.valueSize / 8) * 8;
    const parts = Array.from({ length: value.length / stride }, (_, cpu) =>
      hex(value.subarray(cpu * stride, cpu * stride + spec.valueSize)),
    );
    return parts.toSorted().join(',');
  };
  return entries.map(([key, value]) => `${hex(key)}=${text(value)}`).toSorted();
}

const isListed = ({ type }: MapSpec): boolean => LISTED.test(type) && !/of_maps|prog_array|perf/.test(type);

const specsOf = ({ relocations }: Program): Map<string, MapSpec> =>
  new Map(relocations.map(({ map }) => [map.name, map]));

/** The interpreter's maps of a program, filled. */
export function vmMaps(program: Program, input: BothInput): { [name: string]: VmMap } {
  const cpus = possibleCpus();
  return Object.fromEntries(
    [...specsOf(program)].map(([name, spec]) => {
      const map = createMap(spec, { cpus });
      for (const [key, value] of input.maps?.[name] ?? []) map.set(key, value);
      return [name, map];
    }),
  );
}

export function inVm(program: Program, input: BothInput): Sight {
  const maps = vmMaps(program, input);
  const vm = new Vm(program, { maps, ...input.vm });
  const result = vm.run({
    packet: input.packet,
    skb: { fields: input.fields ?? {}, deviceAddress: LOOPBACK },
  });
  return {
    returnValue: result.returnValue,
    packet: hex(result.packet),
    maps: Object.fromEntries(
      Object.entries(maps)
        .filter(([, { spec }]) => isListed(spec))
        .map(([name, map]) => [name, listing(map.spec, map.entries())]),
    ),
  };
}

export function inKernel(program: Program, input: BothInput): Sight {
  const owned: Disposable[] = [];
  try {
    const maps: { [name: string]: RawMap } = {};
    for (const [name, spec] of specsOf(program)) {
      const map = RawMap.create(spec);
      owned.push(map);
      maps[name] = map;
      for (const [key, value] of input.maps?.[name] ?? []) map.set(key, value);
    }
    const loaded = loadProgram(program, maps);
    owned.push(loaded);
    const result = loaded.testRun({
      data: input.packet,
      dataOutSize: input.packet.length + FRAME,
      ...contextOf(program, input),
    });
    return {
      returnValue: result.returnValue,
      packet: hex(result.data),
      maps: Object.fromEntries(
        Object.entries(maps)
          .filter(([, { spec }]) => isListed(spec))
          .map(([name, map]) => [name, listing(map.spec, entriesOf(map))]),
      ),
    };
  } finally {
    for (const one of owned) one[Symbol.dispose]();
  }
}

function contextOf({ type }: Program, { fields }: BothInput): { context?: Uint8Array } {
  if (type !== 'sched_cls' || !fields) return {};
  const context = new Uint8Array(SK_BUFF);
  const view = new DataView(context.buffer);
  for (const [name, value] of Object.entries(fields)) {
    const at = FIELDS[name];
    if (at !== undefined) view.setUint32(at, value, true);
  }
  return { context };
}

function entriesOf(map: RawMap): Entry[] {
  const entries: Entry[] = [];
  for (let key = map.nextKey(); key !== undefined; key = map.nextKey(key)) {
    const value = map.get(key);
    if (value) entries.push([key, value]);
  }
  return entries;
}
