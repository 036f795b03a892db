// Packets from many hosts in turn. A test run hands a program the same packet over and over, which leaves everything it
// touches in the processor's caches; so a driver stands in front, which writes another source address into the packet
// each time. The addresses come in steps that are far from each other, and each one comes once before they begin again:
// what a look-up brings into a cache helps no other.

import {
  type BytesType,
  be16,
  be32,
  bytes,
  defineGlobal,
  defineMap,
  type GlobalData,
  type MapDefinition,
  type PacketBuilder,
  type Program,
  program,
  type ScalarType,
  type StructType,
  struct,
  u8,
  u32,
} from '../src/asm/index.ts';
import { BpfMap, type BpfProgram, loadProgram, RawMap } from '../src/loader/index.ts';
import { type Bytes, frame, ip4, ipv4, TCP, tcp } from '../test/nat/datapath/support/wire.ts';

/** 1,048,576 addresses from 10.0.0.0 on. */
export const BITS = 20;
export const MANY: number = 2 ** BITS;
export const INSIDES: number = ip4('10.0.0.0');
export const REMOTE: number = ip4('192.0.2.2');
/** Odd, so that it meets every address; nearly the golden section of them. */
const STEP = 648_055;
const XDP_PASS = 2;
const TTL = 64;
const IPV4_CHECK = 14 + 10;

type U32 = ScalarType<'u32'>;
/** What the driver and the way through a router change in a frame. */
const head: StructType<{
  dest: BytesType;
  before: BytesType;
  id: ScalarType<'be16'>;
  fragOff: ScalarType<'be16'>;
  ttl: ScalarType<'u8'>;
  protocol: ScalarType<'u8'>;
  check: ScalarType<'be16'>;
  source: ScalarType<'be32'>;
}> = struct('head', {
  dest: bytes(6),
  before: bytes(12),
  id: be16,
  fragOff: be16,
  ttl: u8,
  protocol: u8,
  check: be16,
  source: be32,
});

/** Where the driver stands: the next source is INSIDES + (`place` & `mask`). And what a frame has at first. */
const position: StructType<{ place: U32; step: U32; mask: U32; dest: BytesType; check: ScalarType<'be16'> }> =
  struct('position', { place: u32, step: u32, mask: u32, dest: bytes(6), check: be16 });
const positionData: GlobalData<typeof position> = defineGlobal({ name: 'position', value: position });
const target: MapDefinition<U32, U32> = defineMap({
  name: 'target',
  type: 'prog_array',
  key: u32,
  value: u32,
  maxEntries: 1,
});

/** Which sources a driver goes through. */
export interface Walk {
  readonly step: number;
  readonly mask: number;
}
export const ONE: Walk = { step: 0, mask: 0 };
/** All, or 2 ^ `bits` of them that lie evenly among all. */
export const walkOf = (bits: number): Walk => ({
  step: (STEP * 2 ** (BITS - bits)) >>> 0,
  mask: MANY - 2 ** (BITS - bits),
});

/** The packet that the driver changes. Its header checksum is right for each source: to the sum, 0xffff is zero. */
export const packet: Bytes = frame(
  ipv4({ source: 0, destination: REMOTE, protocol: TCP, ttl: TTL, id: 0xffff }, tcp()(INSIDES, REMOTE)),
);

/** Writes the next source into a frame, and what its last way has changed back to what it was. */
function walk(p: PacketBuilder): void {
  const [frame] = p.packet.read([head], { orElse: () => p.exit(0) });
  const own = p.data(positionData);
  const place = own.place.add(own.step);
  own.place.set(place);
  const address = place.and(own.mask).add(INSIDES);
  frame.source.set(address.toNetwork());
  // The identification takes up what the address adds to the sum over the header (RFC 1624).
  const sum = address.shr(16).add(address.and(0xffff));
  frame.id.set(sum.and(0xffff).add(sum.shr(16)).not().as('u16').toNetwork());
  frame.dest.copyFrom(own.dest);
  frame.ttl.set(TTL);
  frame.check.set(own.check);
}

/** Goes on in the program that is put into `target`. */
const caller: Program = program('sched_cls', 'driver', (p) => {
  walk(p);
  p.tailCall(target, 0);
  p.next();
});
/** Hands its packets to the kernel. */
const feeder: Program = program('xdp', 'feeder', (p) => {
  walk(p);
  p.exit(XDP_PASS);
});

function at({ step, mask }: Walk): BpfMap<ScalarType<'u32'>, typeof position> {
  const map = BpfMap.create(positionData);
  const check = new DataView(packet.buffer).getUint16(IPV4_CHECK);
  map.set(0, { place: 0, step, mask, dest: packet.slice(0, 6), check });
  return map;
}

/** A driver in front of `next`, or of nothing. */
export function driverOf(where: Walk, next: BpfProgram | undefined): BpfProgram {
  const jump = RawMap.create(target);
  const loaded = loadProgram(caller, { position: at(where), target: jump });
  if (next) jump.set(new Uint8Array(4), new Uint8Array(Uint32Array.of(next.fd).buffer));
  return loaded;
}

export const feederOf = (where: Walk): BpfProgram => loadProgram(feeder, { position: at(where) });
