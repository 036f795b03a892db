// The entries of tunnel slots, byte by byte as docs/maps.md lays them out. Shares nothing with src/ on purpose.

import { PORTS, type TunnelKind } from './tunnel.ts';
import { type Address, addressBytes, type Bytes, be16, be32, join } from './wire.ts';

const KINDS: { readonly [K in TunnelKind]: number } = { vxlan: 1, geneve: 2 };

const u16 = (value: number): Bytes => Uint8Array.of(value & 0xff, (value >> 8) & 0xff);
const u32 = (value: number): Bytes => join(u16(value & 0xffff), u16(value >>> 16));
const zeros = (length: number): Bytes => new Uint8Array(length);
/** IPv4 as ::ffff:a.b.c.d. */
const wide = (address: Address | undefined): Bytes =>
  address === undefined
    ? zeros(16)
    : typeof address === 'number'
      ? join(zeros(10), be16(0xffff), be32(address))
      : addressBytes(address);

export type Mark = 'remote' | 'local' | 'inner' | 'vni';
const MARKS: { readonly [M in Mark]: number } = { remote: 1, local: 2, inner: 4, vni: 8 };

export const portsValue = (
  ports: readonly { readonly kind: TunnelKind; readonly port?: number; readonly by: readonly Mark[] }[],
): Bytes => {
  const used = ports.map(({ kind, port = PORTS[kind], by }) =>
    join(
      be16(port),
      Uint8Array.of(
        KINDS[kind],
        by.reduce((bits, mark) => bits + MARKS[mark], 0),
        0,
      ),
      zeros(3),
    ),
  );
  return join(...used, zeros(8 * (4 - used.length)));
};

export interface SlotFields {
  readonly kind: TunnelKind;
  readonly placeholder: number;
  /** Reserved where there is none. */
  readonly vni?: number;
  readonly inside?: readonly Address[];
  readonly outside?: readonly Address[];
}

export interface TunnelEntry {
  readonly key: Bytes;
  readonly value: Bytes;
}

export function slotEntry({ kind, placeholder, vni, inside = [], outside = [] }: SlotFields): TunnelEntry {
  const of = (addresses: readonly Address[], type: 'number' | 'bigint'): Bytes => {
    const found = addresses.find((address) => typeof address === type);
    return found === undefined ? zeros(type === 'number' ? 4 : 16) : addressBytes(found);
  };
  const flags = inside.reduce<number>((bits, address) => bits | (typeof address === 'number' ? 1 : 2), 0);
  return {
    key: join(be16(PORTS[kind]), u16(1), u32(placeholder), zeros(48)),
    value: join(
      ...[
        u32(vni ?? 0),
        u32(placeholder),
        Uint8Array.of(vni === undefined ? 1 : 2, flags),
        zeros(6),
        zeros(8),
      ],
      ...[of(inside, 'number'), of(outside, 'number'), of(inside, 'bigint'), of(outside, 'bigint')],
      zeros(32 + 32),
    ),
  };
}

export function indexEntry(
  { kind, placeholder }: SlotFields,
  marks: {
    readonly vni?: number;
    readonly remote?: Address;
    readonly local?: Address;
    readonly inner?: Address;
  },
): TunnelEntry {
  const { vni = 0, remote, local, inner } = marks;
  return {
    key: join(be16(PORTS[kind]), u16(2), u32(vni), wide(remote), wide(local), wide(inner)),
    value: join(zeros(4), u32(placeholder), Uint8Array.of(3), zeros(128 - 9)),
  };
}

/** Where the counters stand: packets and bytes, outbound before inbound. */
export const COUNTERS_AT = 96;
