// Golden packets of tunnels: what a tunnel slot sends and what comes for it, and what has to come of them. Its underlay
// addresses and inner ones are never on a wire, and its VNIs are such as no slot has.

import type { Address, Family } from '../address.ts';
import { DIRECTIONS, type Direction } from '../reason.ts';
import { innerByFamily, type TunnelSlot } from '../tunnel-entries.ts';
import type { TunnelKind } from '../tunnel-layout.ts';
import { be32, type Ends, frameOf, join, type Transport } from './frame.ts';

export interface GoldenTunnelPacket {
  readonly direction: Direction;
  readonly kind: TunnelKind;
  /** Of the outer header, and what the tunnel carries. */
  readonly family: Family;
  readonly inner: `IPv${Family} ${Transport}`;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** In 0.0.0.0/8 and ::ffff:0:0/96, which a slot has as one and the same: see unusable.ts. */
const REMOTE: { readonly [F in Family]: Address } = { 4: 0x0051_0721, 6: 0xffff_0051_0721n };
const LOCAL: { readonly [F in Family]: Address } = { 4: 0x0051_0722, 6: 0xffff_0051_0722n };
/** Inner addresses: the slot's own, what the other end knows them by, and the other end's. */
const INSIDE: { readonly [F in Family]: Address } = { 4: 0x0051_0723, 6: 0xffff_0051_0723n };
const OUTSIDE: { readonly [F in Family]: Address } = { 4: 0x0051_0724, 6: 0xffff_0051_0724n };
const PEER: { readonly [F in Family]: Address } = {
  4: 0xc633_6401,
  6: 0x2001_0db8_ffff_0000_0000_0000_0000_0001n,
};

const FAMILIES: readonly Family[] = [4, 6];
const TRANSPORTS: readonly Transport[] = ['tcp', 'udp', 'echo'];
const PORT = 40_000;
const REMOTE_PORT = 53;
const MSS = 1400;
const VNI_SHIFT = 8;
/** The header of each kind but its VNI: RFC 7348, section 5, and RFC 8926, section 3.4, with an option of 8 bytes. */
const HEADERS: { readonly [K in TunnelKind]: { readonly first: Uint8Array; readonly options: Uint8Array } } =
  {
    vxlan: { first: Uint8Array.of(0x08, 0, 0, 0), options: new Uint8Array() },
    geneve: { first: Uint8Array.of(2, 0, 0x65, 0x58), options: Uint8Array.of(0xff, 0xff, 1, 1, 1, 2, 3, 4) },
  };

/** Whether a slot is one of a self-test, which nobody else is to see. */
export const isGoldenTunnel = ({ remote }: Pick<TunnelSlot, 'remote'>): boolean => remote === REMOTE[4];

export interface GoldenTunnel {
  readonly kind: TunnelKind;
  readonly port: number;
  readonly placeholder: number;
  readonly vni: number;
  /** Whether the programs know inner addresses. */
  readonly hasInner: boolean;
}

export function goldenTunnelSlot({ port, placeholder, vni, hasInner }: GoldenTunnel): TunnelSlot {
  const of = (addresses: typeof INSIDE) =>
    innerByFamily(hasInner ? FAMILIES.map((each) => addresses[each]) : []);
  return {
    ...{ port, placeholder, vni, since: 0n },
    ...{ remote: REMOTE[4], local: LOCAL[4], inside: of(INSIDE), outside: of(OUTSIDE) },
  };
}

/** @param families of the outer header */
export function goldenTunnelPackets(
  tunnel: GoldenTunnel,
  families: readonly Family[],
  link: 'ethernet' | 'none',
): GoldenTunnelPacket[] {
  return families.flatMap((family) =>
    FAMILIES.flatMap((inner) =>
      TRANSPORTS.flatMap((transport) =>
        DIRECTIONS.map((direction): GoldenTunnelPacket => {
          // One of three, so that both are tried in each family and direction.
          const unsummed = transport === 'udp' && family === 4;
          const slotHas = (address: Address): Uint8Array => innerFrame(direction, transport, inner, address);
          const [from, to] = tunnel.hasInner
            ? [INSIDE[inner], OUTSIDE[inner]]
            : [INSIDE[inner], INSIDE[inner]];
          const own = outerFrame(
            direction,
            family,
            { ...tunnel, link, unsummed },
            tunnel.placeholder,
            slotHas(from),
          );
          const real = outerFrame(direction, family, { ...tunnel, link, unsummed }, tunnel.vni, slotHas(to));
          const [before, after] = direction === 'outbound' ? [own, real] : [real, own];
          return { direction, kind: tunnel.kind, family, inner: `IPv${inner} ${transport}`, before, after };
        }),
      ),
    ),
  );
}

function outerFrame(
  direction: Direction,
  family: Family,
  {
    kind,
    port,
    link,
    unsummed,
  }: Pick<GoldenTunnel, 'kind' | 'port'> & {
    readonly link: 'ethernet' | 'none';
    readonly unsummed: boolean;
  },
  vni: number,
  inner: Uint8Array,
): Uint8Array {
  const [source, destination] =
    direction === 'outbound' ? [LOCAL[family], REMOTE[family]] : [REMOTE[family], LOCAL[family]];
  const { first, options } = HEADERS[kind];
  const payload = join(first, be32(vni * 2 ** VNI_SHIFT), options, inner);
  return frameOf(
    'udp',
    { source, destination, sport: PORT, dport: port },
    { link, mss: MSS, payload, unsummed },
  );
}

/** @param own what the slot's inner address is there */
function innerFrame(direction: Direction, transport: Transport, family: Family, own: Address): Uint8Array {
  const peer = PEER[family];
  const ends: Ends =
    direction === 'outbound'
      ? { source: own, destination: peer, sport: PORT, dport: REMOTE_PORT }
      : { source: peer, destination: own, sport: REMOTE_PORT, dport: PORT };
  return frameOf(transport, ends, { link: 'ethernet', mss: MSS });
}
