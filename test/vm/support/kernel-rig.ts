// Runs many random programs in the kernel on the same maps, which are emptied in between: making maps takes longer
// than everything else together.

import type { MapDefinition, Program } from '../../../src/asm/index.ts';
import { loadProgram, RawMap } from '../../../src/loader/index.ts';
import { hex } from './both.ts';

/** Everything that can be seen of a run. */
export interface Seen {
  readonly returnValue: number;
  readonly packet: string;
  /** Mark, priority and control block of an skb. */
  readonly context: string;
  readonly maps: { readonly [name: string]: readonly string[] };
}

/** `struct __sk_buff` up to `hwtstamp`, and the fields of it that a test run gives back. */
export const SK_BUFF = 192;
const GIVEN_BACK = [
  [8, 12],
  [32, 36],
  [48, 68],
] as const;

export const contextText = (context: Uint8Array): string =>
  GIVEN_BACK.map(([from, to]) => hex(context.subarray(from, to))).join(' ');

export class KernelRig implements Disposable {
  readonly #maps: { readonly [name: string]: RawMap };

  constructor(definitions: readonly MapDefinition[]) {
    this.#maps = Object.fromEntries(definitions.map((spec) => [spec.name, RawMap.create(spec)]));
  }

  run(program: Program, packet: Uint8Array): Seen {
    for (const map of Object.values(this.#maps)) clear(map);
    const loaded = loadProgram(program, this.#maps);
    try {
      const context = program.type === 'sched_cls' ? { context: new Uint8Array(SK_BUFF) } : {};
      const result = loaded.testRun({ data: packet, dataOutSize: packet.length + 4096, ...context });
      return {
        returnValue: result.returnValue,
        packet: hex(result.data),
        context: contextText(result.context),
        maps: Object.fromEntries(Object.entries(this.#maps).map(([name, map]) => [name, contents(map)])),
      };
    } finally {
      loaded.close();
    }
  }

  [Symbol.dispose](): void {
    for (const map of Object.values(this.#maps)) map.close();
  }
}

function keys(map: RawMap): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let key = map.nextKey(); key !== undefined; key = map.nextKey(key)) found.push(key);
  return found;
}

function clear(map: RawMap): void {
  for (const key of keys(map)) {
    if (map.spec.type === 'array') map.set(key, new Uint8Array(map.spec.valueSize));
    else map.delete(key);
  }
}

const contents = (map: RawMap): string[] =>
  keys(map)
    .map((key) => `${hex(key)}=${hex(map.get(key) ?? new Uint8Array())}`)
    .toSorted();
