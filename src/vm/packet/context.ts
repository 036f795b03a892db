// The context of a program: what r1 points to when it starts. To the program it is a struct whose fields the kernel
// translates one by one, so each access is checked against the rules of its field.

import type { Machine } from '../core/machine.ts';
import type { Region } from '../core/region.ts';
import { Trap } from '../fault.ts';

export interface Context {
  readonly region: Region;
  /** Register `d` = the field at `offset`. @throws Trap for what the kernel does not let a program read. */
  load(machine: Machine, d: number, offset: number, size: number): void;
  /** The field at `offset` = register `s`. @throws Trap for what the kernel does not let a program write. */
  store(machine: Machine, offset: number, size: number, s: number): void;
  /** The packet has changed its length or place. */
  moved(machine: Machine): void;
}

/** What a program may not do to its context. */
export function refuseAccess(type: string, offset: number, size: number, writes: boolean): Trap {
  const verb = writes ? 'store' : 'load';
  return new Trap('ACCESS', `${verb} of ${size} bytes at ${offset} of ${type}: the kernel does not allow it`);
}
