// Runs a program on a world in the kernel, and says what is left of the world.

import type { Program } from '../../../../src/asm/index.ts';
import { BpfMap, loadProgram } from '../../../../src/loader/index.ts';
import { MAPS } from './maps.ts';
import type { World } from './model.ts';
import { RESULTS, SIZES, SKB_SIZE } from './plan.ts';
import { Tape } from './tape.ts';

const RESULTS_SIZE = 8 * RESULTS;
/** Keys of the hash map: half of what programs mostly ask for. */
const KEYS = [0, 2, 0x0a00_0001];
const SHORTEST = 14;
const LONGEST = 110;
const ETHERTYPE = 12;
/** ETH_P_IP, ETH_P_IPV6 */
const IP = [0x0800, 0x86dd];
/** struct __sk_buff: what BPF_PROG_TEST_RUN lets a caller set. */
const SKB = { len: 0, mark: 8, priority: 32, cb: 48, cbWords: 5 };

/** A world out of random numbers. */
export function worldFrom(numbers: readonly number[], hook: World['hook'] = 'sched_cls'): World {
  const tape = new Tape(numbers);
  const random = (size: number): Uint8Array =>
    Uint8Array.from({ length: size }, () => Number(tape.integer(8)));
  // Most are long enough for what programs look at.
  const length = tape.chance(4) ? SHORTEST + tape.below(LONGEST - SHORTEST) : LONGEST + tape.below(50);
  const packet = random(length);
  // BPF_PROG_TEST_RUN refuses IP packets that are shorter than their headers.
  if (IP.includes((packet[ETHERTYPE]! << 8) | packet[ETHERTYPE + 1]!)) packet[ETHERTYPE] = 0;
  const context = new Uint8Array(SKB_SIZE);
  const view = new DataView(context.buffer);
  for (const at of [SKB.mark, SKB.priority]) view.setUint32(at, Number(tape.integer(32)), true);
  for (let i = 0; i < SKB.cbWords; i++) view.setUint32(SKB.cb + 4 * i, Number(tape.integer(32)), true);
  const state = random(SIZES.record);
  const table = new Map(KEYS.map((key) => [key, random(SIZES.record)]));
  if (hook === 'xdp') context.fill(0);
  return { hook, packet, context, state, table, results: new BigUint64Array(RESULTS) };
}

export function copyOf({ hook, packet, context, state, table, results }: World): World {
  const copy = {
    hook,
    packet: packet.slice(),
    context: context.slice(),
    state: state.slice(),
    table: new Map([...table].map(([key, bytes]) => [key, bytes.slice()])),
    results: results.slice(),
  };
  // The kernel takes a context without a length and tells it to the program.
  if (hook === 'sched_cls') new DataView(copy.context.buffer).setUint32(SKB.len, packet.length, true);
  return copy;
}

const FIRST = new Uint8Array(4);
const keyBytes = (key: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, key);
  return bytes;
};

/** The maps of random programs, in the kernel. */
export class Kernel implements Disposable {
  readonly #results = BpfMap.create(MAPS.results);
  readonly #state = BpfMap.create(MAPS.state);
  readonly #table = BpfMap.create(MAPS.table);

  /** Loads `program` and runs it on each of `worlds`. */
  run(program: Program, worlds: readonly World[]): { code: number; world: World }[] {
    const maps = { results: this.#results, state: this.#state, table: this.#table };
    const loaded = loadProgram(program, maps);
    try {
      return worlds.map((world) => {
        this.#results.raw.set(FIRST, new Uint8Array(RESULTS_SIZE));
        this.#state.raw.set(FIRST, world.state);
        for (const [key] of this.#table.entries()) this.#table.delete(key);
        for (const [key, bytes] of world.table) this.#table.raw.set(keyBytes(key), bytes);
        const given = world.hook === 'xdp' ? {} : { context: world.context };
        const { returnValue, data, context } = loaded.testRun({ data: world.packet, ...given });
        const results = this.#results.raw.get(FIRST)!;
        return {
          code: returnValue,
          world: {
            hook: world.hook,
            packet: data,
            context: changeable(context, data.length),
            state: this.#state.raw.get(FIRST)!,
            table: new Map(
              [...this.#table.entries()].map(([key]) => [
                key as number,
                this.#table.raw.get(keyBytes(key as number))!,
              ]),
            ),
            results: new BigUint64Array(results.slice().buffer),
          },
        };
      });
    } finally {
      loaded.close();
    }
  }

  [Symbol.dispose](): void {
    for (const map of [this.#results, this.#state, this.#table]) map.close();
  }
}

/** Only what programs change: the kernel reports more of the packet than it was told. */
function changeable(context: Uint8Array, length: number): Uint8Array {
  const kept = new Uint8Array(SKB_SIZE);
  const ranges = [SKB.mark, SKB.priority, ...Array.from({ length: SKB.cbWords }, (_, i) => SKB.cb + 4 * i)];
  for (const at of ranges) kept.set(context.subarray(at, at + 4), at);
  new DataView(kept.buffer).setUint32(SKB.len, length, true);
  return kept;
}
