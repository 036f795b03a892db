// The one door to native code: the C library's functions through koffi, answering as the kernel does,
// with -errno for a failure. What the numbers mean is not known here.
// koffi is loaded at the first call, so that importing the loader costs nothing and works without it, and each function
// is looked up at its own first call.

import { constants } from 'node:os';
import { loadKoffi } from './koffi.ts';

/** Calls with EINTR or EAGAIN are repeated this often before the error is believed. */
const MAX_RETRIES = 64;
const { EAGAIN, EINTR } = constants.errno;

/** sigset_t of glibc and musl, and sigprocmask(2) (include/uapi/asm-generic/signal-defs.h). */
const SIGSET_SIZE = 128;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;

/** `__NR_bpf` by Node's name of the architecture (the kernel's unistd tables). */
const NR_BPF: Readonly<Record<string, number>> = {
  arm: 386,
  arm64: 280,
  ia32: 357,
  loong64: 280,
  ppc64: 361,
  riscv64: 280,
  s390x: 351,
  x64: 321,
};

/** `__NR_membarrier`, likewise; elsewhere it is done without. */
const NR_MEMBARRIER: Readonly<Record<string, number>> = {
  arm64: 283,
  ia32: 375,
  loong64: 283,
  riscv64: 283,
  x64: 324,
};
/** include/uapi/linux/membarrier.h: its work is one `synchronize_rcu()`. */
const MEMBARRIER_CMD_GLOBAL = 1;

type Native = (...args: (number | string | Uint8Array | null)[]) => number;

interface Library {
  /** `syscall(2)`, as bpf(2) takes it: number, command, address and size of the attribute. */
  readonly bpf: (nr: number, command: number, attr: number, size: number) => number;
  readonly errno: () => number;
  readonly address: (buffer: ArrayBuffer) => number;
  readonly map: (
    address: null,
    length: number,
    prot: number,
    flags: number,
    fd: number,
    offset: number,
  ) => bigint | number;
  readonly unmap: (address: bigint, length: number) => number;
  readonly view: (address: bigint, length: number) => ArrayBuffer;
  readonly functions: { -readonly [N in keyof typeof PROTOTYPES]?: Native };
  readonly define: (prototype: string) => Native;
}

const PROTOTYPES = {
  access: 'int access(str path, int mode)',
  bind: 'int bind(int fd, void *address, uint length)',
  epoll_create1: 'int epoll_create1(int flags)',
  epoll_ctl: 'int epoll_ctl(int epfd, int op, int fd, void *event)',
  epoll_wait: 'int epoll_wait(int epfd, void *events, int maxevents, int timeout)',
  eventfd: 'int eventfd(uint initval, int flags)',
  flock: 'int flock(int fd, int operation)',
  getpagesize: 'int getpagesize()',
  getsockname: 'int getsockname(int fd, void *address, void *length)',
  ioctl: 'int ioctl(int fd, ulong request, void *argument)',
  mkdir: 'int mkdir(str path, uint mode)',
  mount: 'int mount(str source, str target, str type, ulong flags, str data)',
  pthread_sigmask: 'int pthread_sigmask(int how, void *set, void *old)',
  prlimit: 'int prlimit(int pid, int resource, void *limit, void *old)',
  rename: 'int rename(str from, str to)',
  recv: 'long recv(int fd, void *buffer, size_t length, int flags)',
  rmdir: 'int rmdir(str path)',
  send: 'long send(int fd, void *buffer, size_t length, int flags)',
  setns: 'int setns(int fd, int type)',
  setsockopt: 'int setsockopt(int fd, int level, int name, void *value, uint length)',
  socket: 'int socket(int domain, int type, int protocol)',
  unlink: 'int unlink(str path)',
  umount2: 'int umount2(str target, int flags)',
  unshare: 'int unshare(int flags)',
} as const;

let loaded: Library | undefined;

function library(): Library {
  if (loaded !== undefined) return loaded;
  if (process.platform !== 'linux' || nrBpf < 0) {
    throw new Error(
      `bpf(2) cannot be called on ${process.platform} ${process.arch}: it needs Linux on a known architecture`,
    );
  }
  const koffi = loadKoffi();
  const libc = koffi.load(null);
  const define = (prototype: string): Native => libc.func(prototype);
  let map: Library['map'] | undefined;
  let unmap: Library['unmap'] | undefined;
  loaded = {
    bpf: libc.func('long syscall(long nr, long command, uintptr_t attr, uint size)'),
    errno: () => koffi.errno(),
    address: (buffer) => Number(koffi.address(buffer)),
    map: (...args) => {
      map ??= libc.func(
        'uintptr_t mmap(void *address, size_t length, int prot, int flags, int fd, int64_t offset)',
      ) as Library['map'];
      return map(...args);
    },
    unmap: (...args) => {
      unmap ??= libc.func('int munmap(uintptr_t address, size_t length)') as Library['unmap'];
      return unmap(...args);
    },
    view: (address, length) => koffi.view(address, length),
    functions: {},
    define,
  };
  return loaded;
}

