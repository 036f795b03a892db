// The traffic generator: an XDP program that writes a whole frame each time it runs and sends it out of an interface,
// driven by the live-frames mode of BPF_PROG_RUN. There a frame comes back as the last receiver left it, so that nothing
// of it may be taken for granted. UDP, since GRO would put TCP segments of one flow together.

import {
  type BytesType,
  be16,
  be32,
  bytes,
  defineGlobal,
  type GlobalData,
  type Program,
  program,
  type ScalarType,
  type StructType,
  struct,
  u32,
} from '../../src/asm/index.ts';
import { BpfMap, type BpfProgram, loadProgram } from '../../src/loader/index.ts';
import { type Bytes, frame, ipv4, UDP, udp } from '../../test/nat/datapath/support/wire.ts';

type U32 = ScalarType<'u32'>;
type Be16 = ScalarType<'be16'>;
type Be32 = ScalarType<'be32'>;

/** What a flood is made of. One of `varied` addresses and ports stands on the near side, the others on the far one. */
export interface Flow {
  /** Bytes of the frame, 60 to 1514. */
  readonly size: number;
  /** The first of the addresses that take turns, and how many: a power of two, up to 2^20. */
  readonly near: number;
  readonly nearCount: number;
  /** The first of the other ends. */
  readonly far: number;
  /** Flows of each near address, a power of two up to 2^31: ports first, then other ends. */
  readonly flows: number;
  /** Whether the near address is the source, as on the way out, or the destination. */
  readonly from: 'near' | 'far';
  /** Of the frame: whom it is for, and from. */
  readonly dest: string;
  readonly source: string;
}

const IPV4_AT = 14;
const CHECK_AT = IPV4_AT + 10;
const UDP_AT = IPV4_AT + 20;
const UDP_CHECK_AT = UDP_AT + 6;
const SERVER_PORT = 9;
/** Ports of the near side: from the first on, a power of two of them. */
const FIRST_PORT = 16_384;
const PORT_BITS = 15;
/** Odd, and nearly the golden section of 2^20: each address comes once before they begin again, far from the last. */
const STEP = 648_055;

/** All headers in one. */
const head: StructType<{
  start: BytesType;
  check: Be16;
  source: Be32;
  destination: Be32;
  sport: Be16;
  dport: Be16;
  length: Be16;
  udpCheck: Be16;
}> = struct('flood_head', {
  start: bytes(CHECK_AT),
  check: be16,
  source: be32,
  destination: be32,
  sport: be16,
  dport: be16,
  length: be16,
  udpCheck: be16,
});

/** Where the generator stands, and what it begins with. Sums are of 16-bit words, not folded. */
const state: StructType<{
  start: BytesType;
  place: U32;
  flow: U32;
  step: U32;
  nearMask: U32;
  flowMask: U32;
  near: U32;
  far: U32;
  ifindex: U32;
  /** Of the IPv4 header without addresses, and of the datagram and its pseudo-header without addresses and near port. */
  headerSum: U32;
  datagramSum: U32;
  length: Be16;
}> = struct('flood_state', {
  start: bytes(CHECK_AT),
  place: u32,
  flow: u32,
  step: u32,
  nearMask: u32,
  flowMask: u32,
  near: u32,
  far: u32,
  ifindex: u32,
  headerSum: u32,
  datagramSum: u32,
  length: be16,
});
const stateData: GlobalData<typeof state> = defineGlobal({ name: 'flood', value: state });

