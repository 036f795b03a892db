// One guest: a kernel with an initramfs in QEMU, software emulation, no disk and no network. What its command writes
// comes out of the second serial line, the kernel's own words out of the first.

import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Archive } from './cpio.ts';

const MEMORY = '2G';
/** Newer ones have wide vectors, which libraries then use, and which take twice as long to emulate. */
const CPU = 'Nehalem';
/**
 * One CPU is emulated, since tests wait more than they work; per-CPU maps have values for as many as may come. What
 * guards against speculation makes each system call slow and protects nothing here.
 */
const KERNEL_OPTIONS =
  'console=ttyS0 quiet loglevel=4 panic=-1 pti=off spectre_v2=off mds=off possible_cpus=4';
const CPUS = '1';
/**
 * The guest's clock counts its own instructions, two nanoseconds each, and jumps to the next timer where there is nothing to do: no
 * test runs out of time because the machine is busy, and none takes the time it waits for.
 */
const CLOCK = 'shift=1,sleep=off';
const END = 'GUEST ENDED';
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Exit status: 128 and SIGINT. */
const INTERRUPTED = 130;

export interface GuestOptions {
  readonly vmlinuz: string;
  /** Name to content, in the order of insertion. */
  readonly modules: ReadonlyMap<string, Uint8Array>;
  /** Archives with everything else. */
  readonly archives: readonly string[];
  /** For the shell, as root. */
  readonly command: string;
  /** Folder for what is needed meanwhile. */
  readonly folder: string;
  readonly timeoutSeconds: number;
  readonly onLine: (line: string) => void;
}

export interface GuestResult {
  /** Of the command; undefined when the guest did not come to an end. */
  readonly status: number | undefined;
  /** `uname -r`; empty when it did not get that far. */
  readonly release: string;
  /** What the kernel said. */
  readonly console: string;
}

/** Runs `command` in a guest. Rejects where QEMU cannot be started. */
export async function runGuest(options: GuestOptions): Promise<GuestResult> {
  const { vmlinuz, folder, timeoutSeconds, onLine } = options;
  const image = `${folder}/guest-${process.pid}.cpio`;
  const log = `${folder}/guest-${process.pid}.console`;
  try {
    packInit(image, options);
    for (const archive of options.archives) appendFileSync(image, readFileSync(archive));
    const qemu = spawn(
      'qemu-system-x86_64',
      [
        ...['-M', 'pc', '-accel', 'tcg,thread=single', '-icount', CLOCK, '-cpu', CPU],
        ...['-smp', CPUS, '-m', MEMORY, '-nodefaults', '-no-reboot', '-display', 'none'],
        ...['-serial', `file:${log}`, '-serial', 'stdio'],
        ...['-kernel', vmlinuz, '-initrd', image],
        ...['-append', KERNEL_OPTIONS],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const end = (): void => {
      qemu.kill('SIGKILL');
    };
    const endAndLeave = (): void => {
      end();
      process.exit(INTERRUPTED);
    };
    process.once('exit', end);
    for (const signal of SIGNALS) process.once(signal, endAndLeave);
    const timer = setTimeout(end, timeoutSeconds * 1000);
    let status: number | undefined;
    let release = '';
    createInterface({ input: qemu.stdout }).on('line', (line) => {
      const text = line.replace(/\r$/, '');
      const ended = new RegExp(`^${END} (\\d+)$`).exec(text);
      const booted = /^GUEST BOOTED (\S+)$/.exec(text);
      if (ended) status = Number(ended[1]);
      else if (booted) release = booted[1] as string;
      else onLine(text);
    });
    await new Promise<void>((resolve, reject) => {
      qemu.on('error', reject);
      qemu.on('close', () => resolve());
    });
    clearTimeout(timer);
    process.off('exit', end);
    for (const signal of SIGNALS) process.off(signal, endAndLeave);
    return { status, release, console: readFileSync(log, 'latin1') };
  } finally {
    rmSync(image, { force: true });
    rmSync(log, { force: true });
  }
}

function packInit(file: string, { modules, command }: GuestOptions): void {
  const archive = new Archive(file);
  for (const folder of ['/proc', '/sys', '/dev', '/run', '/root', '/var/tmp', '/etc'])
    archive.directory(folder);
  archive.directory('/tmp', 0o1777);
  archive.device('/dev/console', 5, 1);
  for (const [name, data] of modules) archive.data(`/modules/${name}.ko`, data);
  archive.text('/command', command);
  archive.text('/init', initScript([...modules.keys()]), 0o755);
  archive.close();
}

const initScript = (modules: readonly string[]): string => `#!/bin/bash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm && mount -t devpts devpts /dev/pts && mount -t tmpfs tmpfs /dev/shm
ln -sfn /proc/self/fd /dev/fd
mount -t tmpfs tmpfs /run
mount -t bpf -o mode=0700 bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for module in ${modules.join(' ')}; do insmod /modules/$module.ko; done
rm -rf /modules
ip link set lo up
stty -F /dev/ttyS1 raw -echo
echo "GUEST BOOTED $(uname -r)" >/dev/ttyS1
bash /command >/dev/ttyS1 2>&1 </dev/null
echo "${END} $?" >/dev/ttyS1
sleep 1
echo o >/proc/sysrq-trigger
sleep 60
`;
