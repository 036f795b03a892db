// The NAT programs on packets whose checksum is not simply there: begun by the sender and left to the device (partial),
// or summed up by the device on the way in (complete). What they must be afterwards is worked out from scratch.

import test, { type ExecutionContext } from 'ava';
import { encode, type Program } from '../../src/asm/index.ts';
import { datapath } from '../../src/nat/datapath/index.ts';
import { addressRecord } from '../../src/nat/maps.ts';
import { createMap, type RunResult, Vm } from '../../src/vm/index.ts';
import {
  be16,
  be32,
  bytes,
  ETHERNET,
  frame,
  ICMP,
  icmp,
  ip4,
  ipv4,
  onesSum,
  patch,
  pseudoHeader,
  read16,
  TCP,
  tcp,
  UDP,
  udp,
} from '../nat/datapath/support/wire.ts';

const INSIDE = ip4('10.0.0.5');
const OUTSIDE = ip4('203.0.113.5');
const REMOTE = ip4('198.51.100.7');
const { outbound, inbound, maps } = datapath({ unmapped: 'pass', capacity: 4 });
const record = (address: number): Uint8Array =>
  encode(addressRecord, { address, reserved: 0, packets: 0n, bytes: 0n });

function translate(
  program: Program,
  packet: Uint8Array,
  checksum: NonNullable<Parameters<Vm['run']>[0]['skb']>['checksum'],
): RunResult {
  const table = createMap(maps.outbound);
  const back = createMap(maps.inbound);
  table.set(be32(INSIDE), record(OUTSIDE));
  back.set(be32(OUTSIDE), record(INSIDE));
  const vm = new Vm(program, { maps: { [maps.outbound.name]: table, [maps.inbound.name]: back } });
  return vm.run({ packet, skb: { ...(checksum && { checksum }) } });
}

const CHECK = { [TCP]: 16, [UDP]: 6 } as const;
const HEADER = ETHERNET + 20;
/** 16 bits in network byte order, as the machine has them in a sum. */
const native = (sum: number): number => new DataView(be16(sum).buffer).getUint16(0, true);
const folded = (sum: number): number => {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
};

/** A datagram as a sender leaves it that has its device finish the checksum. */
function partial(protocol: typeof TCP | typeof UDP, source: number, destination: number): Uint8Array {
  const segment = (protocol === TCP ? tcp() : udp())(source, destination);
  const sum = onesSum(pseudoHeader(source, destination, protocol, segment.length));
  return frame(ipv4({ source, destination, protocol }, patch(segment, CHECK[protocol], be16(sum))));
}

const directions = [
  { program: outbound, before: [INSIDE, REMOTE], after: [OUTSIDE, REMOTE] },
  { program: inbound, before: [REMOTE, OUTSIDE], after: [REMOTE, INSIDE] },
] as const;

for (const protocol of [TCP, UDP] as const) {
  test(`a partial checksum stays the pseudo-header's sum, protocol ${protocol}`, (t) => {
    for (const { program, before, after } of directions) {
      const state = { state: 'partial', start: HEADER, offset: CHECK[protocol] } as const;
      const result = translate(program, partial(protocol, ...before), state);
      t.deepEqual(result.packet, partial(protocol, ...after));
    }
  });
}

/** The sum over everything behind the link-layer header, as a device reports it. */
const deviceSum = (packet: Uint8Array): number => native(onesSum(packet.subarray(ETHERNET)));

function staysComplete(t: ExecutionContext, program: Program, packet: Uint8Array, what: string): void {
  const result = translate(program, packet, { state: 'complete', sum: deviceSum(packet) });
  t.notDeepEqual(result.packet, packet, what);
  t.is(result.checksum?.state, 'complete');
  // Zero and all ones are the same number.
  t.is(folded(result.checksum?.sum ?? 0) % 0xffff, deviceSum(result.packet) % 0xffff, what);
}

test('a complete checksum is that of the packet as it is afterwards', (t) => {
  for (const { program, before } of directions) {
    const [source, destination] = before;
    const packets = {
      tcp: [TCP, tcp()(source, destination)],
      'tcp of an odd length': [TCP, tcp({ payload: bytes(10) })(source, destination)],
      udp: [UDP, udp()(source, destination)],
      'udp without a checksum': [UDP, udp({ checksum: 'none' })(source, destination)],
      'icmp echo': [ICMP, icmp(8, 0, be32(1), bytes(8))],
      other: [47, bytes(21)],
    } as const;
    for (const [what, [protocol, payload]] of Object.entries(packets)) {
      staysComplete(t, program, frame(ipv4({ source, destination, protocol }, payload)), what);
    }
  }
});

test('the checksums of the packets above are what they seem', (t) => {
  const packet = partial(TCP, INSIDE, REMOTE);
  t.is(onesSum(pseudoHeader(INSIDE, REMOTE, TCP, packet.length - HEADER)), read16(packet, HEADER + 16));
});
