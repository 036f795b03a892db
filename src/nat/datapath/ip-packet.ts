// An IP packet as the datapath sees it, whichever the version: around which everything else is written.

import type { Condition, Place, Variable } from '../../asm/index.ts';
import type { Direction } from '../reason.ts';
import type { IpVersion } from './tables.ts';
import type { Payload } from './transport.ts';
import type { AddressPlace } from './words.ts';

export interface IpPacket {
  readonly version: IpVersion;
  readonly source: AddressPlace;
  readonly destination: AddressPlace;
  /** IPv4's header has one. */
  readonly headerChecksum: Place<'be16'> | undefined;
  readonly hopLimit: Place<'u8'>;
  readonly payload: Payload;
  /** A fragment, but not the first: it has no transport header. */
  readonly isLater: () => Condition;
  /** Whether routers may cut it to pieces: IPv4 only. */
  readonly isFragmentable?: () => Condition;
  /**
   * Not zero where a routing header has segments left, so that the destination is not the one of the pseudo-header (RFC
   * 8200, section 8.1). IPv6 only.
   */
  readonly segmentsLeft: Variable<'u32'> | undefined;
}

/** Which address is translated in a direction, and which is the other end's. */
export interface Side {
  readonly own: 'source' | 'destination';
  readonly other: 'source' | 'destination';
}

export const sideOf = (direction: Direction): Side =>
  direction === 'outbound'
    ? { own: 'source', other: 'destination' }
    : { own: 'destination', other: 'source' };
