// What lies behind the IP headers: where the transport's checksum stands, and the port or query identifier that says
// which mapping a packet belongs to.

import type { Condition, Expression, Input, Value, Variable } from '../../asm/index.ts';
import { PLAIN, PSEUDO, PSEUDO_OR_NONE, sized } from './checksum.ts';
import {
  half,
  ICMP_CHECK,
  ICMP_ERRORS,
  ICMP_ID,
  ICMP_QUERIES,
  ICMPV6_ERRORS,
  ICMPV6_QUERIES,
  IPPROTO_DCCP,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  icmphdr,
} from './headers.ts';
import type { IpPacket } from './ip-packet.ts';
import type { Path } from './path.ts';
import { addressBits, byAddress, type IpVersion, marker, type Tail } from './tables.ts';

/** The words of an address. */
const wordsIn = (version: IpVersion): number => addressBits(version) / 32;

/** A packet behind its IP headers. */
export interface Payload {
  readonly version: IpVersion;
  readonly protocol: Expression<'u8' | 'u32'>;
  /** Where it starts, in bytes from the start of the frame, and the most that can be. */
  readonly at: Value<'u32'>;
  readonly atMost: number;
  /** Where the IP packet ends. */
  readonly end: Value<'u32'>;
}

interface Protocol {
  readonly number: number;
  /** The least a header has, in bytes. */
  readonly header: number;
  /** Where the checksum stands. */
  readonly check: number;
  readonly checksum: number;
  readonly hasPorts: boolean;
}

/** Transports whose checksum covers the addresses; likeliest first. */
export const PROTOCOLS: readonly Protocol[] = [
  { number: IPPROTO_TCP, header: 20, check: 16, checksum: PSEUDO, hasPorts: true },
  { number: IPPROTO_UDP, header: 8, check: 6, checksum: PSEUDO_OR_NONE, hasPorts: true },
  // RFC 3828: whatever it covers, the pseudo-header is part of it.
  { number: IPPROTO_UDPLITE, header: 8, check: 6, checksum: PSEUDO_OR_NONE, hasPorts: true },
  // RFC 4340, section 5.1.
  { number: IPPROTO_DCCP, header: 12, check: 6, checksum: PSEUDO, hasPorts: false },
];

/** What a family's ICMP is. */
export interface Icmp {
  readonly number: number;
  readonly errors: readonly number[];
  readonly queries: readonly number[];
  readonly checksum: number;
}

export const icmpOf = (version: IpVersion): Icmp =>
  version === 4
    ? { number: IPPROTO_ICMP, errors: ICMP_ERRORS, queries: ICMP_QUERIES, checksum: PLAIN }
    : { number: IPPROTO_ICMPV6, errors: ICMPV6_ERRORS, queries: ICMPV6_QUERIES, checksum: PSEUDO };

/** The transport of a packet, as far as translating needs it; places are bytes from the start of the frame, 0 for none. */
export interface Transport {
  readonly checkAt: Variable<'u32'>;
  readonly checksum: Variable<'u32'>;
  /** The port or identifier on the side that is translated; undefined where the instance maps none. */
  readonly ports: Ports | undefined;
}

export interface Ports {
  readonly at: Variable<'u32'>;
  /** Of `payload`, from where ports or identifiers may start. */
  readonly atMost: number;
  readonly protocol: Expression<'u8' | 'u32'>;
  /** A fragment whose ports lie in another one. */
  readonly elsewhere: Variable<'u32'>;
}

/** Nothing stands at the very start of a frame. */
export const NOWHERE = 0;

/** The port that is ours in a packet that goes out (its source) or comes in (its destination). */
export const portOffset = (own: 'source' | 'destination'): number => (own === 'source' ? 0 : half.size);

/** No transport as yet. `mapsPorts` says whether the instance asks for ports. */
export function noTransport(
  { p }: Path,
  { version, protocol, atMost }: Payload,
  mapsPorts: boolean,
): Transport {
  return {
    checkAt: p.variable('u32', NOWHERE),
    checksum: p.variable('u32', sized(PSEUDO, wordsIn(version))),
    ports: mapsPorts
      ? {
          at: p.variable('u32', NOWHERE),
          atMost: atMost + Math.max(ICMP_ID, half.size),
          protocol,
          elsewhere: p.variable('u32', 0),
        }
      : undefined,
  };
}

/**
 * Fills in `transport` from the header of the first (or only) fragment. `onIcmp` is asked about ICMP messages, `onUdp`
 * about UDP, `onOther` about protocols whose checksum knows nothing of addresses.
 */
export function readTransport(
  path: Path,
  payload: Payload,
  transport: Transport,
  own: 'source' | 'destination',
  {
    onIcmp,
    onUdp,
    onOther,
  }: {
    readonly onIcmp: (icmp: Icmp) => void;
    readonly onUdp?: () => void;
    readonly onOther: () => void;
  },
): void {
  const { p, leave } = path;
  const { at, end } = payload;
  const icmp = icmpOf(payload.version);
  const take = ({ number, header, check, checksum, hasPorts }: Protocol): void => {
    p.rarely(at.add(header).gt(end), () => leave('malformed'));
    if (number === IPPROTO_UDP) onUdp?.();
    transport.checkAt.set(at.add(check));
    if (checksum !== PSEUDO) transport.checksum.set(sized(checksum, wordsIn(payload.version)));
    if (hasPorts) transport.ports?.at.set(at.add(portOffset(own)));
  };
  const [tcp, udp, ...others] = PROTOCOLS.map((protocol): [Input<'u8'>, () => void] => [
    protocol.number,
    () => take(protocol),
  ]);
  p.match(payload.protocol, [tcp!, udp!, [icmp.number, () => onIcmp(icmp)], ...others], onOther);
}

