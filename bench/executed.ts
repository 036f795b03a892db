// What a program executes on a packet, counted one by one in the interpreter: the kernel does not tell. The packet that
// comes out has to be the one that the kernel makes, or the count would be worth nothing.

import type { Program } from '../src/asm/index.ts';
import { createMap, Vm, type VmMap } from '../src/vm/index.ts';

export interface Executed {
  readonly instructions: number;
  readonly helpers: number;
  readonly returnValue: number;
  readonly packet: Uint8Array;
}

/** Entries in bytes by the name of their map. */
export type Entries = readonly (readonly [map: string, key: Uint8Array, value: Uint8Array])[];

/** `BPF_JMP | BPF_CALL` with no source register: a helper. */
const CALL = 0x85;

/** Runs `program` with maps that hold `entries` and nothing else. */
export function execute(program: Program, entries: Entries, packet: Uint8Array): Executed {
  const maps: Record<string, VmMap> = {};
  for (const { map } of program.relocations) maps[map.name] ??= createMap(map);
  for (const [name, key, value] of entries) maps[name]?.set(key, value);
  let helpers = 0;
  const watch = ({ index }: { readonly index: number }): void => {
    if (program.code[index * 8] === CALL && program.code[index * 8 + 1] === 0) helpers += 1;
  };
  const {
    instructions,
    returnValue,
    packet: out,
  } = new Vm(program, { maps, watch: [watch] }).run({ packet });
  return { instructions, helpers, returnValue, packet: out };
}
