// A namespace with a veth pair out0 - out1, both up, and what tests ask about it.

import { readdirSync } from 'node:fs';
import { findInterface, NetlinkSocket, withNetns } from '../../../src/loader/index.ts';
import { namespace } from './namespace.ts';

export interface Site extends Disposable {
  readonly name: string;
  readonly ip: (command: string) => string;
  readonly tc: (command: string) => string;
  readonly socket: NetlinkSocket;
  /** Of out0. */
  readonly ifindex: number;
  /** The kernel looks an interface up where the calling thread is. */
  readonly within: <T>(run: () => T) => T;
}

export function site(prefix: string): Site {
  const { name, ip, tc } = namespace(prefix);
  ip('link add out0 type veth peer name out1');
  ip('link set out0 up');
  ip('link set out1 up');
  const socket = withNetns(name, () => new NetlinkSocket());
  const ifindex = findInterface(socket, 'out0')?.index ?? 0;
  const within = <T>(run: () => T): T => withNetns(name, run);
  return { name, ip, tc, socket, ifindex, within, [Symbol.dispose]: () => socket.close() };
}

export const countDescriptors = (): number => readdirSync('/proc/self/fd').length;
