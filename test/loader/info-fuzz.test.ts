// Answers of the kernel that make no sense: cut short, or with bits turned. A typed error or a sound answer, nothing
// left open. 2,000 of each kind, or as many as TSNAT_FUZZ says.

import { readdirSync } from 'node:fs';
import process from 'node:process';
import test, { type ExecutionContext } from 'ava';
import { defineMap, LITTLE_ENDIAN, u32, u64 } from '../../src/asm/index.ts';
import { Frame } from '../../src/loader/bpf/frame.ts';
import {
  decodeBtfInfo,
  decodeLinkInfo,
  decodeMapInfo,
  decodeProgramInfo,
  INFO_SIZE,
} from '../../src/loader/bpf/info.ts';
import { interpose } from '../../src/loader/ffi.ts';
import { BpfBtf, BpfMap, BpfProgram, LoaderError, loadProgram, RawMap } from '../../src/loader/index.ts';
import { holding } from './support/programs.ts';

const RUNS = Number(process.env.TSNAT_FUZZ ?? 2_000);
const BPF_OBJ_GET_INFO_BY_FD = 15;
/** In the frame of a question: the length of the answer, and the answer behind the attribute. */
const LENGTH_AT = 4;
const ANSWER_AT = 16;

let state = 12_345;
/** Numbers that come again in the same order (a linear congruential generator). */
function random(below: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

/** Turns bits, sets bytes to what tends to hurt, or shortens; answers with the length to be said. */
function mutate(bytes: Uint8Array, length: number): number {
  const EXTREMES = [0, 1, 0x7f, 0x80, 0xff];
  for (let i = random(6); i >= 0; i--) {
    const at = random(bytes.length);
    if (random(2) === 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    else bytes.fill(EXTREMES[random(EXTREMES.length)]!, at, at + 1 + random(8));
  }
  const LENGTHS = [length, length, length, random(length + 1), random(2 ** 32), 0];
  return LENGTHS[random(LENGTHS.length)]!;
}

/** Real answers, as the kernel gave them. */
const real: { [kind: string]: { data: Uint8Array; length: number } } = {};
function record(kind: string, ask: () => unknown): void {
  interpose((call, run, [command]) => {
    const result = run();
    if (call === 'bpf' && command === BPF_OBJ_GET_INFO_BY_FD) {
      const { bytes, view } = new Frame(0);
      const size = INFO_SIZE[kind as keyof typeof INFO_SIZE];
      real[kind] = {
        data: bytes.slice(ANSWER_AT, ANSWER_AT + size),
        length: view.getUint32(LENGTH_AT, LITTLE_ENDIAN),
      };
    }
    return result;
  });
  try {
    ask();
  } finally {
    interpose(undefined);
  }
}

const spec = defineMap({ name: 'ldrfuzz_map', type: 'hash', key: u32, value: u64, maxEntries: 4 });

function objects(use: (map: BpfMap, program: BpfProgram) => void): void {
  using map = BpfMap.create(spec);
  using program = loadProgram(holding('ldrfuzz_prog', [spec]), { ldrfuzz_map: map });
  use(map as unknown as BpfMap, program);
}

/** Runs it; @returns whether it answered. */
function soundOrRefused(t: ExecutionContext, run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof LoaderError && error.code === 'EINFO') return false;
    t.fail(String(error));
    throw error;
  }
}

test.serial('decoders: every length, and mutated answers', (t) => {
  objects((map, program) => {
    record('map', () => map.raw.info);
    record('program', () => program.info);
    using types = BpfBtf.openById(program.info.btfId || map.raw.info.btfId || 1);
    record('btf', () => types?.info);
  });
  real.link = { data: real.map!.data.slice(0, INFO_SIZE.link), length: INFO_SIZE.link };
  const ids = new Uint8Array(256);
  const decoders: { [kind: string]: (data: Uint8Array, length: number) => unknown } = {
    map: (data, length) => decodeMapInfo(data, length, 'a map'),
    program: (data, length) => decodeProgramInfo(data, length, ids, 'a program'),
    link: (data, length) => decodeLinkInfo(data, length, 'a link'),
    btf: (data, length) => decodeBtfInfo(data, length, 'types'),
  };
  for (const [kind, decode] of Object.entries(decoders)) {
    const { data, length } = real[kind]!;
    t.true(
      soundOrRefused(t, () => decode(data, length)),
      kind,
    );
    let refused = 0;
    // What is said to be longer than it is, and every length below.
    for (let short = 0; short <= data.length + 8; short++) {
      if (!soundOrRefused(t, () => decode(data, short))) refused += 1;
      soundOrRefused(t, () => decode(data, -short - 1));
    }
    t.true(refused >= 8 && refused < data.length, kind);
    for (let i = 0; i < RUNS; i++) {
      const copy = data.slice();
      const said = mutate(copy, length);
      if (!soundOrRefused(t, () => decode(copy, said))) refused += 1;
    }
    t.true(refused > RUNS / 20, `${kind}: ${refused} refused`);
  }
});

test.serial('through the owners: nothing stays open, nothing large is allocated', (t) => {
  objects((map, program) => {
    const { id } = map.raw;
    const { id: programId, btfId } = program.info;
    const asks: (() => unknown)[] = [
      () => using(RawMap.openById(id), (opened) => opened.info),
      () => using(BpfMap.openById(id, spec), (opened) => opened.get(1)),
      () => using(BpfProgram.openById(programId), (opened) => opened.info),
      () => using(BpfProgram.openById(programId), (opened) => opened.code('translated')),
      () => using(BpfBtf.openById(btfId ?? 0), (opened) => opened.data().length + opened.name.length),
    ];
    for (const ask of asks) ask();
    const before = readdirSync('/proc/self/fd').length;
    const codes = new Map<string, number>();
    interpose((call, run, [command]) => {
      const result = run();
      if (call === 'bpf' && command === BPF_OBJ_GET_INFO_BY_FD && random(2) === 0) {
        const { bytes, view } = new Frame(0);
        const length = view.getUint32(LENGTH_AT, LITTLE_ENDIAN);
        const said = mutate(bytes.subarray(ANSWER_AT, ANSWER_AT + length), length);
        view.setUint32(LENGTH_AT, said, LITTLE_ENDIAN);
      }
      return result;
    });
    try {
      for (let i = 0; i < RUNS; i++) {
        let code = 'answered';
        try {
          asks[i % asks.length]!();
        } catch (error) {
          t.true(error instanceof LoaderError, String(error));
          code = error instanceof LoaderError ? error.code : 'other';
        }
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    } finally {
      interpose(undefined);
    }
    t.log(Object.fromEntries(codes));
    t.true((codes.get('EINFO') ?? 0) > RUNS / 20);
    t.true((codes.get('answered') ?? 0) > RUNS / 20);
    t.is(readdirSync('/proc/self/fd').length, before);
  });
});

function using<T extends Disposable, R>(owner: T | undefined, use: (owner: T) => R): R {
  using held = owner;
  if (held === undefined) throw new TypeError('it is not there');
  return use(held);
}
