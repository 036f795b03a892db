// What an error number means from a certain command of bpf(2), where it means more than errno(3) says, and what to do
// (kernel/bpf/syscall.c, kernel/bpf/mprog.c, net/core/dev.c). An error that comes with a hint of its own keeps that.

const MEMORY =
  'the kernel has no memory for it, or the memory cgroup of this process does not allow it: ask for less, such as fewer entries, or raise the limit';
const INTERRUPTED = 'the kernel was interrupted again and again, under a profiler perhaps: try again';
const TOO_NEW = 'it asks for something that is newer than this kernel: tsnat doctor shows what it knows';

/** By command, and for every command of bpf(2) where none is named. */
const HINTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'bpf(': {
    ENOMEM: MEMORY,
    EAGAIN: INTERRUPTED,
    EINTR: INTERRUPTED,
    ENOSYS: 'this kernel has no bpf(2): it needs CONFIG_BPF_SYSCALL',
  },
  'bpf(BPF_MAP_CREATE)': {
    E2BIG:
      'keys, values or all of it together are larger than the kernel takes for this type of map: make them fewer or smaller',
    EINVAL:
      'this kernel may not know the type of map, or not with these sizes or flags: tsnat doctor shows what it knows',
  },
  'bpf(BPF_MAP_FREEZE)': { EBUSY: 'it is being written to, or mapped writable: close that first' },
  'bpf(BPF_LINK_CREATE)': {
    EBUSY: 'another program is there already, and this hook takes one: take that off first, or replace it',
    EEXIST: 'the same program, or one of another kind, is there already: take that off first, or replace it',
    ERANGE: 'the hook is full with 64 programs: take some off',
    ESTALE: 'the order of the programs there has changed meanwhile: look again, then try again',
    E2BIG: TOO_NEW,
    EINVAL: 'this kernel or this interface may not have such a hook: tsnat doctor shows what there is',
  },
  'bpf(BPF_LINK_UPDATE)': {
    ESTALE: 'the link was changed meanwhile: look again, then try again',
    ENOLINK: 'the interface is gone: detach, and attach to one that is there',
  },
  'bpf(BPF_OBJ_PIN)': {
    EEXIST: 'something is pinned there already: remove it, or take another name',
    EPERM:
      'the folder must be on a bpffs and belong to whoever pins: mount one (mount -t bpf), or have it given to you',
    EINVAL: 'the folder must be on a bpffs, and names there have no dots',
    ENOENT: 'the folder is not there: make it first, on a bpffs',
  },
};

/** @param code the name of the error, such as `EBUSY` */
export function errnoHint(syscall: string, code: string): string | undefined {
  return HINTS[syscall]?.[code] ?? (syscall.startsWith('bpf(') ? HINTS['bpf(']?.[code] : undefined);
}
