// Links and their owner.

import type { LinkInfo } from './bpf/info.ts';
import { linkInfoOf } from './bpf/info-commands.ts';
import { detachLink, updateLink } from './bpf/link-commands.ts';
import { createOrderedLink, type HookDirection, type PlaceOptions } from './bpf/mprog.ts';
import { openById, openPin, pinObject } from './bpf/object.ts';
import { Descriptor } from './descriptor.ts';

/** Owns the descriptor of a link. Without a pin the program comes off when the last descriptor closes. */
export class BpfLink implements Disposable {
  readonly #descriptor: Descriptor;

  /** Takes over `fd`. */
  constructor(fd: number) {
    this.#descriptor = new Descriptor(fd, 'link');
  }

  /** Attaches to TCX, behind what is there by default, in the network namespace of the calling thread. Since Linux 6.6. */
  static tcx(
    program: { readonly fd: number },
    ifindex: number,
    direction: HookDirection,
    place: PlaceOptions = {},
  ): BpfLink {
    return new BpfLink(createOrderedLink(program.fd, { hook: 'tcx', ifindex, direction }, place));
  }

  /** Opens a pinned link; undefined where nothing is pinned. @throws LoaderError when it is no link. */
  static openPin(path: string): BpfLink | undefined {
    return BpfLink.#adopt(openPin(path, 'link'));
  }

  /** Opens a link by its identifier; undefined where there is none. */
  static openById(id: number): BpfLink | undefined {
    return BpfLink.#adopt(openById('link', id));
  }

  static #adopt(fd: number | undefined): BpfLink | undefined {
    if (fd === undefined) return undefined;
    const link = new BpfLink(fd);
    try {
      linkInfoOf(fd);
      return link;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  get info(): LinkInfo {
    return linkInfoOf(this.fd);
  }

  /**
   * Swaps the program; each packet meets the old or the new one.
   *
   * @param old swap only if this is the program there
   * @throws LoaderError with code `ESTALE` when another program is there than `old`, `ENOLINK` when the interface is gone.
   */
  update(program: { readonly fd: number }, old?: { readonly fd: number }): void {
    updateLink(this.fd, program.fd, old?.fd);
  }

  /** Takes the program off the interface, whoever still holds the link. */
  detach(): void {
    detachLink(this.fd);
  }

  pin(path: string): void {
    pinObject(this.fd, path);
  }

  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
