// Addresses in registers: IPv4 is one word, IPv6 four, and everything is done word by word.

import type { ArrayView, Condition, Input, PacketBuilder, Place, Value, Variable } from '../../asm/index.ts';

/** An address that was read, in network byte order. */
export type Words = readonly Value<'be32'>[];
/** An address in memory. */
export type AddressPlace = readonly Place<'be32'>[];

/** A field as words: IPv4 addresses are fields of their own, IPv6 ones arrays. */
export const wordsOf = (field: Place<'be32'> | ArrayView<Place<'be32'>>): AddressPlace =>
  'at' in field ? [...field] : [field];

export const read = (place: AddressPlace): Words => place.map((word) => word.get());

export function write(place: AddressPlace, words: Words): void {
  for (const [i, word] of words.entries()) place[i]!.set(word);
}

export const same = (a: Words, b: readonly Input<'be32'>[]): Condition =>
  a.map((word, i) => word.eq(b[i]!)).reduce((all, one) => all.and(one));

/** Whether an address lies in the subnet `network`/`mask`. */
export const within = (
  address: Words,
  { network, mask }: { network: AddressPlace; mask: AddressPlace },
): Condition =>
  address.map((word, i) => word.and(mask[i]!).eq(network[i]!.get())).reduce((all, one) => all.and(one));

interface Subnet {
  readonly network: Place<'be32'> | ArrayView<Place<'be32'>>;
  readonly mask: Place<'be32'> | ArrayView<Place<'be32'>>;
}

/** Not zero where an address lies in one of the subnets; one whose mask is zero is none. */
export function isOnLink(p: PacketBuilder, address: Words, subnets: ArrayView<Subnet>): Variable<'u32'> {
  const found = p.variable('u32', 0);
  for (const subnet of subnets) {
    const [network, mask] = [wordsOf(subnet.network), wordsOf(subnet.mask)];
    p.when(mask[0]!.ne(0).and(within(address, { network, mask })), () => found.set(1));
  }
  return found;
}
