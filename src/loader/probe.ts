// What this kernel can do, found by trying it: versions lie, since distributions carry features back. Nothing that is
// made for it stays, and nothing is attached.

import { closeSync } from 'node:fs';
import {
  assemble,
  type Item,
  instruction as i,
  LITTLE_ENDIAN,
  type MapType,
  type ProgramType,
  struct,
  u32,
  u64,
} from '../asm/index.ts';
import {
  BPF_MAP_UPDATE_BATCH,
  BPF_NETKIT_PRIMARY,
  BPF_PROG_QUERY,
  BPF_TCX_INGRESS,
  BPF_XDP,
} from './bpf/abi.ts';
import { batch, batchSize } from './bpf/batch.ts';
import { functionsSupported } from './bpf/btf-commands.ts';
import { Frame } from './bpf/frame.ts';
import { programInfoOf } from './bpf/info-commands.ts';
import { tryCreateLink } from './bpf/link-commands.ts';
import { createMap } from './bpf/map-create.ts';
import { loadCode } from './bpf/program-load.ts';
import { ERRNO, LoaderError } from './errors.ts';
import { libc } from './ffi.ts';
import { XDP_MODE_FLAGS } from './netlink/xdp.ts';
import { VerifierError } from './verifier/error.ts';

/** Whether there is such a thing; `unknown` where the kernel would not say, for want of privilege or memory. */
export type Answer = boolean | 'unknown';

/** Errors that say nothing about the feature. */
const SILENT: ReadonlySet<number> = new Set([
  ERRNO.EPERM,
  ERRNO.EACCES,
  ERRNO.ENOMEM,
  ERRNO.ENOSYS,
  ERRNO.EMFILE,
]);

const isSilent = ({ errno }: LoaderError): boolean => errno !== undefined && SILENT.has(errno);

/** Makes something and lets go of it. */
function answer(make: () => number): Answer {
  try {
    closeSync(make());
    return true;
  } catch (error) {
    if (!(error instanceof LoaderError)) throw error;
    return isSilent(error) ? 'unknown' : false;
  }
}

/** Asks about something made for the purpose; `unknown` where it cannot be made. */
function asked(make: () => number, ask: (fd: number) => Answer): Answer {
  let fd: number;
  try {
    fd = make();
  } catch (error) {
    if (error instanceof LoaderError) return 'unknown';
    throw error;
  }
  try {
    return ask(fd);
  } finally {
    closeSync(fd);
  }
}

