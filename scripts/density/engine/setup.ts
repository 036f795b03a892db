// What both threads of the traffic are told when they start.

import { addressText } from '../world.ts';

export interface TrafficSetup {
  /** See Ledger. */
  readonly memory: SharedArrayBuffer;
  /** The clones' UDP sockets, by which their namespaces are found; the server's namespace by its name. */
  readonly slots: readonly number[];
  readonly outside: string;
  /** Addresses as numbers. */
  readonly inside: number;
  readonly server: number;
  readonly port: number;
  /** The clones' own port, all the same, so that whatever reaches a wrong one is taken in by it. */
  readonly clonePort: number;
  /** Milliseconds for which a released address that `isQuarantined` reaches nobody. */
  readonly quarantine: number;
}

/** Half of the addresses are quarantined when they are given up; the others are for the next slot at once. */
export const isQuarantined = (address: number): boolean => (address & 1) === 0;

/** For the report of a wrong packet. */
export const described = (what: string, slot: number, address: number, from: number, to: number): string =>
  `${what}: slot ${slot === 0xffff_ffff ? '-' : slot}, ${addressText(address)}, epochs ${from} to ${to}`;
