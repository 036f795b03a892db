// What surrounds the programs of this machine: the bpffs, the JIT's settings, limits, settings of the network, offloads
// of an interface. Read only: nothing is mounted, made or set.

import { accessSync, closeSync, constants, existsSync } from 'node:fs';
import { release } from 'node:os';
import { LITTLE_ENDIAN } from '../asm/data.ts';
import { bpffsPath, isBpffs } from './bpffs.ts';
import { readTrimmed } from './capability.ts';
import { allocate, libc } from './ffi.ts';
import { chargesMemlock, memlockLimit } from './obstacle.ts';

export interface Machine {
  /** uname -r */
  readonly release: string;
  /** CONFIG_DEBUG_INFO_BTF: the kernel's own types. */
  readonly kernelBtf: boolean;
  /** net.core.bpf_jit_enable and bpf_jit_harden; undefined where they cannot be read. */
  readonly jitEnable: string | undefined;
  readonly jitHarden: string | undefined;
  /** Of RLIMIT_MEMLOCK: bytes, or `unlimited`; and whether this kernel charges maps and programs to it. */
  readonly memlock: string | undefined;
  readonly memlockCharged: boolean;
  readonly bpffs: Bpffs;
}

export interface Bpffs {
  readonly path: string;
  /** False also where it may not be entered. */
  readonly mounted: boolean;
  readonly writable: boolean;
}

/** @param folder of the caller's pins, in the bpffs: where it is there, that is what must be writable. */
export function readMachine(folder?: string): Machine {
  const version = release();
  const path = bpffsPath();
  const own = folder === undefined ? path : `${path}/${folder}`;
  const pins = existsSync(own) ? own : path;
  return {
    release: version,
    kernelBtf: existsSync('/sys/kernel/btf/vmlinux'),
    jitEnable: sysctl('net.core.bpf_jit_enable'),
    jitHarden: sysctl('net.core.bpf_jit_harden'),
    memlock: memlockLimit(readTrimmed('/proc/self/limits')),
    memlockCharged: chargesMemlock(version),
    bpffs: { path, mounted: isBpffs(path), writable: isWritable(pins) },
  };
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * A setting by its name: `net.ipv4.ip_forward`; undefined where there is none. Those of the network are of the calling
 * thread's network namespace. A dot in an interface's name is a slash here, as sysctl(8) has it.
 */
export function sysctl(name: string): string | undefined {
  const path = name.replace(/[./]/g, (mark) => (mark === '.' ? '/' : '.'));
  return readTrimmed(`/proc/sys/${path}`);
}

/** Offloads that matter, as ethtool(8) calls them; undefined for those the driver says nothing about. */
export interface Offloads {
  readonly lro: boolean | undefined;
  readonly gro: boolean | undefined;
  readonly txChecksum: boolean | undefined;
}

/** include/uapi/linux/{if_arp,sockios,ethtool}.h */
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GTXCSUM = 0x16;
const ETHTOOL_GFLAGS = 0x25;
const ETHTOOL_GGRO = 0x2b;
const ETH_FLAG_LRO = 1 << 15;
/** struct ifreq: the name, then a pointer; struct ethtool_value: command and data, 32 bits each. */
const IFREQ_SIZE = 40;
const IFREQ_DATA = 16;
const VALUE_AT = 64;
const VALUE_SIZE = 8;

/** Of an interface in the calling thread's network namespace. */
export function readOffloads(name: string): Offloads {
  const fd = libc('socket', AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return { lro: undefined, gro: undefined, txChecksum: undefined };
  const { bytes, view, address } = allocate(VALUE_AT + VALUE_SIZE);
  const ask = (command: number): number | undefined => {
    bytes.fill(0);
    bytes.set(new TextEncoder().encode(name));
    view.setBigUint64(IFREQ_DATA, BigInt(address + VALUE_AT), LITTLE_ENDIAN);
    view.setUint32(VALUE_AT, command, LITTLE_ENDIAN);
    const result = libc('ioctl', fd, SIOCETHTOOL, bytes.subarray(0, IFREQ_SIZE));
    return result < 0 ? undefined : view.getUint32(VALUE_AT + 4, LITTLE_ENDIAN);
  };
  try {
    const is = (value: number | undefined, bit = ~0): boolean | undefined =>
      value === undefined ? undefined : (value & bit) !== 0;
    return {
      lro: is(ask(ETHTOOL_GFLAGS), ETH_FLAG_LRO),
      gro: is(ask(ETHTOOL_GGRO)),
      txChecksum: is(ask(ETHTOOL_GTXCSUM)),
    };
  } finally {
    closeSync(fd);
  }
}
