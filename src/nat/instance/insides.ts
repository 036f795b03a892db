// The interfaces that packets go between past the stack: the outside one, and those inside that are asked for.

import { ARPHRD_ETHER, findInterface, type Interface, type NetlinkSocket } from '../../loader/index.ts';
import { InstanceError } from './error.ts';
import { MOST_INSIDES } from './record.ts';
import { requireInterface } from './uplink.ts';

/**
 * @param what needs them, as the start of a sentence
 * @throws InstanceError with code `ENODEV` or `EINTERFACE`.
 */
export function requireInsides(
  what: 'XDP' | 'Redirect',
  socket: NetlinkSocket,
  uplink: Interface,
  names: readonly string[],
  netns: string | undefined,
): number[] {
  if (names.length > MOST_INSIDES) {
    throw new InstanceError(
      'EINTERFACE',
      `${what} takes ${MOST_INSIDES} inside interfaces at most, not ${names.length}`,
    );
  }
  requireEthernet(what, uplink);
  const found = names.map((name) => requireInterface(socket, name, netns));
  for (const inside of found) {
    requireEthernet(what, inside);
    if (inside.index === uplink.index) {
      throw new InstanceError(
        'EINTERFACE',
        `interface '${inside.name}' is the outside one and cannot be inside`,
      );
    }
  }
  return [...new Set(found.map(({ index }) => index))];
}

function requireEthernet(what: string, { name, type }: Interface): void {
  if (type === ARPHRD_ETHER) return;
  throw new InstanceError(
    'EINTERFACE',
    `interface '${name}' has no Ethernet header, which ${what === 'XDP' ? 'XDP' : 'redirect'} needs (type ${type})`,
  );
}

/** Their names as they are now. */
export const namesOf = (socket: NetlinkSocket, indexes: readonly number[]): string[] =>
  indexes.map((index) => findInterface(socket, index)?.name ?? `index ${index}`);
