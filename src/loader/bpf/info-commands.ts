// BPF_OBJ_GET_INFO_BY_FD: what the kernel knows of a program, a map, a link or types. Decoding is in info.ts.

import { LITTLE_ENDIAN, struct, u32, u64 } from '../../asm/data.ts';
import { LoaderError, systemError } from '../errors.ts';
import { BPF_OBJ_GET_INFO_BY_FD } from './abi.ts';
import { Frame, spaceFor } from './frame.ts';
import {
  BTF_INFO,
  type BtfInfo,
  decodeBtfInfo,
  decodeLinkInfo,
  decodeMapInfo,
  decodeProgramInfo,
  INFO_SIZE,
  type LinkInfo,
  type MapInfo,
  PROGRAM_INFO,
  type ProgramInfo,
} from './info.ts';

const { offsets: info, size: infoSize } = struct('bpf_attr_info', { bpf_fd: u32, info_len: u32, info: u64 });

/** Enough for every program of ours; more are asked for when the kernel says so. */
const MAP_IDS = 64;
/** A program's maps can grow in number between two questions, but not for ever. */
const MAX_ATTEMPTS = 16;

type Kind = keyof typeof INFO_SIZE;

/** One question. `extra` bytes are for what the answer points to; `fill` says where, in the answer's own fields. */
class Question {
  readonly what: string;
  readonly #frame: Frame;
  readonly #at: number;
  readonly #size: number;
  readonly #extra: number;

  constructor(kind: Kind, fd: number, extra = 0) {
    this.what = `${kind} descriptor ${fd}`;
    this.#size = INFO_SIZE[kind];
    this.#frame = new Frame(infoSize, spaceFor(this.#size) + spaceFor(extra));
    this.#at = this.#frame.reserve(this.#size);
    this.#extra = this.#frame.reserve(extra);
    // The kernel refuses input in fields that it only writes.
    this.#frame.bytes.fill(0, this.#at, this.#at + this.#size);
    this.#frame.u32(info.bpf_fd, fd);
    this.#frame.u32(info.info_len, this.#size);
    this.#frame.pointer(info.info, this.#at);
  }

  /** Has `count`, of bytes or elements, written to the extra bytes. */
  ask(countField: number, count: number, pointerField: number): void {
    this.#frame.u32(this.#at + countField, count);
    this.#frame.pointer(this.#at + pointerField, this.#extra);
  }

  run(): { readonly data: Uint8Array; readonly length: number } {
    const result = this.#frame.call(BPF_OBJ_GET_INFO_BY_FD);
    if (result < 0) {
      const object = this.what;
      throw systemError(result, 'bpf(BPF_OBJ_GET_INFO_BY_FD)', `cannot ask about ${object}`, { object });
    }
    return { data: this.#frame.read(this.#at, this.#size), length: this.#frame.getU32(info.info_len) };
  }

  extra(size: number): Uint8Array {
    return this.#frame.read(this.#extra, size);
  }
}

/** @throws LoaderError with code `EINVAL` or `EBADF` when `fd` is no program, `EINFO` for an answer that is none. */
export function programInfoOf(fd: number): ProgramInfo {
  let room = MAP_IDS;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const question = new Question('program', fd, room * u32.size);
    question.ask(PROGRAM_INFO.nr_map_ids, room, PROGRAM_INFO.map_ids);
    const { data, length } = question.run();
    const answer = decodeProgramInfo(data, length, question.extra(room * u32.size), question.what);
    if (!('more' in answer)) return answer;
    room = answer.more;
  }
  throw new LoaderError(`program descriptor ${fd}: it gets maps faster than they can be listed`, {
    code: 'EINFO',
    object: `program descriptor ${fd}`,
  });
}

/**
 * The instructions of a program as the verifier left them, or the machine code the JIT made of it.
 * Empty where the kernel keeps them to itself (kernel.kptr_restrict, missing privilege, no JIT).
 */
export function programCodeOf(fd: number, which: 'translated' | 'jited'): Uint8Array {
  const [length, pointer] =
    which === 'translated'
      ? (['xlated_prog_len', 'xlated_prog_insns'] as const)
      : (['jited_prog_len', 'jited_prog_insns'] as const);
  const { translatedSize, jitedSize } = programInfoOf(fd);
  const size = which === 'translated' ? translatedSize : jitedSize;
  if (size === 0) return new Uint8Array();
  const question = new Question('program', fd, size);
  question.ask(PROGRAM_INFO[length], size, PROGRAM_INFO[pointer]);
  const { data } = question.run();
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  // A pointer of zero in the answer: not for us.
  if (view.getBigUint64(PROGRAM_INFO[pointer], LITTLE_ENDIAN) === 0n) return new Uint8Array();
  return question.extra(Math.min(size, view.getUint32(PROGRAM_INFO[length], LITTLE_ENDIAN)));
}

/** @throws LoaderError with code `EINVAL` or `EBADF` when `fd` is no map, `EINFO` for an answer that is none. */
export function mapInfoOf(fd: number): MapInfo {
  const question = new Question('map', fd);
  const { data, length } = question.run();
  return decodeMapInfo(data, length, question.what);
}

/** @throws LoaderError with code `EINVAL` or `EBADF` when `fd` is no link, `EINFO` for an answer that is none. */
export function linkInfoOf(fd: number): LinkInfo {
  const question = new Question('link', fd);
  const { data, length } = question.run();
  return decodeLinkInfo(data, length, question.what);
}

/** @throws LoaderError with code `EINVAL` or `EBADF` when `fd` is no BTF, `EINFO` for an answer that is none. */
export function btfInfoOf(fd: number): BtfInfo {
  const question = new Question('btf', fd);
  const { data, length } = question.run();
  return decodeBtfInfo(data, length, question.what);
}

/** The types themselves, `size` bytes of them. */
export function btfDataOf(fd: number, size: number): Uint8Array {
  const question = new Question('btf', fd, size);
  question.ask(BTF_INFO.btf_size, size, BTF_INFO.btf);
  question.run();
  return question.extra(size);
}

/** The name, which has `length` characters; empty where it has none. */
export function btfNameOf(fd: number, length: number): string {
  if (length === 0) return '';
  const question = new Question('btf', fd, length + 1);
  question.ask(BTF_INFO.name_len, length + 1, BTF_INFO.name);
  question.run();
  return new TextDecoder().decode(question.extra(length));
}
