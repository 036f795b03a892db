// Why a packet was not simply translated: one list for both directions, one counter for each pair.

/** Outbound: leaving by the outside interface. Inbound: arriving on it. */
export type Direction = 'outbound' | 'inbound';
export const DIRECTIONS: readonly Direction[] = ['outbound', 'inbound'];

/** What becomes of unmapped and other untranslatable packets. */
export type Policy = 'pass' | 'drop';

/**
 * What becomes of the packet: passed on as it came, dropped, whichever the policy of its direction or that for spoofed
 * senders says, or turned round: answered, or taken in again where it would have left.
 */
export type Fate = 'pass' | 'drop' | 'policy' | 'spoofed' | 'turn';

export type Reason =
  | 'unmapped'
  | 'not_ip'
  | 'malformed'
  | 'arp'
  | 'arp_answered'
  | 'helper_failed'
  | 'ndp'
  | 'ndp_answered'
  | 'excluded'
  | 'fragment'
  | 'authenticated'
  | 'spoofed'
  | 'hairpin'
  | 'unmappable'
  | 'unbound'
  | 'quarantined'
  | 'foreign'
  | 'denied'
  | 'expired'
  | 'too_big'
  | 'too_big_answered'
  | 'unknown_vni'
  | 'unbound_vni'
  | 'placeholder_vni'
  | 'inner_foreign'
  | 'inner_refused';

/** New reasons go at the end: the position is the map index that other programs rely on. */
export const REASONS: readonly { readonly name: Reason; readonly fate: Fate; readonly meaning: string }[] = [
  { name: 'unmapped', fate: 'policy', meaning: 'the address to translate is in no mapping' },
  { name: 'not_ip', fate: 'policy', meaning: 'neither IPv4 nor IPv6 nor ARP' },
  {
    name: 'malformed',
    fate: 'policy',
    meaning: 'a header is cut short, contradicts itself, or there are more of them than are followed',
  },
  { name: 'arp', fate: 'pass', meaning: 'ARP that is not ours to answer' },
  { name: 'arp_answered', fate: 'turn', meaning: 'ARP request for a mapped outside address, answered here' },
  { name: 'helper_failed', fate: 'drop', meaning: 'the kernel refused a rewrite half-way' },
  { name: 'ndp', fate: 'pass', meaning: 'neighbour or listener discovery that is not ours to answer' },
  {
    name: 'ndp_answered',
    fate: 'turn',
    meaning: 'neighbour solicitation for a mapped outside address, answered here',
  },
  { name: 'excluded', fate: 'pass', meaning: 'the other end is one that is not translated for' },
  {
    name: 'fragment',
    fate: 'policy',
    meaning: 'a fragment without ports of an address that has port mappings: its mapping cannot be told',
  },
  {
    name: 'authenticated',
    fate: 'policy',
    meaning: 'an Authentication Header, which no translated packet would pass',
  },
  { name: 'spoofed', fate: 'spoofed', meaning: 'leaving with an outside address as its own' },
  { name: 'hairpin', fate: 'turn', meaning: 'translated, and taken in again: it is for a mapped outside' },
  {
    name: 'unmappable',
    fate: 'drop',
    meaning: 'an address that checksum-neutral translation cannot map (RFC 6296, section 3.6)',
  },
  { name: 'unbound', fate: 'drop', meaning: 'from a slot that no outside is bound to' },
  { name: 'quarantined', fate: 'drop', meaning: 'for an outside whose slot was released a short time ago' },
  { name: 'foreign', fate: 'drop', meaning: 'from a slot, with a source that is none of its own' },
  { name: 'denied', fate: 'drop', meaning: 'from a slot, for a destination that it may not reach' },
  {
    name: 'expired',
    fate: 'pass',
    meaning: 'for a slot, at the end of its time to live: left to the stack, which answers',
  },
  { name: 'too_big', fate: 'drop', meaning: "for a slot, and larger than its interface's MTU" },
  {
    name: 'too_big_answered',
    fate: 'turn',
    meaning: "for a slot, and larger than its interface's MTU: the sender is told the MTU",
  },
  {
    name: 'unknown_vni',
    fate: 'policy',
    meaning: 'at a port of tunnels, with a VNI that no tunnel slot has',
  },
  { name: 'unbound_vni', fate: 'drop', meaning: 'of a tunnel slot that no VNI is bound to' },
  { name: 'placeholder_vni', fate: 'drop', meaning: 'arriving with the placeholder VNI of a tunnel slot' },
  {
    name: 'inner_foreign',
    fate: 'drop',
    meaning: "in a tunnel, from or for an inner address that is not the slot's",
  },
  {
    name: 'inner_refused',
    fate: 'drop',
    meaning:
      'in a tunnel, an inner packet that cannot be translated: cut short, at odds with itself, authenticated',
  },
];

/** Index of a reason's counter in the `reasons` map. */
export function reasonIndex(direction: Direction, reason: Reason): number {
  const position = REASONS.findIndex(({ name }) => name === reason);
  return DIRECTIONS.indexOf(direction) * REASONS.length + position;
}
