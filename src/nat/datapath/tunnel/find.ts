// Which tunnel slot a UDP packet is of: outbound by its placeholder VNI; inbound by what the slots of its port are told
// apart by, and then it has to have the very VNI that is bound to the slot.

import type { ArrayView, Place, Pointer, Value, Variable, ViewOf } from '../../../asm/index.ts';
import {
  TUNNEL_ENTRIES,
  TUNNEL_KINDS,
  TUNNEL_MARKS,
  TUNNEL_STATES,
  type tunnelKey,
  type tunnelRecord,
} from '../../tunnel-layout.ts';
import type { IpPacket } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import { read, type Words, write } from '../words.ts';
import { carried } from './carried.ts';
import { GENEVE_VERSION_SHIFT, MOST_UDP_AT, tunnelhdr, udphdr, VNI_SHIFT } from './headers.ts';
import { innerAddress, type Scratch } from './inner-mark.ts';

export type TunnelRecord = ViewOf<typeof tunnelRecord>;

/** A packet at a port of tunnels. */
export interface TunnelPacket {
  readonly udp: ViewOf<typeof udphdr>;
  readonly tunnel: ViewOf<typeof tunnelhdr>;
  /** The number of its kind of tunnel. */
  readonly kind: Variable<'u32'>;
}

export interface Found {
  readonly onSlot: (record: TunnelRecord, packet: TunnelPacket) => void;
  /** At a port of tunnels, and of no slot. */
  readonly onUnknown: () => void;
}

/** Memory for keys: there is none to spare for one at each place that has one. */
export interface KeyMemory {
  readonly address: Pointer;
  readonly view: ViewOf<typeof tunnelKey>;
  readonly scratch: Scratch;
}

/** What is known of a UDP port. */
export interface KnownPort {
  /** The number of its kind of tunnel; zero where it is none of tunnels. */
  readonly kind: Variable<'u32'>;
  readonly marks: Variable<'u32'>;
}

export function knownPort({ p, maps }: TcPath, port: Value<'be16'>): KnownPort {
  const kind = p.variable('u32', 0);
  const marks = p.variable('u32', 0);
  for (const known of p.data(maps.tunnel_ports).ports) {
    p.when(port.eq(known.port), () => {
      kind.set(known.kind.get());
      marks.set(known.marks.get());
    });
  }
  return { kind, marks };
}

/** Says whose the UDP packet is; nothing where its port is none of tunnels. `onSlot` must end the path. */
export function findSlot(path: TcPath, packet: IpPacket, key: KeyMemory, { onSlot, onUnknown }: Found): void {
  const { p, maps, leave, direction } = path;
  const { at, atMost, end } = packet.payload;
  const malformed = (): void => leave('malformed');
  const [{ dest }] = p.packet.read([udphdr], { at, atMost, orElse: malformed });
  const port = dest.get();
  const { kind, marks } = knownPort(path, port);
  p.when(kind.ne(0), () => {
    p.when(at.add(udphdr.size + tunnelhdr.size).gt(end), malformed);
    const [udp, tunnel] = p.packet.read([udphdr, tunnelhdr], {
      at,
      atMost: Math.min(atMost, MOST_UDP_AT),
      orElse: malformed,
    });
    // Another version may look different (RFC 8926, section 3.4).
    const isOther = kind.eq(TUNNEL_KINDS.geneve).and(tunnel.first.shr(GENEVE_VERSION_SHIFT).ne(0));
    p.rarely(isOther, malformed);
    const vni = tunnel.vni.toHost().shr(VNI_SHIFT);
    const take = (record: TunnelRecord): void => onSlot(record, { udp, tunnel, kind });
    key.view.port.set(port);
    if (direction === 'inbound') {
      setIndexKey(path, packet, key, { vni, marks, kind, tunnel }, 'destination');
      const index = p.lookupAt(maps.tunnels, key.address);
      p.when(index.exists(), () => {
        setSlotKey(key, index.value.placeholder.get());
        const entry = p.lookupAt(maps.tunnels, key.address);
        p.when(entry.exists(), () => {
          requireBound(path, entry.value);
          p.when(entry.value.vni.eq(vni), () => take(entry.value));
        });
      });
    }
    setSlotKey(key, vni);
    const entry = p.lookupAt(maps.tunnels, key.address);
    p.when(entry.exists(), () => {
      // With a placeholder as its VNI it would get to a slot past its bind.
      if (direction === 'inbound') leave('placeholder_vni');
      else {
        requireBound(path, entry.value);
        take(entry.value);
      }
    });
    onUnknown();
  });
}

function requireBound({ p, leave }: TcPath, record: TunnelRecord): void {
  p.rarely(record.state.ne(TUNNEL_STATES.bound), () => leave('unbound_vni'));
}

/** All but the port. */
export function setSlotKey({ view }: KeyMemory, placeholder: Value<'u32'>): void {
  view.kind.set(TUNNEL_ENTRIES.slot);
  view.vni.set(placeholder);
  for (const address of [view.remote, view.local, view.inner]) for (const word of address) word.set(0);
}

export interface Marked extends KnownPort {
  readonly vni: Value<'u32'>;
  readonly tunnel: ViewOf<typeof tunnelhdr>;
}

/** All but the port. `ours` is the inner address that is the slot's, in a packet that comes from the other end. */
export function setIndexKey(
  path: TcPath,
  packet: Pick<IpPacket, 'source' | 'destination' | 'payload'>,
  key: KeyMemory,
  { vni, marks, kind, tunnel }: Marked,
  ours: 'source' | 'destination',
): void {
  const { p } = path;
  const { view, scratch } = key;
  /** Runs where the mark counts. */
  const where = (mark: keyof typeof TUNNEL_MARKS, then: () => void): void =>
    p.when(marks.and(TUNNEL_MARKS[mark]).ne(0), then);
  setSlotKey(key, p.constant('u32', 0));
  view.kind.set(TUNNEL_ENTRIES.index);
  where('vni', () => view.vni.set(vni));
  where('remote', () => setAddress(view.remote, read(packet.source)));
  where('local', () => setAddress(view.local, read(packet.destination)));
  if (!path.uses.has('tunnel_inner')) return;
  where('inner', () => {
    const inner = carried(path, packet.payload.at, kind.get(), tunnel);
    innerAddress(path, inner, scratch, ours, (address) => setAddress(view.inner, address));
  });
}

/** RFC 4291, section 2.5.5.2. */
const MAPPED = 0xffff;

function setAddress(place: ArrayView<Place<'be32'>>, words: Words): void {
  if (words.length > 1) {
    write([...place], words);
    return;
  }
  place.at(2).set(MAPPED);
  place.at(3).set(words[0]!);
}
