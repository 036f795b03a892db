// Programs for these tests, in bytes written by hand: the loader is tested without the assembler.

import { LITTLE_ENDIAN, type MapSpec, type Program } from '../../../src/asm/index.ts';

/** One 8-byte instruction: opcode, dst | src << 4 (little-endian), offset, immediate. */
export function insn(code: number, dst: number, src: number, off: number, imm: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint8(0, code);
  view.setUint8(1, LITTLE_ENDIAN ? dst | (src << 4) : (dst << 4) | src);
  view.setInt16(2, off, LITTLE_ENDIAN);
  view.setInt32(4, imm, LITTLE_ENDIAN);
  return [...new Uint8Array(view.buffer)];
}

export const MOV_IMM = 0xb7;
export const LD_IMM64 = 0x18;
export const EXIT = 0x95;
export const LDX_DW = 0x79;
/** TC_ACT_UNSPEC: go on with the next program. */
export const TC_ACT_UNSPEC = -1;
/** TC_ACT_OK */
export const TC_ACT_OK = 0;

export function program(name: string, code: number[], relocations: Program['relocations'] = []): Program {
  return { name, type: 'sched_cls', license: 'GPL', code: Uint8Array.from(code), relocations, locations: [] };
}

/** `return value` */
export const returning = (name: string, value: number): Program =>
  program(name, [...insn(MOV_IMM, 0, 0, 0, value), ...insn(EXIT, 0, 0, 0, 0)]);

/** Refers to `maps` without using them, and goes on with the next program. */
export const holding = (name: string, maps: readonly MapSpec[]): Program =>
  program(
    name,
    [
      ...maps.flatMap(() => [...insn(LD_IMM64, 1, 0, 0, 0), ...insn(0, 0, 0, 0, 0)]),
      ...insn(MOV_IMM, 0, 0, 0, TC_ACT_UNSPEC),
      ...insn(EXIT, 0, 0, 0, 0),
    ],
    maps.map((map, i) => ({ index: 2 * i, map })),
  );

/** An XDP program: `return value`. XDP_PASS is 2. */
export const xdpReturning = (name: string, value: number): Program => ({
  ...returning(name, value),
  type: 'xdp',
});
export const XDP_PASS = 2;