const generator = (from: 'near' | 'far'): Program =>
  program('xdp', `flood_${from}`, (p) => {
    const [frame] = p.packet.read([head], { orElse: () => p.abort() });
    const own = p.data(stateData);
    const place = p.variable('u32', own.place.add(own.step));
    place.set(place.and(own.nearMask));
    own.place.set(place);
    // Once through all addresses, the next flow of each.
    p.when(place.eq(0), () => own.flow.set(own.flow.add(1)));
    const near = place.add(own.near);
    const flow = own.flow.and(own.flowMask);
    const port = flow.and(2 ** PORT_BITS - 1).add(FIRST_PORT);
    const far = flow.shr(PORT_BITS).add(own.far);
    const fold = (sum: typeof near) => {
      const once = sum.and(0xffff).add(sum.shr(16));
      return once.and(0xffff).add(once.shr(16));
    };
    const addresses = near.shr(16).add(near.and(0xffff)).add(far.shr(16)).add(far.and(0xffff));
    frame.start.copyFrom(own.start);
    frame.check.set(fold(addresses.add(own.headerSum)).not().as('u16').toNetwork());
    const [source, destination] = from === 'near' ? [near, far] : [far, near];
    frame.source.set(source.toNetwork());
    frame.destination.set(destination.toNetwork());
    const [sport, dport] = from === 'near' ? [port, undefined] : [undefined, port];
    frame.sport.set((sport ?? p.constant('u32', SERVER_PORT)).as('u16').toNetwork());
    frame.dport.set((dport ?? p.constant('u32', SERVER_PORT)).as('u16').toNetwork());
    frame.length.set(own.length);
    frame.udpCheck.set(fold(addresses.add(port).add(own.datagramSum)).not().as('u16').toNetwork());
    p.redirect(own.ifindex);
  });

const programs: { readonly [F in Flow['from']]: Program } = {
  near: generator('near'),
  far: generator('far'),
};

const macBytes = (mac: string): Uint8Array =>
  Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16));

/** Sum of the 16-bit words of `data` from `from` on; odd ends are filled up with a zero. */
function wordSum(data: Bytes, from: number, to: number = data.length): number {
  let sum = 0;
  for (let at = from; at < to; at += 2) sum += (data[at]! << 8) | (at + 1 < to ? data[at + 1]! : 0);
  return sum;
}

/** A flood in hand: frames go out of one interface of the network namespace in which `send` is called. */
export class Flood implements Disposable {
  readonly #program: BpfProgram;
  readonly #state: BpfMap<U32, typeof state>;
  readonly #frame: Bytes;
  readonly #ifindex: number;

  /** @param ifindex where the frames go out; its peer needs XDP or GRO. */
  constructor(flow: Flow, ifindex: number) {
    const { near, nearCount, far, flows, from, size } = flow;
    for (const count of [nearCount, flows]) {
      if (2 ** Math.round(Math.log2(count)) !== count) throw new RangeError(`${count} is no power of two`);
    }
    const payload = new Uint8Array(size - UDP_AT - 8);
    this.#frame = frame(
      ipv4({ source: 0, destination: 0, protocol: UDP }, udp({ ports: [0, 0], payload })(0, 0)),
    );
    this.#frame.set(macBytes(flow.dest), 0);
    this.#frame.set(macBytes(flow.source), 6);
    const length = size - UDP_AT;
    new DataView(this.#frame.buffer).setUint16(CHECK_AT, 0);
    new DataView(this.#frame.buffer).setUint16(UDP_CHECK_AT, 0);
    this.#ifindex = ifindex;
    this.#state = BpfMap.create(stateData);
    this.#state.set(0, {
      start: this.#frame.slice(0, CHECK_AT),
      place: 0,
      flow: 0,
      step: nearCount === 1 ? 0 : STEP,
      nearMask: nearCount - 1,
      flowMask: flows - 1,
      near,
      far,
      ifindex,
      headerSum: wordSum(this.#frame, IPV4_AT, UDP_AT),
      datagramSum: UDP + length + SERVER_PORT + length + wordSum(this.#frame, UDP_CHECK_AT + 2),
      length,
    });
    this.#program = loadProgram(programs[from], { flood: this.#state });
  }

  /** Sends `count` frames, and returns when they have gone the whole way. */
  send(count: number): void {
    this.#program.runLive({ data: this.#frame, repeat: count, ingressIfindex: this.#ifindex });
  }

  [Symbol.dispose](): void {
    this.#program.close();
    this.#state.close();
  }
}
