// Programs that put events into a ring buffer: one for each run, numbered, or given up.

import {
  defineGlobal,
  defineRingBuffer,
  type GlobalData,
  type Program,
  program,
  type RingBuffer,
  type ScalarType,
  type StructType,
  struct,
  u64,
} from '../../../src/asm/index.ts';
import {
  BpfMap,
  type BpfProgram,
  BpfRingBuffer,
  loadProgram,
  type MapDescriptor,
} from '../../../src/loader/index.ts';
import { EXIT, program as inBytes, insn, LD_IMM64, MOV_IMM } from './programs.ts';

export type Event = StructType<{ serial: ScalarType<'u64'>; echo: ScalarType<'u64'> }>;
export const event: Event = struct('ldrt_event', { serial: u64, echo: u64 });
export const ringOf = (size = 4096): RingBuffer<Event> =>
  defineRingBuffer({ name: 'ldrt_ring', event, size });

type Tally = StructType<{ runs: ScalarType<'u64'>; lost: ScalarType<'u64'> }>;
const tally: GlobalData<Tally> = defineGlobal({
  name: 'ldrt_tally',
  value: struct('ldrt_tally', { runs: u64, lost: u64 }),
});

/** Puts out its serial number; counts runs, and events there was no room for. */
const numbering = (ring: RingBuffer<Event>): Program =>
  program('sched_cls', 'ldrt_number', (p) => {
    const data = p.data(tally);
    const serial = data.runs.get();
    data.runs.set(serial.add(1));
    const result = p.output(ring, { serial, echo: serial });
    p.when(result.ne(0), () => {
      data.lost.increase(1);
    });
    p.next();
  });

const FRAME = new Uint8Array(64);

/** A ring, a program that fills it, and what that has counted. */
export class RingRig implements Disposable {
  readonly ring: BpfRingBuffer<Event>;
  readonly #tally: BpfMap<ScalarType<'u32'>, Tally>;
  readonly #program: BpfProgram;

  constructor(size?: number) {
    const definition = ringOf(size);
    this.ring = BpfRingBuffer.create(definition);
    this.#tally = BpfMap.create(tally);
    const maps: { [name: string]: MapDescriptor } = { ldrt_ring: this.ring, ldrt_tally: this.#tally };
    this.#program = loadProgram(numbering(definition), maps);
  }

  get lost(): bigint {
    return this.#tally.get(0)?.lost ?? 0n;
  }

  emit(count: number): void {
    this.#program.testRun({ data: FRAME, repeat: count });
  }

  [Symbol.dispose](): void {
    this.#program.close();
    this.#tally.close();
    this.ring.close();
  }
}

const CALL = 0x85;
const JEQ_IMM = 0x15;
const MOV_REG = 0xbf;
/** Numbers of bpf_ringbuf_reserve and bpf_ringbuf_discard. */
const RESERVE = 131;
const DISCARD = 133;

/** Reserves a record and gives it up. */
export const discarding = (ring: RingBuffer): Program =>
  inBytes(
    'ldrt_discard',
    [
      ...insn(LD_IMM64, 1, 0, 0, 0),
      ...insn(0, 0, 0, 0, 0),
      ...insn(MOV_IMM, 2, 0, 0, ring.event.size),
      ...insn(MOV_IMM, 3, 0, 0, 0),
      ...insn(CALL, 0, 0, 0, RESERVE),
      ...insn(JEQ_IMM, 0, 0, 3, 0),
      ...insn(MOV_REG, 1, 0, 0, 0),
      ...insn(MOV_IMM, 2, 0, 0, 0),
      ...insn(CALL, 0, 0, 0, DISCARD),
      ...insn(MOV_IMM, 0, 0, 0, 0),
      ...insn(EXIT, 0, 0, 0, 0),
    ],
    [{ index: 0, map: ring }],
  );
