// Giving tunnel slots up, and everything that leads to them.

import { isSlotKey, placeholderOf, portOf, slotKey } from '../../tunnel-entries.ts';
import { TunnelBook, type TunnelMaps } from './book.ts';
import { writePorts } from './ports.ts';

/** All or none, bound or not. To be called with the lock held. */
export function removeTunnels(instance: string, maps: TunnelMaps, placeholders: readonly number[]): void {
  const book = new TunnelBook(instance, maps);
  const slots = [...new Set(placeholders)].map((placeholder) => book.one(placeholder).slot);
  const { raw } = maps.tunnels;
  // The slots first: without them what leads to them leads nowhere.
  for (const { port, placeholder } of slots) raw.delete(slotKey(port, placeholder));
  const entries = [...book.entries()];
  const name = (key: Uint8Array, value: Uint8Array): string => `${portOf(key)} ${placeholderOf(value)}`;
  const left = new Set(entries.filter(({ key }) => isSlotKey(key)).map(({ key, value }) => name(key, value)));
  for (const { key, value } of entries) if (!left.has(name(key, value))) raw.delete(key);
  const used = new Set(entries.filter(({ key }) => isSlotKey(key)).map(({ key }) => portOf(key)));
  const ports = book.ports.filter(({ port }) => used.has(port));
  if (ports.length < book.ports.length) writePorts(maps.tunnel_ports, ports);
}
