// Interfaces for slots, by patterns of their names.

import { compareInterfaceNames } from '../../../interface-name.ts';
import { ARPHRD_ETHER, listInterfaces, NetlinkSocket, withNetns } from '../../../loader/index.ts';
import { type Address, formatAddress } from '../../address.ts';
import { InstanceError } from '../error.ts';
import { requireNamespace } from '../namespace.ts';
import type { InstanceRecord } from '../record.ts';
import type { Book } from './book.ts';

/** What makes a name a pattern. */
const WILD = /[*?]/;

/**
 * Names of the interfaces that `pattern` matches and that have no slot of this inside yet, tap2 before tap10; the name
 * itself where it is no pattern.
 *
 * @param count how many; all where left out
 * @throws InstanceError with code `EPOOL` when there are fewer, or none.
 */
export function poolOf(
  instance: string,
  record: InstanceRecord,
  book: Book,
  inside: Address,
  pattern: string,
  count: number | undefined,
): string[] {
  if (!WILD.test(pattern) && (count ?? 1) === 1) return [pattern];
  const matches = new RegExp(
    `^${[...pattern].map((letter) => ({ '*': '.*', '?': '.' })[letter] ?? escaped(letter)).join('')}$`,
    'su',
  );
  const taken = new Set(
    book.places
      .filter((place) => place.inside === inside)
      .map(({ ifindex, interface: name }) => `${ifindex} ${name}`),
  );
  const { enter } = requireNamespace(instance, record);
  const all = withNetns(enter, () => {
    using socket = new NetlinkSocket();
    return listInterfaces(socket);
  }).filter(
    ({ index, name, type }) => type === ARPHRD_ETHER && index !== record.ifindex && matches.test(name),
  );
  const free = all.filter(({ index, name }) => !taken.has(`${index} ${name}`)).map(({ name }) => name);
  const wanted = count ?? free.length;
  if (free.length >= Math.max(1, wanted)) return free.sort(compareInterfaceNames).slice(0, wanted);
  const shown = `'${formatAddress(inside)}%${pattern}'`;
  const what = `${all.length} interfaces match, ${all.length - free.length} of them have it already`;
  throw new InstanceError(
    'EPOOL',
    `instance '${instance}': ${count ?? 'no'} slots ${shown} cannot be had: ${what}; nothing was reserved`,
  );
}

const escaped = (letter: string): string => letter.replace(/[\\^$.+()[\]{}|/-]/u, '\\$&');
