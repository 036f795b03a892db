// The indexes of interfaces by name, many at a time: SIOCGIFINDEX (netdevice(7)), which answers in a microsecond where
// RTM_GETLINK tells all there is to know. In the network namespace of the calling thread.

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import { Descriptor } from '../descriptor.ts';
import { ERRNO, systemError } from '../errors.ts';
import { libc } from '../ffi.ts';
import { AF_INET, IFNAMSIZ, SOCK_CLOEXEC, SOCK_DGRAM } from './abi.ts';
import { requireInterfaceName } from './link.ts';

/** include/uapi/linux/sockios.h */
const SIOCGIFINDEX = 0x8933;
const SIOCGIFNAME = 0x8910;
const SIOCGIFMTU = 0x8921;
const SIOCGIFHWADDR = 0x8927;
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

/** What is asked of an interface without its netlink message. */
export interface InterfaceFacts {
  readonly index: number;
  /** ARPHRD_* of include/uapi/linux/if_arp.h. */
  readonly type: number;
  /** 6 bytes, of Ethernet. */
  readonly mac: Uint8Array;
  readonly mtu: number;
}

const encoder = new TextEncoder();

/** Of `struct sockaddr` in the request: the family, then the address. */
const HARDWARE_ADDRESS: number = IFNAMSIZ + 2;
const MAC_SIZE = 6;

/** Asks about interfaces one at a time, a microsecond each, in the network namespace that it was made in. */
export class InterfaceQueries implements Disposable {
  readonly #socket: Descriptor;
  readonly #request: Uint8Array = new Uint8Array(IFREQ_SIZE);
  readonly #view: DataView = new DataView(this.#request.buffer);

  constructor() {
    const fd = libc('socket', AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw systemError(fd, 'socket', 'cannot open a socket to look up interfaces');
    this.#socket = new Descriptor(fd, 'socket');
  }

  /** What it is called; undefined where no interface has the index. */
  nameOf(index: number): string | undefined {
    this.#view.setUint32(IFNAMSIZ, index, LITTLE_ENDIAN);
    if (!this.#ask(SIOCGIFNAME, 'SIOCGIFNAME', `${index}`)) return undefined;
    return Buffer.from(this.#request.buffer, 0, this.#request.indexOf(0)).toString();
  }

  /** Undefined where no interface has the name. */
  indexOf(name: string): number | undefined {
    return this.#askBy(name, SIOCGIFINDEX, 'SIOCGIFINDEX')
      ? this.#view.getUint32(IFNAMSIZ, LITTLE_ENDIAN)
      : undefined;
  }

  /** Undefined where no interface has the name. */
  factsOf(name: string): InterfaceFacts | undefined {
    const index = this.indexOf(name);
    if (index === undefined || !this.#askBy(name, SIOCGIFHWADDR, 'SIOCGIFHWADDR')) return undefined;
    const type = this.#view.getUint16(IFNAMSIZ, LITTLE_ENDIAN);
    const mac = this.#request.slice(HARDWARE_ADDRESS, HARDWARE_ADDRESS + MAC_SIZE);
    if (!this.#askBy(name, SIOCGIFMTU, 'SIOCGIFMTU')) return undefined;
    return { index, type, mac, mtu: this.#view.getUint32(IFNAMSIZ, LITTLE_ENDIAN) };
  }

  #askBy(name: string, request: number, called: string): boolean {
    this.#request.fill(0);
    encoder.encodeInto(name, this.#request.subarray(0, IFNAMSIZ - 1));
    return this.#ask(request, called, `'${name}'`);
  }

  #ask(request: number, called: string, what: string): boolean {
    const result = libc('ioctl', this.#socket.fd, request, this.#request);
    if (result === -ERRNO.ENODEV) return false;
    if (result < 0) throw systemError(result, `ioctl(${called})`, `cannot look up interface ${what}`);
    return true;
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
