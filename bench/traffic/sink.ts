// The receiver: an XDP program that counts the UDP datagrams that arrive on an interface, and those of a translated
// source, and drops all it gets.

import {
  type BytesType,
  be16,
  be32,
  bytes,
  defineMap,
  type MapDefinition,
  type Program,
  program,
  type ScalarType,
  type StructType,
  struct,
  u8,
  u32,
  u64,
} from '../../src/asm/index.ts';
import { attach, BpfMap, loadProgram } from '../../src/loader/index.ts';

type Counter = MapDefinition<ScalarType<'u32'>, ScalarType<'u64'>>;
const arrived: Counter = defineMap({
  name: 'arrived',
  type: 'percpu_array',
  key: u32,
  value: u64,
  maxEntries: 2,
});

const UDP = 17;
/** As far as the source of an IPv4 packet in an Ethernet frame. */
const head: StructType<{
  before: BytesType;
  protocol: ScalarType<'u8'>;
  check: ScalarType<'be16'>;
  source: ScalarType<'be32'>;
}> = struct('sink_head', { before: bytes(23), protocol: u8, check: be16, source: be32 });

/** Of 100.64.0.0/10, where the outsides are. */
const [OUTSIDES, OUTSIDES_MASK] = [0x6440_0000, 0xffc0_0000];
const ALL = 0;
const TRANSLATED = 1;

const counter: Program = program('xdp', 'sink', (p) => {
  const [frame] = p.packet.read([head], { orElse: () => p.drop() });
  p.when(frame.protocol.eq(UDP), () => {
    const count = (index: number): void => {
      const counter = p.lookup(arrived, index, { orElse: () => p.drop() });
      counter.set(counter.add(1));
    };
    count(ALL);
    p.when(frame.source.toHost().and(OUTSIDES_MASK).eq(OUTSIDES), () => count(TRANSLATED));
  });
  p.drop();
});

export class Sink implements Disposable {
  readonly #map: BpfMap<Counter['key'], Counter['value']>;
  readonly #owned: Disposable[];

  /** @param netns path of the namespace. */
  constructor(netns: string, device: string) {
    this.#map = BpfMap.create(arrived);
    const loaded = loadProgram(counter, { arrived: this.#map });
    const { link } = attach({ interface: device, netns, hook: 'xdp', mode: 'native', program: loaded }) as {
      readonly link?: Disposable;
    };
    this.#owned = [this.#map, loaded, ...(link ? [link] : [])];
  }

  /** Datagrams so far. */
  get count(): number {
    return this.#read(ALL);
  }

  /** Those of them that have a translated source. */
  get translated(): number {
    return this.#read(TRANSLATED);
  }

  #read(index: number): number {
    const values = this.#map.raw.get(new Uint8Array(Uint32Array.of(index).buffer))!;
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
    let sum = 0n;
    for (let at = 0; at < values.length; at += 8) sum += view.getBigUint64(at, true);
    return Number(sum);
  }

  [Symbol.dispose](): void {
    for (const one of this.#owned) one[Symbol.dispose]();
  }
}
