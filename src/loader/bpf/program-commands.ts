// BPF_PROG_LOAD and BPF_PROG_TEST_RUN. The first attempt to load asks for no log, which makes it fast; only
// a refusal is repeated with one, and the buffer grows until the whole log fits.

import { bytes, type ProgramBtf, type ProgramType, struct, u32, u64 } from '../../asm/index.ts';
import { ERRNO, systemError, VerifierError } from '../errors.ts';
import { BPF_OBJ_NAME_LEN, BPF_PROG_LOAD, BPF_PROG_TEST_RUN, PROGRAM_TYPES } from './abi.ts';
import { functionsSupported, withBtf } from './btf-commands.ts';
import { Frame, spaceFor } from './frame.ts';
import { permissionHint, raiseMemlock } from './privilege.ts';

const { offsets: attr, size: attrSize } = struct('bpf_attr_prog_load', {
  prog_type: u32,
  insn_cnt: u32,
  insns: u64,
  license: u64,
  log_level: u32,
  log_size: u32,
  log_buf: u64,
  kern_version: u32,
  prog_flags: u32,
  prog_name: bytes(BPF_OBJ_NAME_LEN),
  prog_ifindex: u32,
  expected_attach_type: u32,
  prog_btf_fd: u32,
  func_info_rec_size: u32,
  func_info: u64,
  func_info_cnt: u32,
  line_info_rec_size: u32,
  line_info: u64,
  line_info_cnt: u32,
  attach_btf_id: u32,
});

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

const INSN_SIZE = 8;
/** struct bpf_func_info, struct bpf_line_info */
const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;
const FIRST_LOG = 256 * 1024;
/** `log_size` may not exceed UINT_MAX >> 8 before Linux 5.2. */
const MAX_LOG = 16 * 1024 * 1024 - 1;

export interface LoadOptions {
  readonly name: string;
  readonly type: ProgramType;
  readonly license: string;
  /** With every map descriptor in its place. */
  readonly code: Uint8Array;
  /** `enum bpf_attach_type`, where the type of program asks for it. */
  readonly attachType?: number;
  /** `BPF_F_*` bits. */
  readonly flags?: number;
  /** Types and lines. Left away where the kernel does not take them. */
  readonly btf?: ProgramBtf;
  /** 1 says what went wrong, 2 lists every instruction; the log of a success is returned. */
  readonly logLevel?: number;
}

export interface Loaded {
  readonly fd: number;
  /** Empty unless `logLevel` asked for it. */
  readonly log: string;
}

const encoder = new TextEncoder();

/**
 * @throws VerifierError with the whole log when the verifier refuses the program, LoaderError otherwise.
 */
export function loadCode(options: LoadOptions): Loaded {
  const { btf } = options;
  if (btf === undefined || !functionsSupported()) return load(options, undefined);
  return withBtf(btf.data, (fd) => {
    try {
      return load(options, fd);
    } catch (error) {
      // Was it the types? Without them it is the same program, and with them the log names the lines.
      const { result } = fd === undefined ? { result: -1 } : attempt(options, undefined, 0, 0);
      if (result >= 0) return { fd: result, log: '' };
      throw error;
    }
  });
}

function load(options: LoadOptions, btfFd: number | undefined): Loaded {
  const object = `program '${options.name}'`;
  const asked = options.logLevel ?? 0;
  let level = asked;
  let logSize = level === 0 ? 0 : FIRST_LOG;
  for (;;) {
    const { result, log } = attempt(options, btfFd, level, logSize);
    if (result >= 0) return { fd: result, log: asked === 0 ? '' : log };
    if (result === -ERRNO.ENOSPC && level > 0 && logSize < MAX_LOG) {
      logSize = Math.min(logSize * 4, MAX_LOG);
    } else if ((result === -ERRNO.EPERM || result === -ERRNO.ENOMEM) && raiseMemlock()) {
      // The limit is lifted, so the same once more.
    } else if (level === 0) {
      level = 1;
      logSize = FIRST_LOG;
    } else if (log.trim() !== '') {
      throw new VerifierError(object, -result, log);
    } else {
      const hint = result === -ERRNO.EPERM ? { hint: permissionHint() } : {};
      throw systemError(result, 'bpf(BPF_PROG_LOAD)', `cannot load ${object}`, { object, ...hint });
    }
  }
}