interface Shape {
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

const U32 = 4;
const PLAIN: Shape = { keySize: U32, valueSize: U32, maxEntries: 1, flags: 0 };
const BPF_F_NO_PREALLOC = 1;
/** What is not like the others. A trie's key has the length of the prefix in front. */
const SHAPES: { readonly [T in MapType]?: () => Shape } = {
  lpm_trie: () => ({ ...PLAIN, keySize: 2 * U32, flags: BPF_F_NO_PREALLOC }),
  ringbuf: () => ({ keySize: 0, valueSize: 0, maxEntries: libc('getpagesize'), flags: 0 }),
  user_ringbuf: () => ({ keySize: 0, valueSize: 0, maxEntries: libc('getpagesize'), flags: 0 }),
  queue: () => ({ ...PLAIN, keySize: 0 }),
  stack: () => ({ ...PLAIN, keySize: 0 }),
  bloom_filter: () => ({ ...PLAIN, keySize: 0 }),
};
const OF_MAPS: readonly MapType[] = ['hash_of_maps', 'array_of_maps'];

/** Whether maps of a type can be made. */
export function probeMapType(type: MapType): Answer {
  const make = (of: MapType, innerMapFd?: number): number =>
    createMap(
      { name: 'probe', type: of, ...(SHAPES[of]?.() ?? PLAIN) },
      { ...(innerMapFd !== undefined && { innerMapFd }) },
    );
  if (!OF_MAPS.includes(type)) return answer(() => make(type));
  return answer(() => {
    const inner = make('hash');
    try {
      return make(type, inner);
    } finally {
      closeSync(inner);
    }
  });
}

function load(type: ProgramType, items: readonly Item[]): number {
  const { name, license, code } = assemble({ name: 'probe', type }, items);
  return loadCode({ name, type, license, code }).fd;
}

const EMPTY: readonly Item[] = [i.mov.imm(0, 0), i.exit()];

/** Whether programs of a type can be loaded. */
export function probeProgramType(type: ProgramType): Answer {
  try {
    closeSync(load(type, EMPTY));
    return true;
  } catch (error) {
    // What the verifier looks at is of a type that there is, whatever it says of the program.
    if (error instanceof VerifierError) return true;
    if (error instanceof LoaderError) return isSilent(error) ? 'unknown' : false;
    throw error;
  }
}

/** Whether programs of a type may call a helper, by its number. */
export function probeHelper(type: ProgramType, helper: number): Answer {
  try {
    closeSync(load(type, [i.call(helper), i.mov.imm(0, 0), i.exit()]));
    return true;
  } catch (error) {
    // What is wrong with the arguments is only said of helpers that there are.
    if (error instanceof VerifierError)
      return error.kind !== 'unknown_helper' && error.kind !== 'helper_not_allowed';
    if (error instanceof LoaderError) return 'unknown';
    throw error;
  }
}

/** The numbers of the helpers that a program calls. */
export function helpersOf(code: Uint8Array): number[] {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const found = new Set<number>();
  for (let at = 0; at < code.length; at += INSN_SIZE) {
    // The second half of a 64-bit immediate has opcode 0.
    if (code[at] === BPF_CALL && code[at + 1] === 0) found.add(view.getInt32(at + IMMEDIATE, LITTLE_ENDIAN));
  }
  return [...found].sort((a, b) => a - b);
}

const INSN_SIZE = 8;
const IMMEDIATE = 4;
/** BPF_JMP | BPF_CALL, of a helper when both registers are 0. */
const BPF_CALL = 0x85;

const { offsets: query, size: querySize } = struct('bpf_attr_query', {
  target_ifindex: u32,
  attach_type: u32,
  query_flags: u32,
  attach_flags: u32,
  prog_ids: u64,
  prog_cnt: u32,
  pad: u32,
});
/** The loopback interface has this index in every network namespace. */
const LOOPBACK = 1;

/** Whether the kernel has TCX: asking about the loopback interface is refused where it has not. */
export const probeTcx = (): Answer => queried(BPF_TCX_INGRESS);

/** Whether the kernel has netkit: asking about an interface of another kind is answered in another way then. */
export const probeNetkit = (): Answer => queried(BPF_NETKIT_PRIMARY);

function queried(attachType: number): Answer {
  const frame = new Frame(querySize);
  frame.u32(query.target_ifindex, LOOPBACK);
  frame.u32(query.attach_type, attachType);
  const result = frame.call(BPF_PROG_QUERY);
  if (result === -ERRNO.EINVAL) return false;
  return result === -ERRNO.EPERM || result === -ERRNO.ENOSYS ? 'unknown' : true;
}

/** Whether XDP programs can be held by links. Since Linux 5.9. */
export const probeXdpLink = (): Answer =>
  asked(
    () => load('xdp', EMPTY),
    (fd) => {
      // The loopback interface has no driver that could take it, which is said where the link is understood.
      const flags = XDP_MODE_FLAGS.native;
      const result = tryCreateLink(fd, { ifindex: LOOPBACK, attachType: BPF_XDP, flags });
      if (result >= 0) closeSync(result);
      return result === -ERRNO.EPERM ? 'unknown' : result !== -ERRNO.EINVAL;
    },
  );

/** Whether hash maps can be filled many elements at a time. Since Linux 5.6. */
export const probeBatch = (): Answer =>
  asked(
    () => createMap({ name: 'probe', type: 'hash', ...PLAIN }),
    (fd) => {
      const frame = new Frame(batchSize);
      frame.u32(batch.map_fd, fd);
      // No elements at all, which is fine where the command is known.
      frame.u32(batch.count, 0);
      return frame.call(BPF_MAP_UPDATE_BATCH) === 0;
    },
  );

/** Whether programs may have types, functions and source lines (BTF). Since Linux 5.0. */
export const probeProgramBtf = (): boolean => functionsSupported();

/** Whether programs become machine code. */
export const probeJit = (): Answer =>
  asked(
    () => load('socket_filter', EMPTY),
    (fd) => programInfoOf(fd).jitedSize > 0,
  );
