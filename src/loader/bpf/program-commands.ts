// BPF_PROG_TEST_RUN: a program on a packet that is on no wire. Loading is next door, in program-load.ts.

import { struct, u32, u64 } from '../../asm/data.ts';
import { ERRNO, systemError } from '../errors.ts';
import { BPF_F_TEST_XDP_LIVE_FRAMES, BPF_PROG_TEST_RUN } from './abi.ts';
import { Frame, spaceFor } from './frame.ts';
import { permissionHint } from './privilege.ts';

const { offsets: test, size: testSize } = struct('bpf_attr_test', {
  prog_fd: u32,
  retval: u32,
  data_size_in: u32,
  data_size_out: u32,
  data_in: u64,
  data_out: u64,
  repeat: u32,
  duration: u32,
  ctx_size_in: u32,
  ctx_size_out: u32,
  ctx_in: u64,
  ctx_out: u64,
  flags: u32,
  cpu: u32,
  batch_size: u32,
  pad: u32,
});

export interface TestRunOptions {
  /** The packet, from the link-layer header on. */
  readonly data: Uint8Array;
  /** Most bytes of the packet to get back; `data.length` and 256 where left out. */
  readonly dataOutSize?: number;
  /** `struct __sk_buff` or `struct xdp_md`: sizes and marks the program may read and change. */
  readonly context?: Uint8Array;
  readonly repeat?: number;
}

export interface LiveRunOptions {
  /** Each frame starts like this, but for what the program left in one that came round again. */
  readonly data: Uint8Array;
  readonly context?: Uint8Array;
  /** How many frames. */
  readonly repeat: number;
  /** How many are handed on at a time, at most 256; 64 where left out. */
  readonly batchSize?: number;
}

export interface TestRunResult {
  /** What the program returned, as an unsigned 32-bit integer. */
  readonly returnValue: number;
  readonly data: Uint8Array;
  /** As the program left it; empty unless one was given. */
  readonly context: Uint8Array;
  /** Nanoseconds for one run, the mean over `repeat`. */
  readonly duration: number;
}

/** Headers a program may put in front. */
const HEADROOM = 256;

/** Runs a program once or many times on a packet that is on no wire. Since Linux 4.12, context since 5.2. */
export function testRun(fd: number, name: string, options: TestRunOptions): TestRunResult {
  const { data, context = new Uint8Array(), repeat = 1 } = options;
  const outSize = options.dataOutSize ?? data.length + HEADROOM;
  const frame = new Frame(testSize, spaceFor(data.length) + spaceFor(outSize) + 2 * spaceFor(context.length));
  frame.u32(test.prog_fd, fd);
  frame.u32(test.data_size_in, data.length);
  frame.pointer(test.data_in, frame.put(data));
  const dataOut = frame.reserve(outSize);
  if (outSize > 0) {
    frame.u32(test.data_size_out, outSize);
    frame.pointer(test.data_out, dataOut);
  }
  const contextOut = context.length;
  let contextAt = 0;
  if (contextOut > 0) {
    frame.u32(test.ctx_size_in, contextOut);
    frame.pointer(test.ctx_in, frame.put(context));
    contextAt = frame.reserve(contextOut);
    frame.u32(test.ctx_size_out, contextOut);
    frame.pointer(test.ctx_out, contextAt);
  }
  frame.u32(test.repeat, repeat);
  const result = frame.call(BPF_PROG_TEST_RUN);
  if (result < 0) {
    throw runError(result, name, {
      [-ERRNO.ENOSPC]: { detail: `the result exceeds ${outSize} bytes, or the context its room` },
      ...(contextOut > 0 && { [-ERRNO.EINVAL]: { hint: OLD_CONTEXT } }),
    });
  }
  return {
    returnValue: frame.getU32(test.retval),
    data: frame.read(dataOut, frame.getU32(test.data_size_out)),
    context: contextOut === 0 ? new Uint8Array() : frame.read(contextAt, frame.getU32(test.ctx_size_out)),
    duration: frame.getU32(test.duration),
  };
}

/**
 * Runs an XDP program on frames that are real: what it passes goes up the stack, what it redirects or sends back goes
 * out. Since Linux 5.18. A frame the program drops comes round again as it is: it writes every header each time.
 */
export function liveRun(fd: number, name: string, options: LiveRunOptions): void {
  const { data, context = new Uint8Array(), repeat, batchSize = 0 } = options;
  const frame = new Frame(testSize, spaceFor(data.length) + spaceFor(context.length));
  frame.u32(test.prog_fd, fd);
  frame.u32(test.data_size_in, data.length);
  frame.pointer(test.data_in, frame.put(data));
  if (context.length > 0) {
    frame.u32(test.ctx_size_in, context.length);
    frame.pointer(test.ctx_in, frame.put(context));
  }
  frame.u32(test.repeat, repeat);
  frame.u32(test.flags, BPF_F_TEST_XDP_LIVE_FRAMES);
  frame.u32(test.batch_size, batchSize);
  const result = frame.call(BPF_PROG_TEST_RUN);
  if (result < 0) throw runError(result, name, { [-ERRNO.EINVAL]: { hint: OLD_LIVE } });
}

/** Older kernels have no other answer to what they do not know. */
const OLD_LIVE = 'before Linux 5.18 there are no live frames';
const OLD_CONTEXT = 'before Linux 5.15 XDP programs take no context';

/** What is to be said of an errno. */
type Words = { readonly [result: number]: { readonly hint?: string; readonly detail?: string } };

function runError(result: number, name: string, words: Words): Error {
  const object = `program '${name}'`;
  const hint = result === -ERRNO.EPERM ? { hint: permissionHint() } : {};
  return systemError(result, 'bpf(BPF_PROG_TEST_RUN)', `cannot run ${object}`, {
    object,
    ...hint,
    ...words[result],
  });
}
