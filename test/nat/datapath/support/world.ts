// The addresses these tests speak of, and one rig for each policy that all tests of a file share.

import { Rig } from './rig.ts';
import { type Address, type Bytes, frame, ip4 } from './wire.ts';

export const INSIDE = '10.0.0.5';
export const OUTSIDE = '203.0.113.5';
export const INSIDE_2 = '10.0.0.6';
export const OUTSIDE_2 = '203.0.113.130';
/** Mapped to itself. */
export const SELF = '192.0.2.9';
/** In no mapping. */
export const REMOTE = '198.51.100.7';
export const ROUTER = '10.0.0.1';

export const MAP: readonly (readonly [string, string])[] = [
  [INSIDE, OUTSIDE],
  [INSIDE_2, OUTSIDE_2],
  [SELF, SELF],
  // The same words in another order: to every checksum nothing changes.
  ['10.1.192.168', '192.168.10.1'],
  // Words of zero and of all ones, which are the same number in one's complement.
  ['0.0.255.255', '255.255.0.0'],
  ['10.2.0.0', '10.2.255.255'],
  ['255.255.255.255', '0.0.0.0'],
  ['0.0.0.1', '255.255.255.254'],
];

let passing: Rig | undefined;
let dropping: Rig | undefined;

/** Maps and programs with `unmapped: pass`. */
export function pass(): Rig {
  passing ??= new Rig({ map: MAP });
  return passing;
}

/** The same with `unmapped: drop`. */
export function drop(): Rig {
  dropping ??= new Rig({ map: MAP, unmapped: 'drop' });
  return dropping;
}

/** A packet for these addresses. */
export type Packet = (source: Address, destination: Address) => Bytes;

export const from = (make: Packet, source: string, destination: string): Bytes =>
  frame(make(ip4(source), ip4(destination)));
