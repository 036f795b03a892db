// Giving tunnel slots up, and everything that leads to them.

import { isSlotKey, placeholderOf, portOf, slotKey } from '../../tunnel-entries.ts';
import { TunnelBook, type TunnelMaps } from './book.ts';
import { writePorts } from './ports.ts';

/** All or none, bound or not. To be called with the lock held. */
export function removeTunnels(name: string, maps: TunnelMaps, placeholders: readonly number[]): void {
  const book = new TunnelBook(name, maps);
  const slots = [...new Set(placeholders)].map((placeholder) => book.one(placeholder).slot);
  const { raw } = maps.tunnels;
  // The slots first: without them what leads to them leads nowhere.
  for (const { port, placeholder } of slots) raw.delete(slotKey(port, placeholder));
  const gone = new Set(slots.map(({ port, placeholder }) => `${port} ${placeholder}`));
  const used = new Set<number>();
  for (const { key, value } of book.entries()) {
    const port = portOf(key);
    if (isSlotKey(key)) used.add(port);
    else if (gone.has(`${port} ${placeholderOf(value)}`)) raw.delete(key);
  }
  const ports = book.ports.filter(({ port }) => used.has(port));
  if (ports.length < book.ports.length) writePorts(maps.tunnel_ports, ports);
}
