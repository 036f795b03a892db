// Every slot speaks to the outside server, over UDP and TCP, and the server sees as many different addresses, each the slot's.

import type { Traffic } from './engine/traffic.ts';
import { addressText, tracked, type World } from './world.ts';

export interface Proof {
  readonly slots: number;
  /** Different addresses that the server saw. */
  readonly udp: number;
  readonly tcp: number;
  /** Tried again. */
  readonly again: number;
  readonly milliseconds: number;
  /** Conntrack entries afterwards. */
  readonly tracked: { readonly gateway: number; readonly slots: number };
  /** What is wrong, in words. */
  readonly problems: readonly string[];
}

const MOST_NAMED = 5;

/** Slots 0 to `bound` - 1 take part; the others have no address. */
export async function prove(world: World, traffic: Traffic): Promise<Proof> {
  const { ledger } = traffic;
  const slots = [...world.slots.keys()].filter((slot) => ledger.addressOf(slot) !== 0);
  const { exchanged, seen } = await traffic.exchange(slots);
  const problems: string[] = [];
  const name = (what: string, list: readonly (number | string)[]): void => {
    if (list.length === 0) return;
    problems.push(
      `${list.length} ${what}: ${list.slice(0, MOST_NAMED).join(', ')}${list.length > MOST_NAMED ? ', ...' : ''}`,
    );
  };
  name('slots got no datagram back', exchanged.silentUdp);
  name('slots got no connection', exchanged.silentTcp);
  for (const protocol of ['udp', 'tcp'] as const) {
    const strange = slots.filter((slot) => seen[protocol][slot] !== ledger.addressOf(slot));
    const described = strange.map(
      (slot) =>
        `slot ${slot} has ${addressText(ledger.addressOf(slot))} and came from ${addressText(seen[protocol][slot] ?? 0)}`,
    );
    name(`slots came by ${protocol.toUpperCase()} from another address than theirs`, described);
  }
  const different = (all: Uint32Array): number =>
    new Set(slots.map((slot) => all[slot] ?? 0).filter(Boolean)).size;
  return {
    slots: slots.length,
    udp: different(seen.udp),
    tcp: different(seen.tcp),
    again: exchanged.again,
    milliseconds: exchanged.milliseconds,
    tracked: tracked(world),
    problems,
  };
}
