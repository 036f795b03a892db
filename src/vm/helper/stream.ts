// Helpers that hand data to user space: ring buffer (kernel/bpf/ringbuf.c) and perf events (kernel/trace/bpf_trace.c).

import { regionOf } from '../core/access.ts';
import type { Machine } from '../core/machine.ts';
import { type Region, SCALAR } from '../core/region.ts';
import type { HelperModel, HelperModels } from '../environment.ts';
import { E2BIG, EFAULT, EINVAL } from '../errno.ts';
import { Trap } from '../fault.ts';
import { PerfEventArray, RingBuffer } from '../map/stream.ts';
import * as args from './arguments.ts';

const R0 = 0;
const BPF_RB_NO_WAKEUP = 1 << 0;
const BPF_RB_FORCE_WAKEUP = 1 << 1;
const WAKEUP_FLAGS = BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP;
/** What bpf_ringbuf_query answers. */
const BPF_RB_AVAIL_DATA = 0;
const BPF_RB_RING_SIZE = 1;

const BPF_F_INDEX_MASK = 0xffff_ffffn;
const BPF_F_CURRENT_CPU = BPF_F_INDEX_MASK;
const CTXLEN_SHIFT = 32n;
const BPF_F_CTXLEN_MASK = 0xf_ffffn << CTXLEN_SHIFT;

function ringBuffer(machine: Machine): RingBuffer {
  const map = args.map(machine, 1);
  if (map instanceof RingBuffer) return map;
  throw new Trap('ARGUMENT', `map '${map.spec.name}' of type ${map.spec.type} is no ring buffer`);
}

function output(machine: Machine): void {
  const ring = ringBuffer(machine);
  const data = args.readable(machine, 2, args.size(machine, 3));
  const allowed = args.flagsOf(machine, 4) <= WAKEUP_FLAGS;
  args.result(machine, allowed ? ring.output(data) : -EINVAL);
}

function reserve(machine: Machine) {
  const ring = ringBuffer(machine);
  const size = args.size(machine, 2);
  const record = args.u64(machine, 3) === 0n ? ring.reserve(size) : undefined;
  if (record === undefined) return args.result(machine, 0);
  machine.reserved.add(record);
  machine.setPointer(R0, record, 0);
}

const finish =
  (state: 'submitted' | 'discarded'): HelperModel =>
  (machine) => {
    const record = regionOf(machine, 1);
    const atStart = machine.lo[1] === 0 && machine.hi[1] === record.hi;
    const ring = record.owner;
    if (!atStart || !(ring instanceof RingBuffer) || !ring.finish(record, state)) {
      throw new Trap('ARGUMENT', `r1 is not a record of a ring buffer in progress`);
    }
    machine.reserved.delete(record);
    forget(machine, record);
  };

/** The verifier forgets every copy of the pointer; here it cannot be used any more. */
function forget(machine: Machine, record: Region): void {
  machine.invalidate(record);
  machine.tag[R0] = SCALAR;
  machine.setNumber(R0, 0);
}

function query(machine: Machine): void {
  const ring = ringBuffer(machine);
  const what = args.flagsOf(machine, 2);
  if (what === BPF_RB_AVAIL_DATA) args.result(machine, ring.used);
  else args.result(machine, what === BPF_RB_RING_SIZE ? ring.spec.maxEntries : 0);
}

function perfEvent(machine: Machine) {
  const { packet } = args.anyContext(machine);
  const map = args.map(machine, 2);
  if (!(map instanceof PerfEventArray)) {
    throw new Trap('ARGUMENT', `map '${map.spec.name}' of type ${map.spec.type} takes no perf events`);
  }
  const flags = args.u64(machine, 3);
  const data = args.readable(machine, 4, args.size(machine, 5));
  if ((flags & ~(BPF_F_CTXLEN_MASK | BPF_F_INDEX_MASK)) !== 0n) return args.result(machine, -EINVAL);
  const wanted = Number((flags & BPF_F_CTXLEN_MASK) >> CTXLEN_SHIFT);
  const tail = packet.range(0, wanted);
  if (tail === undefined) return args.result(machine, -EFAULT);
  const index = flags & BPF_F_INDEX_MASK;
  const cpu = index === BPF_F_CURRENT_CPU ? machine.environment.cpu : Number(index);
  if (cpu >= map.spec.maxEntries) return args.result(machine, -E2BIG);
  const event = new Uint8Array(data.length + tail.length);
  event.set(data);
  event.set(tail, data.length);
  map.push({ cpu, data: event });
  args.result(machine, 0);
}

export const STREAM_HELPERS: HelperModels<
  | 'ringbuf_output'
  | 'ringbuf_reserve'
  | 'ringbuf_submit'
  | 'ringbuf_discard'
  | 'ringbuf_query'
  | 'perf_event_output'
> = {
  ringbuf_output: output,
  ringbuf_reserve: reserve,
  ringbuf_submit: finish('submitted'),
  ringbuf_discard: finish('discarded'),
  ringbuf_query: query,
  perf_event_output: perfEvent,
};
