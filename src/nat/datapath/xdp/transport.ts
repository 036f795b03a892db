// The transports that XDP translates: TCP, UDP and the queries of ICMP, with complete checksums. A sender on this machine
// leaves a checksum unfinished where a device is to finish it, and says so beside the packet, where XDP cannot see it. But
// what stands there is known, the sum over the pseudo-header (__tcp_v4_send_check and udp_send_skb of the kernel; GRO
// leaves the same): a checksum that equals it is taken for unfinished, and the packet left to TC, which is told.

import {
  be16,
  be32,
  type Condition,
  type Expression,
  type ScalarType,
  type StructType,
  struct,
  u8,
  type Value,
  type Variable,
} from '../../../asm/index.ts';
import { PORT_BITS, PROTOCOL_BITS } from '../../maps.ts';
import { foldOnce, PSEUDO } from '../checksum.ts';
import { half, ICMP_CHECK, ICMP_ID, IPPROTO_TCP, IPPROTO_UDP, icmphdr } from '../headers.ts';
import { addressBits, byAddress, type Tail } from '../tables.ts';
import { type Icmp, icmpOf, isOneOf, portOffset } from '../transport.ts';
import { read } from '../words.ts';
import type { PlainPacket } from './packet.ts';
import type { XdpPath } from './station.ts';

type U8 = ScalarType<'u8'>;
type Be16 = ScalarType<'be16'>;
type Be32 = ScalarType<'be32'>;

/** RFC 9293, section 3.1: TCP without options, 20 bytes. */
const tcphdr: StructType<{
  source: Be16;
  dest: Be16;
  sequence: Be32;
  acknowledgment: Be32;
  offset: U8;
  flags: U8;
  window: Be16;
  check: Be16;
  urgent: Be16;
}> = struct('tcphdr', {
  source: be16,
  dest: be16,
  sequence: be32,
  acknowledgment: be32,
  offset: u8,
  flags: u8,
  window: be16,
  check: be16,
  urgent: be16,
});
const TCP_SYN = 0x02;

/** RFC 768, 8 bytes. */
const udphdr: StructType<{ source: Be16; dest: Be16; length: Be16; check: Be16 }> = struct('udphdr', {
  source: be16,
  dest: be16,
  length: be16,
  check: be16,
});

/** All of it in variables: one for the three transports. */
export interface PlainTransport {
  /** Ports, or an identifier in the place of both. */
  readonly source: Variable<'u16'>;
  readonly dest: Variable<'u16'>;
  /** Not zero where these are ports, which routing may go by. */
  readonly hasPorts: Variable<'u32'>;
  /** Where ports or the identifier stand, from the start of the frame on, and the checksum. */
  readonly sourceAt: Variable<'u32'>;
  readonly destAt: Variable<'u32'>;
  readonly checkAt: Variable<'u32'>;
  /** Not zero where the checksum covers the addresses. */
  readonly covers: Variable<'u32'>;
  /** What is written for a checksum of zero. */
  readonly zero: Variable<'u16'>;
}

/** Reads the transport header. Leaves for what XDP does not translate. `clampsMss` leaves what announces a segment size. */
export function readPlainTransport(path: XdpPath, packet: PlainPacket, clampsMss: boolean): PlainTransport {
  const { p } = path;
  const { at, payloadLength } = packet;
  const pass = (): void => p.pass();
  const transport: PlainTransport = {
    source: p.variable('u16', 0),
    dest: p.variable('u16', 0),
    hasPorts: p.variable('u32', 1),
    sourceAt: p.variable('u32', at + portOffset('source')),
    destAt: p.variable('u32', at + portOffset('destination')),
    checkAt: p.variable('u32', at + tcphdr.offsets.check),
    covers: p.variable('u32', 1),
    zero: p.variable('u16', 0),
  };
  const take = ({
    source,
    dest,
    check,
  }: { [N in 'source' | 'dest' | 'check']: Expression<'be16'> }): void => {
    p.rarely(isUnfinished(packet, check.get()), pass);
    transport.source.set(source.get().bits());
    transport.dest.set(dest.get().bits());
  };
  const takeTcp = (): void => {
    p.rarely(payloadLength.lt(tcphdr.size), pass);
    const [tcp] = p.packet.read([tcphdr], { at, orElse: pass });
    if (clampsMss) p.rarely(tcp.flags.and(TCP_SYN).ne(0), pass);
    take(tcp);
  };
  const takeUdp = (): void => {
    p.rarely(payloadLength.lt(udphdr.size), pass);
    const [udp] = p.packet.read([udphdr], { at, orElse: pass });
    // Tunnels have none, and what they carry may be what is unfinished.
    p.rarely(udp.check.eq(0), pass);
    take(udp);
    transport.checkAt.set(at + udphdr.offsets.check);
    transport.zero.set(0xffff);
  };
  const icmp = icmpOf(packet.version);
  p.match(
    packet.protocol,
    [
      [IPPROTO_TCP, takeTcp],
      [IPPROTO_UDP, takeUdp],
      [icmp.number, () => takeQuery(path, packet, transport, icmp)],
    ],
    pass,
  );
  return transport;
}

function takeQuery(
  { p }: XdpPath,
  { at, payloadLength }: PlainPacket,
  transport: PlainTransport,
  icmp: Icmp,
): void {
  const pass = (): void => p.pass();
  p.rarely(payloadLength.lt(icmphdr.size), pass);
  const [message] = p.packet.read([icmphdr], { at, orElse: pass });
  p.rarely(isOneOf(message.type, icmp.queries).not(), pass);
  const [id] = p.packet.read([half], { at: at + ICMP_ID, orElse: pass });
  transport.source.set(id.value.get().bits());
  transport.dest.set(id.value.get().bits());
  transport.hasPorts.set(0);
  transport.sourceAt.set(at + ICMP_ID);
  transport.destAt.set(at + ICMP_ID);
  transport.checkAt.set(at + ICMP_CHECK);
  if (icmp.checksum !== PSEUDO) transport.covers.set(0);
}

/** Whether a checksum is the sum over the pseudo-header and no more (RFC 9293, section 3.1; RFC 8200, section 8.1). */
function isUnfinished(
  { source, destination, protocol, payloadLength }: PlainPacket,
  check: Value<'be16'>,
): Condition {
  const words = [...read(source), ...read(destination), protocol.add(payloadLength).toNetwork()];
  const sum = words.map((word) => word.bits().as('u64')).reduce((all, word) => all.add(word));
  return foldOnce(foldOnce(foldOnce(sum))).eq(check.bits());
}

/** What the packet is looked up by, with the ports or identifier of one of its ends. */
export function tailOf({ version, protocol }: PlainPacket, port: Variable<'u16'>, hasPorts: boolean): Tail {
  if (!hasPorts) return byAddress(version);
  return {
    prefixLength: addressBits(version) + PORT_BITS + PROTOCOL_BITS,
    port: port.get().bits(),
    protocol,
  };
}
