// Why a packet was not simply translated: one list for both directions, one counter for each pair.

/** Outbound: leaving by the outside interface. Inbound: arriving on it. */
export type Direction = 'outbound' | 'inbound';
export const DIRECTIONS: readonly Direction[] = ['outbound', 'inbound'];

/** What becomes of the packet: passed on as it came, dropped, or whichever the policy for unmapped traffic says. */
export type Fate = 'pass' | 'drop' | 'policy' | 'answer';

export type Reason = 'unmapped' | 'not_ipv4' | 'malformed' | 'arp' | 'arp_answered' | 'helper_failed';

/** New reasons go at the end: the position is the map index that other programs rely on. */
export const REASONS: readonly { readonly name: Reason; readonly fate: Fate; readonly meaning: string }[] = [
  { name: 'unmapped', fate: 'policy', meaning: 'the address to translate is in no mapping' },
  { name: 'not_ipv4', fate: 'policy', meaning: 'neither IPv4 nor ARP' },
  {
    name: 'malformed',
    fate: 'policy',
    meaning: 'the IP or transport header is cut short or contradicts itself',
  },
  { name: 'arp', fate: 'pass', meaning: 'ARP that is not ours to answer' },
  {
    name: 'arp_answered',
    fate: 'answer',
    meaning: 'ARP request for a mapped outside address, answered here',
  },
  { name: 'helper_failed', fate: 'drop', meaning: 'the kernel refused a rewrite half-way' },
];

/** Index of a reason's counter in the `reasons` map. */
export function reasonIndex(direction: Direction, reason: Reason): number {
  const position = REASONS.findIndex(({ name }) => name === reason);
  return DIRECTIONS.indexOf(direction) * REASONS.length + position;
}
