// ICMP errors of the underlay about packets of tunnel slots (RFC 792, RFC 4443): the host that has the tunnel looks for the
// VNI that is quoted (vxlan_err_lookup of drivers/net/vxlan/vxlan_core.c), to learn the path MTU for one, and it knows the
// placeholder. What it sends itself about a packet of a slot quotes the placeholder, which nobody out there knows.

import { TUNNEL_STATES } from '../../tunnel-layout.ts';
import { difference, halfDifference, replaceCovered, updatedChecksum } from '../checksum.ts';
import { ICMP_CHECK, IPPROTO_UDP } from '../headers.ts';
import type { IpPacket } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import { type KeyMemory, knownPort, setIndexKey, setSlotKey, type TunnelRecord } from './find.ts';
import { tunnelhdr, udphdr, VNI_REST, VNI_SHIFT } from './headers.ts';

/** Rewrites the quoted VNI and lets the error go on, where `quote` is of a bound slot; else does nothing. */
export function rewriteQuotedVni(path: TcPath, packet: IpPacket, quote: IpPacket, key: KeyMemory): void {
  const { p, maps, direction, leave } = path;
  const { protocol, at, atMost, end } = quote.payload;
  const isWhole = at.add(udphdr.size + tunnelhdr.size).le(end);
  p.when(protocol.eq(IPPROTO_UDP).and(quote.isLater().not()).and(isWhole), () => {
    const orElse = (): void => leave('malformed');
    const [udp, tunnel] = p.packet.read([udphdr, tunnelhdr], { at, atMost, orElse });
    const port = udp.dest.get();
    const known = knownPort(path, port);
    p.when(known.kind.ne(0), () => {
      const word = tunnel.vni.get();
      const vni = word.toHost().shr(VNI_SHIFT);
      const write = (record: TunnelRecord): void => {
        const written = direction === 'outbound' ? record.vni : record.placeholder;
        const after = written.shl(VNI_SHIFT).or(word.toHost().and(VNI_REST)).toNetwork();
        const changed = difference([word], [after]);
        tunnel.vni.set(after);
        const check = udp.check.get();
        const change = p.variable('u64', changed);
        p.when(check.ne(0), () => {
          const now = updatedChecksum(check, changed);
          udp.check.set(now);
          change.set(change.add(halfDifference(check, now)));
        });
        const result = replaceCovered(p, packet.payload.at.add(ICMP_CHECK), change.get());
        p.rarely(result.isNegative(), () => leave('helper_failed'));
        p.next();
      };
      key.view.port.set(port);
      if (direction === 'outbound') {
        setSlotKey(key, vni);
        const entry = p.lookupAt(maps.tunnels, key.address);
        p.when(entry.exists(), () =>
          p.when(entry.value.state.eq(TUNNEL_STATES.bound), () => write(entry.value)),
        );
        return;
      }
      // What is quoted went the other way.
      const turned = { source: quote.destination, destination: quote.source, payload: quote.payload };
      setIndexKey(path, turned, key, { vni, tunnel, ...known }, 'source');
      const index = p.lookupAt(maps.tunnels, key.address);
      p.when(index.exists(), () => {
        setSlotKey(key, index.value.placeholder.get());
        const entry = p.lookupAt(maps.tunnels, key.address);
        p.when(entry.exists(), () => {
          const isBound = entry.value.state.eq(TUNNEL_STATES.bound);
          p.when(isBound.and(entry.value.vni.eq(vni)), () => write(entry.value));
        });
      });
    });
  });
}
