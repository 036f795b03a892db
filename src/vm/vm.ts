// An interpreter with a program in it: runs it on packets, as BPF_PROG_TEST_RUN does, or on a piece of memory.

import { helperName, type MapSpec, type Program, type ProgramType } from '../asm/index.ts';
import type { Code } from './core/code.ts';
import { decode } from './core/decode.ts';
import { execute } from './core/execute.ts';
import { Machine } from './core/machine.ts';
import { REGISTERS, STRIDE } from './core/operation.ts';
import { Region, UNINITIALISED } from './core/region.ts';
import type { Environment } from './environment.ts';
import { Trap, VmFault } from './fault.ts';
import { HELPER_MODELS } from './helper/index.ts';
import { createMap } from './map/create.ts';
import type { VmMap } from './map/map.ts';
import { Packet } from './packet/packet.ts';
import { Skb } from './packet/skb.ts';
import { XdpBuffer } from './packet/xdp.ts';
import type { PacketInput, RunResult, VmOptions } from './run.ts';
import { textAt, type Watcher } from './watch.ts';

const DEFAULT_LIMIT = 100_000_000;
/** How many instructions the main loop counts at once. */
const CHUNK = 0x3fff_ffff;
/** Room in front of a packet: kernel's XDP_PACKET_HEADROOM, and NET_SKB_PAD of an skb, which grows as needed. */
const XDP_HEADROOM = 256;
const SKB_HEADROOM = 64;
/** Behind it, of an XDP buffer: a page of 4 KiB, less `struct skb_shared_info`. */
const XDP_BUFFER = 4096 - 320;
const [R0, R1, R2] = [0, 1, 2];
const ONE_SECOND = 1_000_000_000n;
/** BPF_FIB_LKUP_RET_NOT_FWDED */
const NOT_FORWARDED = 4;

/** Programs whose packet begins behind the link-layer header (bpf_prog_test_run_skb in net/bpf/test_run.c). */
const NETWORK_LAYER: ReadonlySet<ProgramType> = new Set<ProgramType>([
  'socket_filter',
  'cgroup_skb',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'lwt_seg6local',
]);

/** Programs that have a packet at all. */
const PACKET: ReadonlySet<ProgramType> = new Set<ProgramType>([
  ...NETWORK_LAYER,
  'unspec',
  'sched_cls',
  'sched_act',
  'xdp',
  'sk_skb',
]);

export class Vm {
  readonly program: Program;
  /** The maps the program refers to, by name. */
  readonly maps: { readonly [name: string]: VmMap };
  readonly #code: Code;
  readonly #machine: Machine;
  readonly #limit: number;
  readonly #watchers: readonly Watcher[];

  /** @throws RangeError for code that is cut short or lacks something, or a map type that is not modelled */
  constructor(program: Program, options: VmOptions = {}) {
    const [missing] = (program.unresolved ?? []).filter(({ kind }) => kind !== 'kfunc' || !options.kfuncs);
    if (missing) {
      const { kind, index, what } = missing;
      throw new RangeError(`program '${program.name}', instruction ${index}: unresolved ${kind}: ${what}`);
    }
    this.program = program;
    this.maps = mapsOf(program, options);
    this.#code = decode(program);
    this.#machine = new Machine(this.#code, environmentOf(this.maps, options));
    this.#limit = options.instructionLimit ?? DEFAULT_LIMIT;
    this.#watchers = options.watch ?? [];
  }

