// Helpers that ask the surroundings: time, chance, which CPU, the routing table, and the trace pipe.

import type { Machine } from '../core/machine.ts';
import type { HelperModels } from '../environment.ts';
import { EINVAL } from '../errno.ts';
import * as args from './arguments.ts';
import { formatTrace } from './trace-format.ts';

/** Kernel's sizeof(struct bpf_fib_lookup). */
const FIB_LOOKUP_SIZE = 64;
/** What of the string of a bpf_trace_printk reaches the pipe. */
const NANOSECONDS_PER_JIFFY = 4_000_000n;

const now = (machine: Machine): void => args.resultU64(machine, machine.environment.now());

function fibLookup(machine: Machine) {
  args.anyContext(machine);
  const size = args.size(machine, 3);
  const params = args.writable(machine, 2, size);
  if (size < FIB_LOOKUP_SIZE) return args.result(machine, -EINVAL);
  args.result(machine, machine.environment.fibLookup(params, args.u32(machine, 4)));
}

function tracePrintk(machine: Machine) {
  const format = args.readable(machine, 1, args.size(machine, 2));
  const line = formatTrace(machine, format, [3, 4, 5]);
  if (line === undefined) return args.result(machine, -EINVAL);
  machine.effects.trace.push(line);
  args.result(machine, line.length);
}

/** Nobody else runs, so a lock is free. */
const lock = (): void => {};

export const MISC_HELPERS: HelperModels<
  | 'ktime_get_ns'
  | 'ktime_get_boot_ns'
  | 'ktime_get_coarse_ns'
  | 'ktime_get_tai_ns'
  | 'jiffies64'
  | 'get_prandom_u32'
  | 'get_smp_processor_id'
  | 'get_numa_node_id'
  | 'fib_lookup'
  | 'trace_printk'
  | 'spin_lock'
  | 'spin_unlock'
> = {
  ktime_get_ns: now,
  ktime_get_boot_ns: now,
  ktime_get_coarse_ns: now,
  ktime_get_tai_ns: now,
  jiffies64: (machine: Machine): void =>
    args.resultU64(machine, machine.environment.now() / NANOSECONDS_PER_JIFFY),
  get_prandom_u32: (machine: Machine): void => args.resultU32(machine, machine.environment.random()),
  get_smp_processor_id: (machine: Machine): void => args.resultU32(machine, machine.environment.cpu),
  get_numa_node_id: (machine: Machine): void => args.result(machine, 0),
  fib_lookup: fibLookup,
  trace_printk: tracePrintk,
  spin_lock: lock,
  spin_unlock: lock,
};
