// Whether any interface has come, gone or changed: the kernel's announcements to RTNLGRP_LINK, of which only that there
// were some is kept. Asking is one system call, and waits for nothing.

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import { Descriptor } from '../descriptor.ts';
import { ERRNO, systemError } from '../errors.ts';
import { libc } from '../ffi.ts';
import {
  AF_NETLINK,
  MSG_DONTWAIT,
  NETLINK_ROUTE,
  RTMGRP_LINK,
  SO_RCVBUF,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
} from './abi.ts';
import { u32 } from './attribute.ts';

/** struct sockaddr_nl: family, pad, port, groups. */
const SOCKADDR_SIZE = 12;
const GROUPS_AT = 8;
/** The kernel makes the least it has of it: one announcement is as good as many. */
const RECEIVE_BUFFER = 1;
/** More in a row than there is room for. */
const MOST_ANSWERS = 1024;

/** Of the network namespace of the thread that makes it. */
export class LinkWatch implements Disposable {
  readonly #descriptor: Descriptor;
  readonly #buffer: Uint8Array = new Uint8Array(1);

  constructor() {
    const fd = libc('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) throw systemError(fd, 'socket', 'cannot open a netlink socket');
    this.#descriptor = new Descriptor(fd, 'netlink socket');
    libc('setsockopt', fd, SOL_SOCKET, SO_RCVBUF, u32(RECEIVE_BUFFER), 4);
    const address = new Uint8Array(SOCKADDR_SIZE);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_NETLINK, LITTLE_ENDIAN);
    view.setUint32(GROUPS_AT, RTMGRP_LINK, LITTLE_ENDIAN);
    const result = libc('bind', fd, address, SOCKADDR_SIZE);
    if (result >= 0) return;
    this.#descriptor.close();
    throw systemError(result, 'bind', 'cannot listen to what becomes of interfaces');
  }

  /** Whether something was announced since it was asked last, or since it is there. */
  changed(): boolean {
    for (let answers = 0; answers < MOST_ANSWERS; answers++) {
      const result = libc('recv', this.#descriptor.fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
      if (result === -ERRNO.EAGAIN) return answers > 0;
      // Without room for more it says so, once.
      if (result < 0 && result !== -ERRNO.ENOBUFS) {
        throw systemError(result, 'recv', 'cannot hear what becomes of interfaces');
      }
    }
    return true;
  }

  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
