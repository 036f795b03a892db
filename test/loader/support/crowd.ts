// A namespace with many interfaces in it, and what tests ask about them.

import { execFileSync } from 'node:child_process';
import { findInterface, listPrograms, NetlinkSocket, withNetns } from '../../../src/loader/index.ts';
import { namespace } from './namespace.ts';

export interface Crowd extends Disposable {
  /** The namespace. */
  readonly name: string;
  readonly ip: (command: string) => string;
  readonly tc: (command: string) => string;
  /** The interfaces. */
  readonly names: readonly string[];
  readonly socket: NetlinkSocket;
  readonly indexOf: (name: string) => number;
  /** Hook and identifier of each program on an interface. */
  readonly programsOf: (name: string) => string[];
}

/** A namespace with `count` veth pairs v0 - w0, v1 - w1, ... */
export function crowd(count: number): Crowd {
  const { name, ip, tc } = namespace('ldrb');
  const names = Array.from({ length: count }, (_, i) => `v${i}`);
  const lines = names.map((each) => `link add ${each} type veth peer name w${each}\n`);
  execFileSync('ip', ['-n', name, '-batch', '-'], { input: lines.join('') });
  const socket = withNetns(name, () => new NetlinkSocket());
  const indexOf = (each: string) => findInterface(socket, each)?.index ?? 0;
  const programsOf = (each: string) =>
    listPrograms({ netns: name, interface: each }).map(({ hook, programId }) => `${hook} ${programId}`);
  return { name, ip, tc, names, socket, indexOf, programsOf, [Symbol.dispose]: () => socket.close() };
}
