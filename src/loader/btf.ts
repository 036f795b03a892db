// Types in the kernel: those of programs and maps, by the identifiers that these tell, and the kernel's own.

import { btf } from '../asm/index.ts';
import type { BtfInfo } from './bpf/info.ts';
import { btfDataOf, btfInfoOf, btfNameOf } from './bpf/info-commands.ts';
import { openById } from './bpf/object.ts';
import { Descriptor } from './descriptor.ts';

/** Owns the descriptor of a piece of BTF. */
export class BpfBtf implements Disposable {
  readonly #descriptor: Descriptor;

  /** Takes over `fd`. */
  constructor(fd: number) {
    this.#descriptor = new Descriptor(fd, 'BTF');
  }

  /** Undefined where there is none. Since Linux 4.18. */
  static openById(id: number): BpfBtf | undefined {
    const fd = openById('btf', id);
    return fd === undefined ? undefined : new BpfBtf(fd);
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  get info(): BtfInfo {
    return btfInfoOf(this.fd);
  }

  /** `vmlinux` or a module's; empty for what a program brought. */
  get name(): string {
    return btfNameOf(this.fd, this.info.nameLength ?? 0);
  }

  /** The types as they were loaded, in bytes. */
  data(): Uint8Array {
    return btfDataOf(this.fd, this.info.size);
  }

  /** The types. @throws MalformedError for those of another byte order. */
  parse(): btf.Btf {
    return btf.parseBtf(this.data());
  }

  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
