// Frames that a router forwards, for the mappings of a peer.

import fc, { type Arbitrary } from 'fast-check';
import { damage, spoil } from '../../datapath/support/arbitrary/damage.ts';
import { type BuildError, error } from '../../datapath/support/arbitrary/errors.ts';
import { type Build, type End, piece, whole } from '../../datapath/support/arbitrary/packets.ts';
import { endFor } from '../../datapath/support/arbitrary/scenario.ts';
import { ip6 } from '../../datapath/support/reference/mappings.ts';
import { mac } from '../../datapath/support/shapes.ts';
import { frame, ip4, join } from '../../datapath/support/wire.ts';
import type { Peer } from './peers.ts';
import { MACS, type Sent } from './router.ts';

const PEERS4 = ip4('198.19.0.0');
const PEERS6 = ip6('2001:db8:cccc::');

/** Somebody outside, in no mapping. */
const stranger = (family: 4 | 6): Arbitrary<End> =>
  fc.record({
    address:
      family === 4
        ? fc.nat(0xffff).map((host) => PEERS4 + host)
        : fc.bigInt(0n, (1n << 80n) - 1n).map((host) => PEERS6 | host),
    port: fc.nat(0xffff),
  });

/** `count` frames of both directions, from and to the ends of the peer's mappings. */
export function framesFor({ family, mappings, stateful }: Peer, count: number, seed: number): Sent[] {
  // Connections are only followed where the first packet of one is sound.
  const builds: Arbitrary<Build | BuildError>[] = stateful
    ? [whole(family)]
    : [whole(family), whole(family), piece(family)];
  const packet = fc.oneof(...builds) as Arbitrary<Build>;
  const about = fc.record({
    direction: fc.constantFrom('outbound' as const, 'inbound' as const),
    inside: endFor(family, mappings, 'inside', 0),
    outside: endFor(family, mappings, 'outside', 0),
    peer: stranger(family),
    packet,
    error: error(family),
    isError: fc.nat(4).map((one) => one === 0),
    harm: stateful
      ? fc.constant(null)
      : fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: damage }),
  });
  return fc.sample(about, { numRuns: count, seed }).map((one) => {
    const { direction, peer } = one;
    const out = direction === 'outbound';
    const own = out ? one.inside : one.outside;
    const ends = out ? ([own, peer] as const) : ([peer, own] as const);
    const bytes =
      one.isError && !stateful
        ? one.error(...ends, ...(out ? ([peer, own] as const) : ([own, peer] as const)), own.port)
        : one.packet(...ends, own.port);
    const macs = out ? MACS.inside : MACS.outside;
    const addressed = join(mac(macs.router), mac(macs.station), frame(bytes).subarray(12));
    const frameOf =
      one.harm === null
        ? addressed
        : join(addressed.subarray(0, 14), spoil(addressed, one.harm).subarray(14));
    return { direction, frame: frameOf };
  });
}