/**
 * Calls a function of the C library. Retried, with a bound, on EINTR.
 *
 * @returns what the function returns, or -errno where it returns -1.
 */
export function libc(name: keyof typeof PROTOTYPES, ...args: Parameters<Native>): number {
  for (let attempt = 0; ; attempt++) {
    const result = tap === undefined ? callLibc(name, args) : tap(name, () => callLibc(name, args), args);
    if (result !== -EINTR || attempt >= MAX_RETRIES) return result;
  }
}

function callLibc(name: keyof typeof PROTOTYPES, args: Parameters<Native>): number {
  const { functions, define, errno } = loaded ?? library();
  functions[name] ??= define(PROTOTYPES[name]);
  const result = functions[name](...args);
  return result === -1 ? -errno() : result;
}

/**
 * bpf(2), once: for commands that write into their attribute how far they came, which a retry would take for what it
 * is to do.
 *
 * @param attr address of the attribute; see `Memory`
 * @returns what the system call returns, or -errno.
 */
export function bpfOnce(command: number, attr: number, size: number): number {
  return callBpf(command, attr, size);
}

/**
 * bpf(2). Retried, with a bound, on EINTR and on EAGAIN: any signal interrupts the verifier, and one that comes
 * every millisecond, as a profiler's does, would interrupt every attempt. So a retry is made with signals held back.
 *
 * @param attr address of the attribute; see `Memory`
 * @returns what the system call returns, or -errno.
 * @throws Error on an architecture whose number for bpf(2) is not known.
 */
export function bpf(command: number, attr: number, size: number): number {
  const result = callBpf(command, attr, size);
  if (result !== -EINTR && result !== -EAGAIN) return result;
  return withoutSignals(() => {
    for (let attempt = 0; ; attempt++) {
      const again = callBpf(command, attr, size);
      if ((again !== -EINTR && again !== -EAGAIN) || attempt >= MAX_RETRIES) return again;
    }
  });
}

function callBpf(command: number, attr: number, size: number): number {
  return tap === undefined
    ? callKernel(command, attr, size)
    : tap('bpf', () => callKernel(command, attr, size), [command]);
}

function callKernel(command: number, attr: number, size: number): number {
  const { bpf: call, errno } = loaded ?? library();
  const result = call(nrBpf, command, attr, size);
  return result === -1 ? -errno() : result;
}

/** Waits for an RCU grace period, by membarrier(2). @returns whether there was one. */
export function synchronizeRcu(): boolean {
  const nr = NR_MEMBARRIER[process.arch];
  return nr !== undefined && (loaded ?? library()).bpf(nr, MEMBARRIER_CMD_GLOBAL, 0, 0) === 0;
}

/**
 * What stands between this process and the kernel in a test of faults: it is called in place of each call, and
 * answers what `run` answers, or a fault of its own as -errno. `args` are those of the call; of `bpf` the command.
 */
export type Tap = (
  call: 'bpf' | keyof typeof PROTOTYPES,
  run: () => number,
  args: Parameters<Native>,
) => number;

let tap: Tap | undefined;

/** For tests of faults alone, which reach into this module; nothing else in the package calls it. */
export function interpose(next: Tap | undefined): void {
  tap = next;
}

/** Runs `run` with the signals of this thread held back until it is done. */
function withoutSignals<T>(run: () => T): T {
  const mask = (how: number, set: Uint8Array, old: Uint8Array | null): number =>
    callLibc('pthread_sigmask', [how, set, old]);
  const former = new Uint8Array(SIGSET_SIZE);
  const blocked = mask(SIG_BLOCK, new Uint8Array(SIGSET_SIZE).fill(0xff), former) === 0;
  try {
    return run();
  } finally {
    if (blocked) mask(SIG_SETMASK, former, null);
  }
}

const nrBpf: number = NR_BPF[process.arch] ?? -1;

/**
 * Memory at an address that is known and stays: V8 keeps the content of an ArrayBuffer outside its heap
 * and never moves it. The address is good for as long as somebody holds the `Memory`.
 */
export interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly address: number;
}

export function allocate(size: number): Memory {
  const buffer = new ArrayBuffer(size);
  return { bytes: new Uint8Array(buffer), view: new DataView(buffer), address: library().address(buffer) };
}

/** mmap(2) (include/uapi/asm-generic/mman-common.h). */
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_FAILED = (1n << 64n) - 1n;

/** Memory shared with the kernel. Touching `buffer` after `unmap` ends the process: whoever unmaps lets go of it. */
export interface Mapping {
  readonly buffer: ArrayBuffer;
  unmap(): void;
}

/** Maps `length` bytes of `fd` from `offset` on. @returns the mapping, or -errno. */
export function mapMemory(fd: number, offset: number, length: number, writable: boolean): Mapping | number {
  const { map, unmap, view, errno } = library();
  const address = BigInt(
    map(null, length, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, offset),
  );
  if (address === MAP_FAILED || address === -1n) return -errno();
  let mapped = true;
  return {
    buffer: view(address, length),
    unmap: () => {
      if (mapped) unmap(address, length);
      mapped = false;
    },
  };
}
