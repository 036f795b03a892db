// Giving tunnel slots up, and everything that leads to them. What has to go is written down first, and is gone from then
// on: a killed command is carried through.

import { slotKey } from '../../tunnel-entries.ts';
import { afterwards } from '../afterwards.ts';
import type { Pins } from '../pins.ts';
import { beginSlotJournal, deletesOf, setsOf } from '../slots/journal.ts';
import { replaySlots } from '../slots/recover.ts';
import { TunnelBook, type TunnelMaps } from './book.ts';
import { encodePorts, portsElement } from './ports.ts';

/** All or none, bound or not. To be called with the lock held. */
export function removeTunnels(pins: Pins, maps: TunnelMaps, placeholders: readonly number[]): void {
  const book = new TunnelBook(pins.name, maps);
  const gone = new Set(placeholders.map((placeholder) => book.one(placeholder).slot.placeholder));
  if (gone.size === 0) return;
  const slots = [...book.slots()];
  const left = slots.filter(({ slot }) => !gone.has(slot.placeholder));
  const keys = slots
    .filter(({ slot }) => gone.has(slot.placeholder))
    .map(({ slot: { port, placeholder } }) => slotKey(port, placeholder));
  const used = new Set(left.map(({ slot }) => slot.port));
  const ports = book.ports.filter(({ port }) => used.has(port));
  const { key } = portsElement(maps.tunnel_ports);
  beginSlotJournal(pins, {
    // The slots first: without them what leads to them leads nowhere.
    tunnels: deletesOf([...keys, ...book.strays(left)]),
    tunnel_ports: setsOf([{ key, value: encodePorts(ports) }]),
  });
  afterwards(pins.name, () => replaySlots(pins));
}
