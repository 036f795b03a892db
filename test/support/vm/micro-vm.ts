// Micro-VMs in QEMU, emulated. One is booted and saved as it stands; its clones go on from there, alike in everything:
// addresses, MAC, the state of every counter and generator. Only what they are told afterwards differs.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Running, sleep } from '../command.ts';
import { PATIENCE } from '../emulation.ts';
import type { Namespace } from '../namespace.ts';
import type { Image } from './image.ts';

const MEMORY = '128M';
/** As scripts/kernels/guest.ts has it. */
const CPU = 'Nehalem';
const KERNEL_OPTIONS = 'console=ttyS0 quiet panic=-1 mitigations=off rdinit=/init';
const BOOT_TIMEOUT_MS = 120_000;
const PROMPT = '(qemu) ';

export interface MicroVmOptions {
  readonly image: Image;
  /** Folder for what is needed meanwhile. */
  readonly folder: string;
  /** Whose network the host's end of the tap is in. */
  readonly host: Namespace;
  /** Name of a tap that is there. */
  readonly tap: string;
  readonly mac: string;
}

export class MicroVm {
  readonly #running: Running;
  readonly #console: string;
  readonly #monitor: string;

  private constructor(options: MicroVmOptions, more: readonly string[]) {
    const { image, folder, host, tap, mac } = options;
    this.#console = join(folder, `${tap}.console`);
    this.#monitor = join(folder, `${tap}.monitor`);
    this.#running = host.start([
      ...['qemu-system-x86_64', '-M', 'pc', '-accel', 'tcg', '-cpu', CPU, '-smp', '1', '-m', MEMORY],
      ...['-nodefaults', '-no-reboot', '-display', 'none'],
      ...['-kernel', image.vmlinuz, '-initrd', image.initrd, '-append', KERNEL_OPTIONS],
      ...['-serial', `file:${this.#console}`, '-serial', 'stdio'],
      ...['-monitor', `unix:${this.#monitor},server=on,wait=off`],
      ...['-netdev', `tap,id=net0,ifname=${tap},script=no,downscript=no`],
      ...['-device', `virtio-net-pci,netdev=net0,mac=${mac},romfile=`],
      ...more,
    ]);
  }

  /** Resolves when its program waits for the first command. */
  static async boot(options: MicroVmOptions): Promise<MicroVm> {
    const vm = new MicroVm(options, []);
    await vm.says(/^READY$/m, BOOT_TIMEOUT_MS);
    return vm;
  }

  /** Goes on where another was saved, with a tap of its own. Resolves when it does. */
  static async clone(options: MicroVmOptions, saved: string): Promise<MicroVm> {
    const vm = new MicroVm(options, ['-incoming', `exec:cat ${saved}`]);
    const until = Date.now() + PATIENCE * BOOT_TIMEOUT_MS;
    for (;;) {
      const status = await vm.#ask('info status');
      if (status.includes('running')) return vm;
      if (Date.now() > until) throw new Error(`the clone of the micro-VM does not go on: ${status}`);
      await sleep(20);
    }
  }

  /** Writes all of the machine to `file`, and ends it. */
  async save(file: string): Promise<void> {
    await this.#ask(`migrate "exec:cat >${file}"`);
    const status = await this.#ask('info migrate');
    if (!status.includes('completed')) throw new Error(`the micro-VM was not saved: ${status}`);
    await this.stop();
  }

  /** What QEMU's monitor answers. */
  async #ask(command: string): Promise<string> {
    const monitor = await this.#connect();
    try {
      monitor.write(`${command}\n`);
      let said = '';
      // It greets with a prompt, and has answered when it prompts again.
      for await (const data of monitor) {
        said += String(data);
        if (said.split(PROMPT).length > 2) return said;
      }
      throw new Error(`QEMU's monitor closed: ${said}${this.#running.stderr()}`);
    } finally {
      monitor.destroy();
    }
  }

  /** Once it is there. */
  async #connect(): Promise<Socket> {
    for (let i = 0; ; i++) {
      const monitor = createConnection(this.#monitor);
      try {
        await once(monitor, 'connect');
        return monitor;
      } catch (error) {
        if (i * 20 > PATIENCE * 20_000)
          throw new Error(`no monitor: ${this.#running.stderr()}`, { cause: error });
        await sleep(20);
      }
    }
  }

  /** Gives its program a command. */
  tell(line: string): void {
    this.#running.process.stdin?.write(`${line}\n`);
  }

  /** Resolves once what its program has written matches. @throws when it fails, ends or takes too long. */
  async says(pattern: RegExp, timeout: number = 60_000): Promise<RegExpExecArray> {
    const match = await this.#running
      .says(new RegExp(`${pattern.source}|^FAILED.*$`, 'm'), PATIENCE * timeout)
      .catch((error: Error) => {
        throw new Error(`${error.message}\n${readFileSync(this.#console, 'latin1')}`);
      });
    if (match[0].startsWith('FAILED')) throw new Error(`micro-VM: ${match[0]}`);
    return match;
  }

  /** All its program has written. */
  get lines(): string[] {
    return this.#running.stdout().replaceAll('\r', '').split('\n');
  }

  async stop(): Promise<void> {
    await this.#running.stop('SIGKILL');
  }
}
