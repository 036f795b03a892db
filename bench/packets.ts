// The packets both datapaths are run on, built by hand so that they are the same in every run.

import { addressBytes } from '../test/support/twin.ts';

export const INSIDE = '10.0.0.5';
export const OUTSIDE = '203.0.113.5';
/** Another mapped outside, to whom insides speak. */
export const NEIGHBOUR = '203.0.113.77';
const REMOTE = '192.0.2.2';
const STRANGER = '10.9.9.9';

/** IEEE 802.1Q, VLAN 100. */
const TAG = '81000064';

const ICMP = 1;
const TCP = 6;
const UDP = 17;

function sum(bytes: Uint8Array, start: number = 0): number {
  let total = start;
  for (let at = 0; at < bytes.length; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

interface Shape {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly payload: Buffer;
  readonly fragment?: number;
}

function ipv4({ source, destination, protocol, payload, fragment = 0 }: Shape): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(20 + payload.length, 2);
  header.writeUInt16BE(0x1234, 4);
  header.writeUInt16BE(fragment, 6);
  header.writeUInt8(64, 8);
  header.writeUInt8(protocol, 9);
  header.set(addressBytes(source), 12);
  header.set(addressBytes(destination), 16);
  header.writeUInt16BE(~sum(header) & 0xffff, 10);
  return Buffer.concat([header, payload]);
}

function frame(packet: Buffer, tags: string = ''): Buffer {
  return Buffer.concat([Buffer.from(`020000000001020000000002${tags}0800`, 'hex'), packet]);
}

/** A TCP, UDP or ICMP message with its checksum where the protocol has it. */
function message(source: string, destination: string, protocol: number, size: number): Buffer {
  const header = protocol === TCP ? 20 : 8;
  const check = protocol === TCP ? 16 : protocol === UDP ? 6 : 2;
  const bytes = Buffer.alloc(header + size, 0x5a);
  bytes.fill(0, 0, header);
  if (protocol === ICMP) bytes.writeUInt8(8, 0);
  else bytes.writeUInt32BE(0x1388_0035, 0);
  if (protocol === TCP) bytes.writeUInt8(0x50, 12);
  if (protocol === UDP) bytes.writeUInt16BE(bytes.length, 4);
  const pseudo = Buffer.from([
    ...addressBytes(source),
    ...addressBytes(destination),
    ...[0, protocol, bytes.length >> 8, bytes.length & 0xff],
  ]);
  bytes.writeUInt16BE(~sum(bytes, protocol === ICMP ? 0 : sum(pseudo)) & 0xffff, check);
  return bytes;
}

export interface Named {
  readonly name: string;
  readonly egress: Buffer;
  /** Undefined for what only leaves. */
  readonly ingress?: Buffer;
}

/** A TCP segment of 64 bytes. */
export const segment = (source: string, destination: string, tags?: string): Buffer =>
  frame(ipv4({ source, destination, protocol: TCP, payload: message(source, destination, TCP, 24) }), tags);

/** Names of the packets with, for each direction, the frame. */
export function packets(): readonly Named[] {
  const plain = (name: string, protocol: number, size: number) => {
    const build = (source: string, destination: string) =>
      frame(ipv4({ source, destination, protocol, payload: message(source, destination, protocol, size) }));
    return { name, egress: build(INSIDE, REMOTE), ingress: build(REMOTE, OUTSIDE) };
  };
  const later = (source: string, destination: string) =>
    frame(ipv4({ source, destination, protocol: UDP, payload: Buffer.alloc(1_000, 7), fragment: 0x00b9 }));
  const error = (source: string, destination: string, quoted: readonly [string, string]) => {
    const quote = ipv4({
      source: quoted[0],
      destination: quoted[1],
      protocol: UDP,
      payload: message(quoted[0], quoted[1], UDP, 64),
    });
    const body = Buffer.concat([Buffer.from([3, 3, 0, 0, 0, 0, 0, 0]), quote]);
    body.writeUInt16BE(~sum(body) & 0xffff, 2);
    return frame(ipv4({ source, destination, protocol: ICMP, payload: body }));
  };
  const udp = (source: string, destination: string) =>
    frame(ipv4({ source, destination, protocol: UDP, payload: message(source, destination, UDP, 64) }));
  return [
    plain('TCP, 64 bytes', TCP, 24),
    { name: 'TCP, VLAN', egress: segment(INSIDE, REMOTE, TAG), ingress: segment(REMOTE, OUTSIDE, TAG) },
    { name: 'TCP, hairpin', egress: segment(INSIDE, NEIGHBOUR) },
    plain('TCP, 1,500 bytes', TCP, 1_460),
    plain('UDP, 64 bytes', UDP, 36),
    plain('ICMP echo', ICMP, 56),
    { name: 'later fragment', egress: later(INSIDE, REMOTE), ingress: later(REMOTE, OUTSIDE) },
    {
      name: 'ICMP error quoting UDP',
      egress: error(INSIDE, REMOTE, [REMOTE, INSIDE]),
      ingress: error(REMOTE, OUTSIDE, [OUTSIDE, REMOTE]),
    },
    { name: 'not mapped', egress: udp(STRANGER, REMOTE), ingress: udp(REMOTE, STRANGER) },
  ];
}
