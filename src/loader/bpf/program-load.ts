// BPF_PROG_LOAD. The first attempt asks for no log, which makes it fast; only a refusal is repeated with one, and the
// buffer grows until the whole log fits.

import {
  bytes,
  type ProgramBtf,
  type ProgramType,
  type SourceLocation,
  struct,
  u32,
  u64,
} from '../../asm/data.ts';
import { ERRNO, type LoaderError, systemError } from '../errors.ts';
import { VerifierError } from '../verifier/error.ts';
import { hasStates } from '../verifier/log.ts';
import { BPF_OBJ_NAME_LEN, BPF_PROG_LOAD, PROGRAM_TYPES } from './abi.ts';
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
  attach_prog_fd: u32,
  core_relo_cnt: u32,
  fd_array: u64,
  core_relos: u64,
  core_relo_rec_size: u32,
  log_true_size: u32,
});

const INSN_SIZE = 8;
/** struct bpf_func_info, struct bpf_line_info */
const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;
/** kernel/bpf: bits of log_level. */
const BPF_LOG_LEVEL1 = 1;
const BPF_LOG_LEVEL2 = 2;
/** Instructions without CAP_BPF; with it, BPF_COMPLEXITY_LIMIT_INSNS. */
const BPF_MAXINSNS = 4096;
const FIRST_LOG = 256 * 1024;
/** `log_size` may not exceed UINT_MAX >> 8 before Linux 5.2. */
const OLD_MAX_LOG = 16 * 1024 * 1024 - 1;
/** Of a longer log the end is kept, which is where the reason is: that of a million instructions is longer. */
const MAX_LOG = 64 * 1024 * 1024;

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
  /** Where in the source the instruction at an index, in 8-byte units, was said; asked only after a refusal. */
  readonly locate?: (index: number) => SourceLocation | undefined;
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
      // A mistake that is known has nothing to do with the types.
      if (error instanceof VerifierError && error.kind !== undefined) throw error;
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
    const { result, log, trueSize } = attempt(options, btfFd, level, logSize);
    if (result >= 0) return { fd: result, log: asked === 0 ? '' : log };
    if (result === -ERRNO.ENOSPC && level > 0 && logSize < MAX_LOG) {
      logSize = nextSize(logSize, trueSize);
    } else if ((result === -ERRNO.EPERM || result === -ERRNO.ENOMEM) && raiseMemlock()) {
      // The limit is lifted, so the same once more.
    } else if (level === 0) {
      level = BPF_LOG_LEVEL1;
      logSize = FIRST_LOG;
    } else if (log.trim() !== '') {
      throw new VerifierError(object, -result, withStates(options, btfFd, { level, log, logSize }), options);
    } else throw loadError(object, result, options);
  }
}

/** Since Linux 6.4 the kernel tells what the whole log takes; else four times as much is tried. */
function nextSize(logSize: number, trueSize: number): number {
  if (trueSize > logSize) return Math.min(trueSize, MAX_LOG);
  if (logSize >= OLD_MAX_LOG) return MAX_LOG;
  return Math.min(logSize * 4, OLD_MAX_LOG);
}

/** Before Linux 5.18 only level 2 tells what is in the registers: then that log, which has all of the other's. */
function withStates(
  options: LoadOptions,
  btfFd: number | undefined,
  { level, log, logSize }: { level: number; log: string; logSize: number },
): string {
  if (level !== BPF_LOG_LEVEL1 || hasStates(log)) return log;
  const size = Math.min(Math.max(logSize * 4, FIRST_LOG), OLD_MAX_LOG);
  const second = attempt(options, btfFd, BPF_LOG_LEVEL2, size);
  return second.result < 0 && second.result !== -ERRNO.ENOSPC && second.log.trim() !== '' ? second.log : log;
}

function loadError(object: string, result: number, { code }: LoadOptions): LoaderError {
  const instructions = code.length / INSN_SIZE;
  const hints: Readonly<Record<number, string | undefined>> = {
    [-ERRNO.EPERM]: permissionHint(),
    [-ERRNO.E2BIG]:
      instructions > BPF_MAXINSNS
        ? `it has ${instructions} instructions, and the kernel takes ${BPF_MAXINSNS} without CAP_BPF, 1,000,000 with it`
        : 'it asks for something that is newer than this kernel: tsnat doctor shows what it knows',
    [-ERRNO.EINVAL]:
      'this kernel may not know its type, attach type or flags: tsnat doctor shows what it knows',
  };
  const hint = hints[result];
  return systemError(result, 'bpf(BPF_PROG_LOAD)', `cannot load ${object}`, {
    object,
    ...(hint !== undefined && { hint }),
  });
}

function attempt(
  options: LoadOptions,
  btfFd: number | undefined,
  level: number,
  logSize: number,
): { result: number; log: string; trueSize: number } {
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
  if (level === 0) return { result: frame.call(BPF_PROG_LOAD), log: '', trueSize: 0 };
  const at = frame.reserve(logSize);
  frame.bytes[at] = 0;
  frame.u32(attr.log_level, level);
  frame.u32(attr.log_size, logSize);
  frame.pointer(attr.log_buf, at);
  const result = frame.call(BPF_PROG_LOAD);
  const end = frame.bytes.indexOf(0, at);
  const log = frame.read(at, Math.min(end < 0 ? logSize : end - at, logSize));
  return { result, log: new TextDecoder().decode(log), trueSize: frame.getU32(attr.log_true_size) };
}
