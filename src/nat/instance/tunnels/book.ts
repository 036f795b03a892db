// The tunnel slots there are, as the maps say just now, and what stands in the way of another.

import { type Address, formatAddress } from '../../address.ts';
import { isGoldenTunnel } from '../../golden/tunnels.ts';
import {
  decodeSlot,
  indexKeys,
  isSlotKey,
  placeholderOf,
  portOf,
  slotKey,
  type TunnelSlot,
} from '../../tunnel-entries.ts';
import { TUNNEL_STATES, type TunnelMark, tunnelRecord } from '../../tunnel-layout.ts';
import { keyAt, type Owned, valueAt } from '../contents.ts';
import { InstanceError } from '../error.ts';
import { readPorts, type TunnelPort } from './ports.ts';

export type TunnelMaps = Pick<Owned, 'tunnels' | 'tunnel_ports'>;

/** An entry of theirs, in bytes. */
export interface Element {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A slot, and the port it is of. */
export interface Located {
  readonly slot: TunnelSlot;
  readonly port: TunnelPort;
}

/** Works on maps that somebody else owns. */
export class TunnelBook {
  readonly name: string;
  readonly maps: TunnelMaps;
  readonly ports: readonly TunnelPort[];

  /** @param name the instance's, for messages */
  constructor(name: string, maps: TunnelMaps) {
    this.name = name;
    this.maps = maps;
    this.ports = readPorts(maps.tunnel_ports);
  }

  find(placeholder: number): Located | undefined {
    for (const port of this.ports) {
      const value = this.maps.tunnels.raw.get(slotKey(port.port, placeholder));
      if (value !== undefined) return { slot: decodeSlot(port.port, value), port };
    }
    return undefined;
  }

  /** @throws InstanceError with code `ENOSLOT` */
  one(placeholder: number): Located {
    const found = this.find(placeholder);
    if (found !== undefined) return found;
    throw new InstanceError(
      'ENOSLOT',
      `instance '${this.name}' has no tunnel slot ${placeholder}: 'tsnat vni list ${this.name}' shows what it has, 'tsnat vni reserve ${this.name} ${placeholder}' makes one`,
    );
  }

  /**
   * @param keys of index entries that are about to lead to the slot
   * @throws InstanceError with code `EINUSE` where one leads to another slot, which would get this one's packets.
   */
  requireApart(slot: TunnelSlot, { marks }: TunnelPort, keys: readonly Uint8Array[]): void {
    for (const key of keys) {
      const there = this.maps.tunnels.raw.get(key);
      if (there === undefined || there[tunnelRecord.offsets.state] !== TUNNEL_STATES.index) continue;
      const placeholder = placeholderOf(there);
      if (placeholder === slot.placeholder) continue;
      const other = this.find(placeholder);
      // A killed command may leave an index entry that no slot goes by any more.
      if (other === undefined || !isIndexed(other, key)) continue;
      throw apart(this.name, slot, other.slot, marks);
    }
  }

  /** Every slot with its entry. */
  *slots(): Generator<Located & { readonly value: Uint8Array }> {
    const ports = new Map(this.ports.map((each) => [each.port, each]));
    for (const { key, value } of entriesOf(this.maps)) {
      const port = ports.get(portOf(key));
      if (!isSlotKey(key) || port === undefined) continue;
      const slot = decodeSlot(port.port, value);
      if (!isGoldenTunnel(slot)) yield { slot, port, value };
    }
  }

  /** Keys of index entries that none of these slots goes by. */
  strays(slots: Iterable<Located>): Uint8Array[] {
    const used = new Set([...slots].flatMap(keysOf).map(textOf));
    return [...entriesOf(this.maps)].flatMap(({ key }) =>
      isSlotKey(key) || used.has(textOf(key)) ? [] : [key],
    );
  }
}

/** Slots and index entries, those of a self-test among them. */
export function* entriesOf({ tunnels: { raw } }: TunnelMaps): Generator<Element> {
  const all = raw.elements();
  for (let i = 0; i < all.count; i++)
    yield { key: keyAt(all, i, raw.spec), value: valueAt(all, i, raw.spec) };
}

const textOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1');

/** Whether index entries are written when a slot is reserved: they need nothing that only the bind says. */
export const isIndexedEarly = ({ marks }: TunnelPort): boolean =>
  !marks.includes('vni') && !marks.includes('inner');

/** The index entries a slot has to have. */
export const keysOf = ({ slot, port }: Located): Uint8Array[] =>
  slot.vni !== undefined || isIndexedEarly(port) ? indexKeys(slot, port.marks) : [];

const isIndexed = (located: Located, key: Uint8Array): boolean =>
  keysOf(located).some((each) => Buffer.compare(each, key) === 0);

function apart(
  name: string,
  slot: TunnelSlot,
  other: TunnelSlot,
  marks: readonly TunnelMark[],
): InstanceError {
  const said: { readonly [M in TunnelMark]: string | undefined } = {
    remote: slot.remote === undefined ? undefined : `remote ${formatAddress(slot.remote)}`,
    local: slot.local === undefined ? undefined : `local ${formatAddress(slot.local)}`,
    inner: `outside ${shared(slot, other).map(formatAddress).join(', ')}`,
    vni: slot.vni === undefined ? undefined : `VNI ${slot.vni}`,
  };
  const both = marks.flatMap((mark) => said[mark] ?? []).join(' and ');
  return new InstanceError(
    'EINUSE',
    `instance '${name}': tunnel slots ${slot.placeholder} and ${other.placeholder} could not be told apart on the way in: port ${slot.port} tells slots apart by ${marks.join(', ')}, and both would have ${both}; give one another, or release ${other.placeholder} first`,
  );
}

const shared = ({ outside: a }: TunnelSlot, { outside: b }: TunnelSlot): Address[] =>
  ([4, 6] as const).flatMap((family) =>
    a[family] !== undefined && a[family] === b[family] ? [a[family]] : [],
  );
