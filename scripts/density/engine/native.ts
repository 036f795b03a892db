// Sockets by the C library itself. Node opens its own when it binds or connects them, in its event loop, where no thread
// is in a foreign network namespace any more; and thousands of them are served cheapest by one epoll instance.
// What the loader's own door has is called through that one.

import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { errnoName } from '../../../src/loader/errors.ts';
import { libc } from '../../../src/loader/ffi.ts';

/** include/uapi/linux/, by the kernel's names; `AF_INET` and the like are everybody's. */
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVBUF = 8;
const SO_LINGER = 13;
const SO_SNDTIMEO = 21;
const SO_RCVBUFFORCE = 33;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const CLONE_NEWNET = 0x4000_0000;
const RLIMIT_NOFILE = 7;
const SIOCGSKNS = 0x894c;
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
/** struct epoll_event is packed on x86 alone. */
const PACKED = process.arch === 'x64' || process.arch === 'ia32';
const EVENT_SIZE = PACKED ? 12 : 16;
const EVENT_DATA_AT = PACKED ? 4 : 8;
const SOCKADDR_SIZE = 16;
const LITTLE_ENDIAN: boolean = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

type Native = (...args: (number | Uint8Array | null)[]) => number;
type Name = 'connect' | 'listen' | 'accept4' | 'sendto' | 'recvfrom';

const PROTOTYPES: Readonly<Record<Name, string>> = {
  connect: 'int connect(int fd, void *address, uint length)',
  listen: 'int listen(int fd, int backlog)',
  accept4: 'int accept4(int fd, void *address, void *length, int flags)',
  sendto: 'long sendto(int fd, void *buffer, size_t length, int flags, void *address, uint size)',
  recvfrom: 'long recvfrom(int fd, void *buffer, size_t length, int flags, void *address, void *size)',
};

const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
const library = koffi.load(null);
const functions = Object.fromEntries(
  Object.entries(PROTOTYPES).map(([name, prototype]) => [name, library.func(prototype)]),
) as unknown as Readonly<Record<Name, Native>>;

/** @returns what the function returns, or -errno. */
function call(name: Name, ...args: Parameters<Native>): number {
  const result = functions[name](...args);
  return result === -1 ? -koffi.errno() : result;
}

/** @throws Error where `result` is -errno. */
export function demand(result: number, what: string): number {
  if (result < 0) throw new Error(`${what}: ${errnoName(-result)}`);
  return result;
}

/** A socket address of IPv4, to be reused: `address` is the number that its four bytes are, first byte highest. */
export class SocketAddress {
  readonly bytes: Uint8Array = new Uint8Array(SOCKADDR_SIZE);
  readonly #view: DataView = new DataView(this.bytes.buffer);

  constructor(address = 0, port = 0) {
    this.#view.setUint16(0, AF_INET, LITTLE_ENDIAN);
    this.set(address, port);
  }

  set(address: number, port: number): this {
    this.#view.setUint16(2, port);
    this.#view.setUint32(4, address);
    return this;
  }

  get address(): number {
    return this.#view.getUint32(4);
  }

  get port(): number {
    return this.#view.getUint16(2);
  }
}

const int = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
const lengthIs = int(SOCKADDR_SIZE);

/** Moves this thread, for good. */
export function enterNamespace(fd: number): void {
  demand(libc('setns', fd, CLONE_NEWNET), 'setns');
}

/**
 * The network namespace that a socket belongs to, as a descriptor that the caller closes. So a socket keeps its namespace and
 * leads back to it, and no other descriptor is needed (SIOCGSKNS, since Linux 4.10).
 */
export const namespaceOf = (socket: number): number =>
  demand(libc('ioctl', socket, SIOCGSKNS, null), 'ioctl(SIOCGSKNS)');

/** Moves this thread to where a socket is, for good. */
export function enterNamespaceOf(socket: number): void {
  const fd = namespaceOf(socket);
  try {
    enterNamespace(fd);
  } finally {
    closeSync(fd);
  }
}

/** Moves this thread into a new network namespace. */
export function newNamespace(): void {
  demand(libc('unshare', CLONE_NEWNET), 'unshare');
}

export type SocketKind = 'udp' | 'tcp';

/** A socket that never blocks, unless `blocking`, of the namespace that this thread is in. */
export function openSocket(kind: SocketKind, blocking = false): number {
  const type = (kind === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK);
  return demand(libc('socket', AF_INET, type, 0), 'socket');
}

export function bindSocket(fd: number, address: SocketAddress): void {
  libc('setsockopt', fd, SOL_SOCKET, SO_REUSEADDR, int(1), 4);
  demand(libc('bind', fd, address.bytes, SOCKADDR_SIZE), 'bind');
}

/** @returns 0, or -errno: -EINPROGRESS while a connection is being made. */
export const connectSocket = (fd: number, address: SocketAddress): number =>
  call('connect', fd, address.bytes, SOCKADDR_SIZE);

