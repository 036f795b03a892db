// Where the programs run: in the kernel by BPF_PROG_TEST_RUN, or in the interpreter. Both take maps and packets in bytes.

import { type IsaLevel, inIsa, type MapSpec, NEWEST_ISA, type Program } from '../../../../src/asm/index.ts';
import { type BpfProgram, loadProgram, type MapDescriptor, RawMap } from '../../../../src/loader/index.ts';
import type { Datapath } from '../../../../src/nat/datapath/index.ts';
import { createMap, type Redirect, Vm, type VmMap } from '../../../../src/vm/index.ts';
import type { Direction } from './reference/world.ts';
import type { Bytes } from './wire.ts';

export interface Result {
  readonly returnValue: number;
  readonly frame: Bytes;
  /** Where a redirect goes, where that can be seen: back out of the interface, into it, or to another one. */
  readonly redirect?: string;
  /** How far its checksum is then; in the interpreter. */
  readonly checksum?: NonNullable<ReturnType<Vm['run']>['checksum']>;
}

/** Which program: those of the uplink, or that of the slots' interfaces. */
export type Hook = Direction | 'slot';

export interface RunOptions {
  readonly gsoSize?: number;
  /** Where the packet is; the loopback device, 1, where left out. */
  readonly ifindex?: number;
  readonly ingressIfindex?: number;
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
  run(hook: Hook, frame: Bytes, options?: RunOptions): Result;
  /** Every counter of the map `reasons`, summed over the processors. */
  reasons(): bigint[];
}

/** Offsets in struct __sk_buff (include/uapi/linux/bpf.h), and its size as far as that. */
const GSO_SIZE = 176;
const INGRESS_IFINDEX = 36;
const IFINDEX = 40;
const SK_BUFF = 192;
/** BPF_F_INGRESS */
const INGRESS = 1;

/** An answer may be longer than what it answers: by its headers. */
const LONGEST_ANSWER = 256;

/** What is to run, whoever made it. */
export interface Programs {
  readonly outbound: Program;
  readonly inbound: Program;
  readonly slot?: Program | undefined;
  /** By what an instance calls them. */
  readonly maps: { readonly [name: string]: MapSpec };
}

export class KernelMachine implements Machine, Disposable {
  readonly programs: { readonly [D in Direction]: BpfProgram } & { readonly slot?: BpfProgram };
  readonly tables: { readonly [map: string]: RawMap };

  constructor({ outbound, inbound, slot, maps }: Programs, isa: IsaLevel = NEWEST_ISA) {
    this.tables = Object.fromEntries(
      Object.entries(maps).map(([name, definition]) => [name, RawMap.create(definition)]),
    );
    const byName: { readonly [name: string]: MapDescriptor } = Object.fromEntries(
      Object.values(this.tables).map((table) => [table.spec.name, table]),
    );
    const load = (one: Program): BpfProgram => loadProgram(inIsa(one, isa)!, byName);
    this.programs = { outbound: load(outbound), inbound: load(inbound), ...(slot && { slot: load(slot) }) };
  }

  run(hook: Hook, frame: Bytes, options: RunOptions = {}): Result {
    const context = new Uint8Array(SK_BUFF);
    const fields = new DataView(context.buffer);
    const { gsoSize, ifindex = 0, ingressIfindex = 0 } = options;
    fields.setUint32(GSO_SIZE, gsoSize ?? 0, true);
    fields.setUint32(IFINDEX, ifindex, true);
    fields.setUint32(INGRESS_IFINDEX, ingressIfindex, true);
    const isPlain = gsoSize === undefined && ifindex === 0 && ingressIfindex === 0;
    const { returnValue, data } = this.programs[hook]!.testRun({
      data: frame,
      dataOutSize: frame.length + LONGEST_ANSWER,
      ...(isPlain ? {} : { context }),
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
  readonly #programs: { readonly [H in Hook]?: Vm };
  readonly #link: 'ethernet' | 'none';

  constructor({ outbound, inbound, slot, maps }: Omit<Datapath, 'slotBare'>, link: 'ethernet' | 'none') {
    this.tables = Object.fromEntries(
      Object.entries(maps).map(([name, definition]) => [name, createMap(definition)]),
    );
    this.#programs = {
      outbound: new Vm(outbound, { maps: this.tables }),
      inbound: new Vm(inbound, { maps: this.tables }),
      ...(slot && { slot: new Vm(slot, { maps: this.tables }) }),
    };
    this.#link = link;
  }

  run(hook: Hook, frame: Bytes, options: RunOptions = {}): Result {
    const { gsoSize = 0, ifindex = 1, ingressIfindex = 0, checksum } = options;
    const {
      returnValue,
      packet,
      redirect,
      checksum: sum,
    } = this.#programs[hook]!.run({
      packet: frame,
      skb: {
        ingress: hook !== 'outbound',
        macLength: this.#link === 'none' ? 0 : 14,
        fields: { gso_size: gsoSize, ifindex, ingress_ifindex: ingressIfindex },
        // As the loopback device of the kernel's test runs.
        deviceAddress: new Uint8Array(6),
        ...(checksum && { checksum }),
      },
    });
    const place = redirect && { redirect: placeOf(redirect, ifindex) };
    return { returnValue, frame: packet, ...place, ...(sum && { checksum: sum }) };
  }

  reasons(): bigint[] {
    return this.tables.reasons!.entries().map(([, value]) => sums(value, 1)[0]!);
  }
}

function placeOf(redirect: Redirect, here: number): string {
  if (redirect.helper === 'redirect_map') throw new Error('no program here has a map of devices');
  const { helper, ifindex, flags } = redirect;
  if (helper === 'redirect_neigh') return `neighbour at ${ifindex}`;
  if (flags === INGRESS) return 'in';
  return ifindex === here ? 'out' : `device ${ifindex}`;
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
