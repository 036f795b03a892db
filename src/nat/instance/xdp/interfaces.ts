// The interfaces that XDP works between: the outside one, and those inside that are asked for.

import { ARPHRD_ETHER, findInterface, type Interface, type NetlinkSocket } from '../../../loader/index.ts';
import { InstanceError } from '../error.ts';
import { MOST_INSIDES } from '../record.ts';
import { requireInterface } from '../uplink.ts';

/** @throws InstanceError with code `ENODEV` or `EINTERFACE`. */
export function requireInsides(
  socket: NetlinkSocket,
  uplink: Interface,
  names: readonly string[],
  netns: string | undefined,
): number[] {
  if (names.length === 0) {
    throw new InstanceError(
      'EINTERFACE',
      "XDP works between two sides: name the inside interfaces ('--inside')",
    );
  }
  if (names.length > MOST_INSIDES) {
    throw new InstanceError(
      'EINTERFACE',
      `XDP takes ${MOST_INSIDES} inside interfaces at most, not ${names.length}`,
    );
  }
  requireEthernet(uplink);
  const found = names.map((name) => requireInterface(socket, name, netns));
  for (const inside of found) {
    requireEthernet(inside);
    if (inside.index === uplink.index) {
      throw new InstanceError(
        'EINTERFACE',
        `interface '${inside.name}' is the outside one and cannot be inside`,
      );
    }
  }
  return [...new Set(found.map(({ index }) => index))];
}

function requireEthernet({ name, type }: Interface): void {
  if (type === ARPHRD_ETHER) return;
  throw new InstanceError(
    'EINTERFACE',
    `interface '${name}' has no Ethernet header, which XDP needs (type ${type})`,
  );
}

/** Their names as they are now. */
export const namesOf = (socket: NetlinkSocket, indexes: readonly number[]): string[] =>
  indexes.map((index) => findInterface(socket, index)?.name ?? `index ${index}`);