  /**
   * Runs the program on a packet.
   *
   * @throws VmFault when it does what no program may; RangeError for a program of a type that has no packet
   */
  run(input: PacketInput): RunResult {
    const { name, type } = this.program;
    if (!PACKET.has(type)) {
      throw new RangeError(
        `program '${name}' of type ${type} has no packet: runMemory takes the bytes of its context`,
      );
    }
    const isXdp = type === 'xdp';
    const tail = isXdp ? Math.max(0, XDP_BUFFER - XDP_HEADROOM - input.packet.length) : 0;
    const room = { head: isXdp ? XDP_HEADROOM : SKB_HEADROOM, tail };
    const packet = new Packet(input.packet, room, input.linear);
    const context = isXdp ? new XdpBuffer(packet, input.xdp) : new Skb(packet, input.skb);
    if (context instanceof Skb && NETWORK_LAYER.has(type)) context.pullHeader();
    const machine = this.#machine;
    this.#guard(() => {
      machine.begin(this.#code);
      machine.context = context;
      machine.setPointer(R1, context.region, 0);
      machine.register(packet.region);
      this.#execute();
    });
    return this.#result(packet, context instanceof Skb ? context : undefined);
  }

  /**
   * Runs the program on a piece of memory: r1 is its address, r2 its length; both 0 without one. The memory is changed
   * in place.
   *
   * @throws VmFault when it does what no program may
   */
  runMemory(memory?: Uint8Array): RunResult {
    const machine = this.#machine;
    this.#guard(() => {
      machine.begin(this.#code);
      if (memory) machine.setPointer(R1, new Region('memory', 'the memory', memory), 0);
      else machine.setNumber(R1, 0);
      machine.setNumber(R2, memory?.length ?? 0);
      this.#execute();
    });
    return this.#result(undefined, undefined);
  }

  #execute(): void {
    const machine = this.#machine;
    const step = this.#watchers.length === 0 ? CHUNK : 1;
    for (;;) {
      const left = this.#limit - machine.executed;
      if (left <= 0)
        throw new Trap(
          'BUDGET',
          `more than ${this.#limit} instructions: a runaway loop, or an instructionLimit too low for the program`,
        );
      const done = step === 1 ? this.#watchedStep() : execute(machine, Math.min(left, step));
      if (done) break;
    }
    if (machine.reserved.size > 0) {
      throw new Trap('REFERENCE', 'a ring buffer record was reserved and not given back');
    }
  }

  #watchedStep(): boolean {
    const machine = this.#machine;
    const { program } = machine.code;
    const index = machine.pc / STRIDE;
    const done = execute(machine, 1);
    const next = done ? undefined : machine.pc / STRIDE;
    const { depth } = machine;
    const registers = (): (bigint | undefined)[] =>
      Array.from({ length: REGISTERS }, (_, register) =>
        machine.tag[register] === UNINITIALISED ? undefined : machine.bigInt(register),
      );
    for (const watch of this.#watchers) watch({ program, index, next, depth, registers });
    return done;
  }

  #result(packet: Packet | undefined, skb: Skb | undefined): RunResult {
    const machine = this.#machine;
    return {
      r0: machine.bigInt(R0),
      returnValue: machine.lo[R0]! >>> 0,
      packet: packet?.bytes().slice() ?? new Uint8Array(),
      meta: packet?.region.bytes.slice(packet.meta, packet.data) ?? new Uint8Array(),
      context: skb?.bytes() ?? new Uint8Array(),
      checksum: skb?.checksum,
      vlan: skb?.vlan,
      instructions: machine.executed,
      redirect: machine.effects.redirect,
      clones: machine.effects.clones,
      trace: machine.effects.trace,
    };
  }

  /** Says where a fault happened. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof Trap)) throw error;
      const { code, pc } = this.#machine;
      const index = pc / STRIDE;
      const { program } = code;
      throw new VmFault(
        error.code,
        error.message,
        {
          program: program.name,
          index,
          instruction: textAt(program, index),
          location: program.locations[index],
        },
        { cause: error },
      );
    }
  }
}

function mapsOf(program: Program, { maps = {}, cpus = 1 }: VmOptions): { [name: string]: VmMap } {
  const found: { [name: string]: VmMap } = { ...maps };
  for (const { map } of program.relocations) {
    if (!Object.hasOwn(found, map.name)) found[map.name] = createMap(map, { cpus });
  }
  return found;
}

function environmentOf(maps: { readonly [name: string]: VmMap }, options: VmOptions): Environment {
  const { descriptors, now = () => ONE_SECOND, random = sequence(), cpu = 0, kfuncs = new Map() } = options;
  return {
    helpers: options.helpers ? new Map([...HELPER_MODELS, ...options.helpers]) : HELPER_MODELS,
    kfuncs,
    mapOf: (map: MapSpec | number): VmMap | undefined =>
      typeof map === 'number' ? descriptors?.get(map) : maps[map.name],
    unknownHelper: (id) => {
      const name = helperName(id);
      const what = name === undefined ? 'there is no such helper' : `bpf_${name} is not modelled`;
      return new Trap('HELPER', `helper ${id}: ${what}`);
    },
    now,
    random,
    cpu,
    fibLookup: options.fibLookup ?? (() => NOT_FORWARDED),
  };
}

/** Marsaglia's xorshift32: the same numbers in each interpreter. */
function sequence(): () => number {
  let state = 0x9e37_79b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
