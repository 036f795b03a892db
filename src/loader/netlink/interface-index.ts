// The indexes of interfaces by name, many at a time: SIOCGIFINDEX (netdevice(7)), which answers in a microsecond where
// RTM_GETLINK tells all there is to know. In the network namespace of the calling thread.

import { LITTLE_ENDIAN } from '../../asm/index.ts';
import { Descriptor } from '../descriptor.ts';
import { ERRNO, systemError } from '../errors.ts';
import { libc } from '../ffi.ts';
import { AF_INET, IFNAMSIZ, SOCK_CLOEXEC, SOCK_DGRAM } from './abi.ts';
import { requireInterfaceName } from './link.ts';

/** include/uapi/linux/sockios.h */
const SIOCGIFINDEX = 0x8933;
const SIOCGIFNAME = 0x8910;
/** struct ifreq of a 64-bit machine: the name, and a union of 24 bytes. */
const IFREQ_SIZE = IFNAMSIZ + 24;

/** Index by index or name; undefined for an index below 1 and for a name that no interface has. */
export function findIndexes(interfaces: readonly (string | number)[]): (number | undefined)[] {
  if (interfaces.every((which) => typeof which === 'number')) return interfaces.map(positive);
  const fd = libc('socket', AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError(fd, 'socket', 'cannot open a socket to look up interfaces');
  using socket = new Descriptor(fd, 'socket');
  const request = new Uint8Array(IFREQ_SIZE);
  const view = new DataView(request.buffer);
  const encoder = new TextEncoder();
  return interfaces.map((which) => {
    if (typeof which === 'number') return positive(which);
    requireInterfaceName(which);
    request.fill(0);
    encoder.encodeInto(which, request);
    const result = libc('ioctl', socket.fd, SIOCGIFINDEX, request);
    if (result === -ERRNO.ENODEV) return undefined;
    if (result < 0) throw systemError(result, 'ioctl(SIOCGIFINDEX)', `cannot look up interface '${which}'`);
    return view.getUint32(IFNAMSIZ, LITTLE_ENDIAN);
  });
}

const positive = (index: number): number | undefined => (index > 0 ? index : undefined);

/** Names of interfaces by index, asked for one at a time in the network namespace that it was made in. */
export class InterfaceNames implements Disposable {
  readonly #socket: Descriptor;
  readonly #request = new Uint8Array(IFREQ_SIZE);
  readonly #view = new DataView(this.#request.buffer);

  constructor() {
    const fd = libc('socket', AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw systemError(fd, 'socket', 'cannot open a socket to look up interfaces');
    this.#socket = new Descriptor(fd, 'socket');
  }

  /** Undefined where no interface has the index. */
  nameOf(index: number): string | undefined {
    this.#view.setUint32(IFNAMSIZ, index, LITTLE_ENDIAN);
    const result = libc('ioctl', this.#socket.fd, SIOCGIFNAME, this.#request);
    if (result === -ERRNO.ENODEV) return undefined;
    if (result < 0) throw systemError(result, 'ioctl(SIOCGIFNAME)', `cannot look up interface ${index}`);
    return Buffer.from(this.#request.buffer, 0, this.#request.indexOf(0)).toString();
  }

  /** Undefined where no interface has the name. */
  indexOf(name: string): number | undefined {
    this.#request.fill(0);
    new TextEncoder().encodeInto(name, this.#request.subarray(0, IFNAMSIZ - 1));
    const result = libc('ioctl', this.#socket.fd, SIOCGIFINDEX, this.#request);
    if (result === -ERRNO.ENODEV) return undefined;
    if (result < 0) throw systemError(result, 'ioctl(SIOCGIFINDEX)', `cannot look up interface '${name}'`);
    return this.#view.getUint32(IFNAMSIZ, LITTLE_ENDIAN);
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
