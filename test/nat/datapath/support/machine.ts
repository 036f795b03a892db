// Where the programs run: in the kernel by BPF_PROG_TEST_RUN, or in the interpreter. Both take maps and packets in bytes.

import { type IsaLevel, inIsa, type MapSpec, NEWEST_ISA, type Program } from '../../../../src/asm/index.ts';
import { type BpfProgram, loadProgram, type MapDescriptor, RawMap } from '../../../../src/loader/index.ts';
import type { Datapath } from '../../../../src/nat/datapath/index.ts';
import { createMap, Vm, type VmMap } from '../../../../src/vm/index.ts';
import type { Direction } from './reference/world.ts';
import type { Bytes } from './wire.ts';

export interface Result {
  readonly returnValue: number;
  readonly frame: Bytes;
  /** Where a redirect goes, where that can be seen. */
  readonly redirect?: 'out' | 'in';
  /** How far its checksum is then; in the interpreter. */
  readonly checksum?: NonNullable<ReturnType<Vm['run']>['checksum']>;
}

export interface RunOptions {
  readonly gsoSize?: number;
  /** How far the packet's checksum is; in the interpreter. */
  readonly checksum?: NonNullable<Parameters<Vm['run']>[0]['skb']>['checksum'];
}

/** The maps as both have them. */
interface Table {
  get(key: Bytes): Bytes | undefined;
  set(key: Bytes, value: Bytes): unknown;
  delete(key: Bytes): unknown;
}

export interface Machine {
  readonly tables: { readonly [map: string]: Table };
  run(direction: Direction, frame: Bytes, options?: RunOptions): Result;
  /** Every counter of the map `reasons`, summed over the processors. */
  reasons(): bigint[];
}

/** Offset of `gso_size` in struct __sk_buff (include/uapi/linux/bpf.h), and its size as far as that. */
const GSO_SIZE = 176;
const SK_BUFF = 192;
/** BPF_F_INGRESS */
const INGRESS = 1;

/** What is to run, whoever made it. */
export interface Programs {
  readonly outbound: Program;
  readonly inbound: Program;
  /** By what an instance calls them. */
  readonly maps: { readonly [name: string]: MapSpec };
}

export class KernelMachine implements Machine, Disposable {
  readonly programs: { readonly [D in Direction]: BpfProgram };
  readonly tables: { readonly [map: string]: RawMap };

  constructor({ outbound, inbound, maps }: Programs, isa: IsaLevel = NEWEST_ISA) {
    this.tables = Object.fromEntries(
      Object.entries(maps).map(([name, definition]) => [name, RawMap.create(definition)]),
    );
    const byName: { readonly [name: string]: MapDescriptor } = Object.fromEntries(
      Object.values(this.tables).map((table) => [table.spec.name, table]),
    );
    const load = (one: Program): BpfProgram => loadProgram(inIsa(one, isa)!, byName);
    this.programs = { outbound: load(outbound), inbound: load(inbound) };
  }

  run(direction: Direction, frame: Bytes, { gsoSize }: RunOptions = {}): Result {
    const context = new Uint8Array(SK_BUFF);
    if (gsoSize !== undefined) new DataView(context.buffer).setUint32(GSO_SIZE, gsoSize, true);
    const { returnValue, data } = this.programs[direction].testRun({
      data: frame,
      ...(gsoSize === undefined ? {} : { context }),
    });
    return { returnValue, frame: data };
  }

  [Symbol.dispose](): void {
    for (const one of [...Object.values(this.programs), ...Object.values(this.tables)]) one.close();
  }

  reasons(): bigint[] {
    const { count, values } = this.tables.reasons!.elements();
    return sums(values, count);
  }
}

export class VmMachine implements Machine {
  readonly tables: { readonly [map: string]: VmMap };
  readonly #programs: { readonly [D in Direction]: Vm };
  readonly #link: 'ethernet' | 'none';

  constructor({ outbound, inbound, maps }: Datapath, link: 'ethernet' | 'none') {
    this.tables = Object.fromEntries(
      Object.entries(maps).map(([name, definition]) => [name, createMap(definition)]),
    );
    this.#programs = {
      outbound: new Vm(outbound, { maps: this.tables }),
      inbound: new Vm(inbound, { maps: this.tables }),
    };
    this.#link = link;
  }

  run(direction: Direction, frame: Bytes, { gsoSize, checksum }: RunOptions = {}): Result {
    const {
      returnValue,
      packet,
      redirect,
      checksum: sum,
    } = this.#programs[direction].run({
      packet: frame,
      skb: {
        ingress: direction === 'inbound',
        macLength: this.#link === 'none' ? 0 : 14,
        fields: gsoSize === undefined ? {} : { gso_size: gsoSize },
        ...(checksum && { checksum }),
      },
    });
    const to =
      redirect === undefined ? {} : ({ redirect: redirect.flags === INGRESS ? 'in' : 'out' } as const);
    return { returnValue, frame: packet, ...to, ...(sum && { checksum: sum }) };
  }

  reasons(): bigint[] {
    return this.tables.reasons!.entries().map(([, value]) => sums(value, 1)[0]!);
  }
}

/** Sums of 64-bit values, `count` groups of equal size. */
function sums(values: Bytes, count: number): bigint[] {
  const view = new DataView(values.buffer, values.byteOffset, values.length);
  const each = values.length / 8 / count;
  return Array.from({ length: count }, (_, index) => {
    let sum = 0n;
    for (let cpu = 0; cpu < each; cpu++) sum += view.getBigUint64((index * each + cpu) * 8, true);
    return sum;
  });
}
