// Test runs with a context in fields instead of bytes: `struct __sk_buff` of TC programs, `struct xdp_md` of XDP programs
// (net/bpf/test_run.c says which fields may be set).

import { decode, encode, skBuff, type ValueOf, xdpMd } from '../asm/index.ts';
import { liveRun, testRun } from './bpf/program-commands.ts';

type Skb = ValueOf<typeof skBuff>;
type Xdp = ValueOf<typeof xdpMd>;

/** The fields that go in, and that the program may have changed. */
export type SkbFields = Pick<Skb, (typeof SKB_FIELDS)[number]>;
const SKB_FIELDS = [
  'mark',
  'priority',
  'ingressIfindex',
  'ifindex',
  'cb',
  'tstamp',
  'wireLen',
  'gsoSegs',
  'gsoSize',
] as const;

interface RunOptions {
  /** The packet, from the link-layer header on. */
  readonly data: Uint8Array;
  /** Most bytes of the packet to get back; `data.length` and 256 where left out. */
  readonly dataOutSize?: number;
  readonly repeat?: number;
}

export interface SkbRunOptions extends RunOptions {
  /** What the program finds in its context. The kernel refuses other fields than these. */
  readonly skb?: Partial<SkbFields>;
}

interface RunResult {
  /** What the program returned, as an unsigned 32-bit integer. */
  readonly returnValue: number;
  readonly data: Uint8Array;
  /** Nanoseconds for one run, the mean over `repeat`. */
  readonly duration: number;
}

export interface SkbRunResult extends RunResult {
  /** The context as the program left it. */
  readonly skb: SkbFields;
}

export interface XdpRunOptions extends RunOptions {
  /** In front of the packet, where programs find it from `data_meta` on: a multiple of 4 bytes, at most 255. */
  readonly metadata?: Uint8Array;
  /** The interface it seems to come from; it must be there, and have that queue. */
  readonly ingressIfindex?: number;
  readonly rxQueueIndex?: number;
}

export interface XdpRunResult extends RunResult {
  readonly metadata: Uint8Array;
}

export interface XdpLiveOptions {
  readonly data: Uint8Array;
  /** How many frames. */
  readonly repeat: number;
  /** How many are handed on at a time, at most 256; 64 where left out. */
  readonly batchSize?: number;
  readonly ingressIfindex?: number;
  readonly rxQueueIndex?: number;
}

interface Runnable {
  readonly fd: number;
  readonly name: string;
}

/** Room for what newer kernels have in their contexts: less than they have is refused, more is not. */
const CONTEXT_ROOM = 256;

export function runSkb(program: Runnable, options: SkbRunOptions): SkbRunResult {
  const { skb = {}, ...rest } = options;
  const context = new Uint8Array(CONTEXT_ROOM);
  context.set(encode(skBuff, { ...decode(skBuff, context), ...skb }));
  const { context: left, ...result } = testRun(program.fd, program.name, { ...rest, context });
  const whole = new Uint8Array(CONTEXT_ROOM);
  whole.set(left);
  const all = decode(skBuff, whole);
  return { ...result, skb: Object.fromEntries(SKB_FIELDS.map((name) => [name, all[name]])) as SkbFields };
}

export function runXdp(program: Runnable, options: XdpRunOptions): XdpRunResult {
  const { data: packet, metadata = new Uint8Array(), ingressIfindex, rxQueueIndex, ...rest } = options;
  const data = new Uint8Array(metadata.length + packet.length);
  data.set(metadata);
  data.set(packet, metadata.length);
  const context = encode(xdpMd, contextOf(options, metadata.length, data.length));
  const { context: left, ...result } = testRun(program.fd, program.name, { ...rest, data, context });
  const { data: start } = decode(xdpMd, left);
  return { ...result, metadata: result.data.slice(0, start), data: result.data.slice(start) };
}

export function runLive(program: Runnable, options: XdpLiveOptions): void {
  const { data, repeat, batchSize } = options;
  liveRun(program.fd, program.name, {
    data,
    repeat,
    context: encode(xdpMd, contextOf(options, 0, data.length)),
    ...(batchSize !== undefined && { batchSize }),
  });
}

function contextOf(
  options: { readonly ingressIfindex?: number; readonly rxQueueIndex?: number },
  data: number,
  dataEnd: number,
): Xdp {
  const { ingressIfindex = 0, rxQueueIndex = 0 } = options;
  return { data, dataEnd, dataMeta: 0, ingressIfindex, rxQueueIndex, egressIfindex: 0 };
}