export function listenOn(fd: number, backlog: number): void {
  demand(call('listen', fd, backlog), 'listen');
}

/** @returns the connection, with `from` filled in, or -errno */
export function acceptFrom(fd: number, from: SocketAddress): number {
  lengthIs[0] = SOCKADDR_SIZE;
  return call('accept4', fd, from.bytes, lengthIs, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

export const sendOn = (fd: number, data: Uint8Array): number =>
  libc('send', fd, data, data.length, MSG_DONTWAIT | MSG_NOSIGNAL);
export const receiveOn = (fd: number, data: Uint8Array): number =>
  libc('recv', fd, data, data.length, MSG_DONTWAIT);
export const sendTo = (fd: number, data: Uint8Array, to: SocketAddress): number =>
  call('sendto', fd, data, data.length, MSG_DONTWAIT, to.bytes, SOCKADDR_SIZE);

/** @returns bytes received, with `from` filled in, or -errno */
export function receiveFrom(fd: number, data: Uint8Array, from: SocketAddress): number {
  lengthIs[0] = SOCKADDR_SIZE;
  return call('recvfrom', fd, data, data.length, MSG_DONTWAIT, from.bytes, lengthIs);
}

/** A blocking connection gives up after so many seconds, as -EINPROGRESS. */
export function connectWithin(fd: number, seconds: number): void {
  // struct timeval
  const time = new Uint8Array(BigInt64Array.of(BigInt(seconds), 0n).buffer);
  libc('setsockopt', fd, SOL_SOCKET, SO_SNDTIMEO, time, time.length);
}

/** Receive buffer, bytes; beyond the machine's limit where the caller may. */
export function receiveBuffer(fd: number, bytes: number): void {
  if (libc('setsockopt', fd, SOL_SOCKET, SO_RCVBUFFORCE, int(bytes), 4) < 0) {
    libc('setsockopt', fd, SOL_SOCKET, SO_RCVBUF, int(bytes), 4);
  }
}

/** Closes a connection by a reset: nothing of it waits in TIME_WAIT. */
export function resetSocket(fd: number): void {
  libc('setsockopt', fd, SOL_SOCKET, SO_LINGER, new Uint8Array(Int32Array.of(1, 0).buffer), 8);
  closeSync(fd);
}

/** Lets this process have `count` descriptors. @throws Error where it may not */
export function allowDescriptors(count: number): void {
  const limit = new BigUint64Array(2);
  const bytes = new Uint8Array(limit.buffer);
  demand(libc('prlimit', 0, RLIMIT_NOFILE, null, bytes), 'prlimit');
  const [soft = 0n, hard = 0n] = limit;
  const wanted = BigInt(count);
  if (soft >= wanted) return;
  limit[0] = wanted;
  limit[1] = hard > wanted ? hard : wanted;
  if (libc('prlimit', 0, RLIMIT_NOFILE, bytes, null) >= 0) return;
  throw new Error(
    `${count} descriptors are needed, and this process may have ${hard}: raise 'ulimit -Hn', or take fewer slots`,
  );
}

/** Waits for many descriptors, each known by a number of its own. */
export class Poll {
  static readonly #ROOM = 256;
  readonly #fd: number = demand(libc('epoll_create1', SOCK_CLOEXEC), 'epoll_create1');
  readonly #events: Uint8Array = new Uint8Array(Poll.#ROOM * EVENT_SIZE);
  readonly #view: DataView = new DataView(this.#events.buffer);
  readonly #one: Uint8Array = new Uint8Array(EVENT_SIZE);
  readonly #oneView: DataView = new DataView(this.#one.buffer);

  add(fd: number, id: number, events: number = EPOLLIN): void {
    this.#control(EPOLL_CTL_ADD, fd, id, events);
  }

  change(fd: number, id: number, events: number): void {
    this.#control(EPOLL_CTL_MOD, fd, id, events);
  }

  /** @returns how many were served */
  wait(milliseconds: number, serve: (id: number, events: number) => void): number {
    const count = libc('epoll_wait', this.#fd, this.#events, Poll.#ROOM, milliseconds);
    for (let at = 0; at < count; at++) {
      const events = this.#view.getUint32(at * EVENT_SIZE, LITTLE_ENDIAN);
      serve(this.#view.getUint32(at * EVENT_SIZE + EVENT_DATA_AT, LITTLE_ENDIAN), events);
    }
    return Math.max(count, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #control(operation: number, fd: number, id: number, events: number): void {
    this.#oneView.setUint32(0, events, LITTLE_ENDIAN);
    this.#oneView.setUint32(EVENT_DATA_AT, id, LITTLE_ENDIAN);
    demand(libc('epoll_ctl', this.#fd, operation, fd, this.#one), 'epoll_ctl');
  }
}