/** An ICMP message that quotes nothing: its checksum, and its identifier where it has one. */
export function readQuery(
  { p }: Path,
  payload: Payload,
  transport: Transport,
  icmp: Icmp,
  type: Value<'u8'>,
): void {
  const { at } = payload;
  if (icmp.checksum === PSEUDO) transport.checkAt.set(at.add(ICMP_CHECK));
  const { ports } = transport;
  if (ports === undefined) return;
  p.when(isOneOf(type, icmp.queries), () => {
    ports.at.set(at.add(ICMP_ID));
    transport.checkAt.set(at.add(ICMP_CHECK));
    transport.checksum.set(icmp.checksum);
  });
}

/** A quote that has one of them and not the other counts as having none: each end is looked up by one of them. */
const BOTH_PORTS: number = 2 * half.size;

/**
 * Fills in `transport` from a quoted header, as far as the quote reaches: whatever is cut off is left alone, but ports
 * that would say which mapping it is.
 */
export function readQuotedTransport(
  path: Path,
  quote: IpPacket,
  transport: Transport,
  own: 'source' | 'destination',
): void {
  const { p, leave } = path;
  const { payload } = quote;
  const { at, end } = payload;
  const icmp = icmpOf(payload.version);
  const { ports, checkAt, checksum } = transport;
  const place = (where: Variable<'u32'>, offset: number): void => {
    p.when(at.add(offset + half.size).le(end), () => where.set(at.add(offset)));
  };
  const take = (protocol: Protocol): void => {
    checksum.set(protocol.checksum);
    place(checkAt, protocol.check);
    if (!ports || !protocol.hasPorts) return;
    const setPort = (): void => ports.at.set(at.add(portOffset(own)));
    p.when(at.add(BOTH_PORTS).le(end), setPort, () => ports.elsewhere.set(1));
  };
  const takeIcmp = (): void => {
    checksum.set(icmp.checksum);
    if (icmp.checksum === PSEUDO) place(checkAt, ICMP_CHECK);
    if (ports === undefined) return;
    const orElse = (): void => leave('malformed');
    p.when(
      at.add(icmphdr.size).le(end),
      () => {
        const [message] = p.packet.read([icmphdr], { at, atMost: payload.atMost, orElse });
        p.when(isOneOf(message.type.get(), icmp.queries), () => {
          ports.at.set(at.add(ICMP_ID));
          checkAt.set(at.add(ICMP_CHECK));
        });
      },
      () => ports.elsewhere.set(1),
    );
  };
  p.when(
    quote.isLater(),
    () => ports?.elsewhere.set(1),
    () =>
      p.match(payload.protocol, [
        ...PROTOCOLS.map((protocol): [Input<'u8'>, () => void] => [protocol.number, () => take(protocol)]),
        [icmp.number, takeIcmp],
      ]),
  );
}

export const isOneOf = (value: Expression<'u8' | 'u32'>, numbers: readonly number[]): Condition =>
  numbers.map((number) => value.eq(number)).reduce((any, one) => any.or(one));

/** The bytes that tell what an ICMP message is. Leaves where they are cut off. */
export function icmpType({ p, leave }: Path, { at, atMost, end }: Payload): Value<'u8'> {
  const orElse = (): void => leave('malformed');
  p.when(at.add(icmphdr.size).gt(end), orElse);
  const [message] = p.packet.read([icmphdr], { at, atMost, orElse });
  return message.type.get();
}

/** What a packet is looked up by, and its port. */
export interface Keyed {
  readonly tail: Tail;
  readonly port: Value<'be16'> | undefined;
}

/** Reads the port at `ports`. */
export function keyOf({ p, leave }: Path, version: IpVersion, ports: Ports | undefined): Keyed {
  if (ports === undefined) return { tail: byAddress(version), port: undefined };
  const whole = marker(version).prefixLength;
  const prefixLength = p.variable('u32', addressBits(version));
  const port = p.variable('u16', 0);
  const protocol = p.variable('u8', 0);
  p.when(ports.elsewhere.ne(0), () => prefixLength.set(whole));
  p.when(ports.at.ne(NOWHERE), () => {
    const orElse = (): void => leave('malformed');
    const [word] = p.packet.read([half], { at: ports.at, atMost: ports.atMost, orElse });
    port.set(word.value.get().bits());
    prefixLength.set(whole);
    protocol.set(ports.protocol.get().as('u8'));
  });
  return {
    tail: { prefixLength, port: port.get().bits(), protocol },
    port: port.get().bits(),
  };
}

/**
 * What a packet will be looked up by at its other end, once its own has been translated. An identifier is that of both
 * ends: there it is what `shift` has made of it. `own` is the end that `ports` are of.
 */
export function keyOfOther(
  path: Path,
  { version, protocol }: Payload,
  ports: Ports | undefined,
  own: 'source' | 'destination',
  shift: Expression<'u16'> | undefined,
): Tail {
  if (ports === undefined || shift === undefined) return keyOf(path, version, ports).tail;
  const { p } = path;
  const at = p.variable('u32', ports.at);
  const added = p.variable('u16', 0);
  const step = portOffset('destination');
  p.when(ports.at.ne(NOWHERE), () =>
    p.when(
      protocol.eq(icmpOf(version).number),
      () => added.set(shift.get()),
      () => at.set(own === 'source' ? at.add(step) : at.sub(step)),
    ),
  );
  const { tail, port } = keyOf(path, version, { ...ports, at });
  return port === undefined ? tail : { ...tail, port: shifted(port, added.get()) };
}

/** A port after a mapping has moved it. */
export const shifted = (port: Value<'be16'>, shift: Value<'u16'>): Value<'be16'> =>
  port.toHost().add(shift).as('u16').toNetwork();
