// Objects with bytes changed at random: each is read or refused with a place, and quickly. `npm test` tries 2,000;
// TSNAT_FUZZ says how many, TSNAT_SEED where the chance begins.

import process from 'node:process';
import test from 'ava';
import {
  btf,
  type ElfObject,
  formatAsm,
  formatElf,
  MalformedError,
  parseElf,
} from '../../../src/asm/index.ts';
import { interpretObject, VmFault } from '../../../src/vm/index.ts';
import { SEED } from '../../support/seed.ts';
import { compiled } from './support/compile.ts';

const COUNT = Number(process.env.TSNAT_FUZZ ?? 2000);
const SECTION_HEADER = 64;
const EHDR = { shoff: 40, shnum: 60 } as const;
const SHDR = { offset: 24, size: 32 } as const;
/** A machine under load is no endless loop. */
const LIMIT_MS = 5_000;
const EDGES = [
  0, 1, 7, 8, 0x7f, 0x80, 0xff, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff,
];

/** xorshift32: the same from the same seed. */
function chance(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Changes a few bytes, more often where the structure is. */
function mutated(original: Uint8Array, below: (n: number) => number): Uint8Array {
  const data = Uint8Array.from(original);
  const view = new DataView(data.buffer);
  const headers = Number(view.getBigUint64(EHDR.shoff, true));
  const sections = view.getUint16(EHDR.shnum, true);
  const place = (): number => {
    const kind = below(8);
    if (kind < 2) return headers + below(sections * SECTION_HEADER);
    if (kind === 2) return below(SECTION_HEADER);
    if (kind === 3) return below(data.length);
    const header = headers + below(sections) * SECTION_HEADER;
    const size = Number(new DataView(original.buffer).getBigUint64(header + SHDR.size, true));
    return Number(new DataView(original.buffer).getBigUint64(header + SHDR.offset, true)) + below(size || 1);
  };
  for (let n = 1 + below(8); n > 0; n--) {
    const at = Math.min(place(), data.length - 4) & ~3;
    switch (below(4)) {
      case 0:
        data[at + below(4)] = below(256);
        break;
      case 1:
        view.setUint32(at, EDGES[below(EDGES.length)]!, true);
        break;
      case 2:
        data[at + below(4)]! ^= 1 << below(8);
        break;
      default:
        view.setUint32(at, view.getUint32(at, true) + below(17) - 8, true);
    }
  }
  return below(10) === 0 ? data.subarray(0, below(data.length)) : data;
}

/** Reads it, and does with it what people do. @returns whether it was read */
function survive(data: Uint8Array): boolean {
  try {
    const object = parseElf(data);
    const { programs, btf: types } = object;
    programs.forEach(formatAsm);
    interpret(object);
    types?.types.forEach((_, id) => void btf.typeName(types, id));
    try {
      formatElf(programs);
    } catch (error) {
      // Not everything that is read can be said again.
      if (!(error instanceof RangeError)) throw error;
    }
    return true;
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    if (!Number.isInteger(error.offset) || error.offset < 0) throw new Error(`no place: ${error.message}`);
    return false;
  }
}

const PACKET = new Uint8Array(64).fill(1);

/** Runs what can be run: it ends, or says what is wrong. */
function interpret(object: ElfObject): void {
  const attempt = <T>(what: () => T): T | undefined => {
    try {
      return what();
    } catch (error) {
      if (error instanceof VmFault || error instanceof RangeError) return undefined;
      throw error;
    }
  };
  const interpreted = attempt(() => interpretObject(object, { instructionLimit: 2000 }));
  for (const { symbol } of object.programs) attempt(() => interpreted?.vm(symbol).run({ packet: PACKET }));
}

test(`objects changed at random, seed ${SEED}`, (t) => {
  const sources = ['calls', 'maps', 'legacy', 'core', 'tail', 'nested', 'kinds', 'fitted'] as const;
  const objects = sources.map((source) => compiled(`elf/${source}.c`));
  objects.push(formatElf(parseElf(objects[0]!).programs));
  const below = chance(SEED);
  let read = 0;
  for (let n = 0; n < COUNT; n++) {
    const data = mutated(objects[below(objects.length)]!, below);
    const start = performance.now();
    t.notThrows(() => {
      if (survive(data)) read++;
    }, `input ${n}`);
    const took = performance.now() - start;
    if (took > LIMIT_MS) t.fail(`input ${n} took ${took} ms`);
  }
  // Neither everything nor nothing: else the changes do not test what they should.
  t.true(read > COUNT / 20 && read < COUNT, `${read} of ${COUNT} read`);
});

test(`types changed at random, seed ${SEED}`, (t) => {
  const { btf: types } = parseElf(compiled('elf/maps.c'));
  const original = btf.encodeBtf(types!.types);
  const below = chance(SEED);
  for (let n = 0; n < COUNT; n++) {
    const data = Uint8Array.from(original);
    for (let changes = 1 + below(4); changes > 0; changes--) data[below(data.length)] = below(256);
    t.notThrows(() => {
      try {
        const read = btf.parseBtf(data);
        const layoutOf = btf.layoutsOf(read);
        read.types.forEach((_, id) => void [layoutOf(id), btf.typeName(read, id), btf.bareType(read, id)]);
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
      }
    }, `input ${n}`);
  }
});