function attempt(
  options: LoadOptions,
  btfFd: number | undefined,
  level: number,
  logSize: number,
): { result: number; log: string } {
  const btf = btfFd === undefined ? undefined : options.btf;
  const license = encoder.encode(`${options.license}\0`);
  const frame = new Frame(
    attrSize,
    spaceFor(options.code.length) +
      spaceFor(license.length) +
      spaceFor(btf?.funcInfo.length ?? 0) +
      spaceFor(btf?.lineInfo.length ?? 0) +
      spaceFor(logSize),
  );
  frame.u32(attr.prog_type, PROGRAM_TYPES[options.type]);
  frame.u32(attr.insn_cnt, options.code.length / INSN_SIZE);
  frame.pointer(attr.insns, frame.put(options.code));
  frame.pointer(attr.license, frame.put(license));
  frame.bytes.set(encoder.encode(options.name), attr.prog_name);
  frame.u32(attr.expected_attach_type, options.attachType ?? 0);
  frame.u32(attr.prog_flags, options.flags ?? 0);
  if (btf !== undefined && btfFd !== undefined) {
    frame.u32(attr.prog_btf_fd, btfFd);
    frame.u32(attr.func_info_rec_size, FUNC_INFO_SIZE);
    frame.u32(attr.func_info_cnt, btf.funcInfo.length / FUNC_INFO_SIZE);
    frame.pointer(attr.func_info, frame.put(btf.funcInfo));
    if (btf.lineInfo.length > 0) {
      frame.u32(attr.line_info_rec_size, LINE_INFO_SIZE);
      frame.u32(attr.line_info_cnt, btf.lineInfo.length / LINE_INFO_SIZE);
      frame.pointer(attr.line_info, frame.put(btf.lineInfo));
    }
  }
  if (level === 0) return { result: frame.call(BPF_PROG_LOAD), log: '' };
  const at = frame.reserve(logSize);
  frame.bytes[at] = 0;
  frame.u32(attr.log_level, level);
  frame.u32(attr.log_size, logSize);
  frame.pointer(attr.log_buf, at);
  const result = frame.call(BPF_PROG_LOAD);
  const end = frame.bytes.indexOf(0, at);
  const log = frame.read(at, Math.min(end < 0 ? logSize : end - at, logSize));
  return { result, log: new TextDecoder().decode(log) };
}

export interface TestRunOptions {
  /** The packet, from the link-layer header on. */
  readonly data: Uint8Array;
  /** Most bytes of the packet to get back; `data.length` and 256 where left out. */
  readonly dataOutSize?: number;
  /** `struct __sk_buff` or `struct xdp_md`: sizes and marks the program may read and change. */
  readonly context?: Uint8Array;
  readonly repeat?: number;
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
    const object = `program '${name}'`;
    const hint = result === -ERRNO.EPERM ? { hint: permissionHint() } : {};
    const detail = result === -ERRNO.ENOSPC ? { detail: `the result exceeds ${outSize} bytes` } : {};
    throw systemError(result, 'bpf(BPF_PROG_TEST_RUN)', `cannot run ${object}`, {
      object,
      ...hint,
      ...detail,
    });
  }
  return {
    returnValue: frame.getU32(test.retval),
    data: frame.read(dataOut, frame.getU32(test.data_size_out)),
    context: contextOut === 0 ? new Uint8Array() : frame.read(contextAt, frame.getU32(test.ctx_size_out)),
    duration: frame.getU32(test.duration),
  };
}
