// A router in a network namespace of its own, between a generator and a sink for each way. All four ends of its two veths
// are in there: what the generators send out of `in1` comes in by `in0`, leaves by `out0` and is dropped at `out1`, or the
// other way round. Neighbours are permanent, so that nothing but forwarding is going on.

import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { withNetns } from '../../src/loader/index.ts';
import { ip4 } from '../../test/nat/datapath/support/wire.ts';
import { Namespace } from '../../test/support/namespace.ts';
import { Flood, type Flow } from './flood.ts';
import { Sink } from './sink.ts';

/** The insides, what they are outside, and the other ends. */
export const INSIDES: number = ip4('10.0.0.0');
export const OUTSIDES: number = ip4('100.64.0.0');
export const REMOTES: number = ip4('198.18.0.0');

export const MACS = {
  in0: '02:00:00:00:01:00',
  in1: '02:00:00:00:01:01',
  out0: '02:00:00:00:02:00',
  out1: '02:00:00:00:02:01',
};
type Device = keyof typeof MACS;
const DEVICES = Object.keys(MACS) as Device[];

export type Direction = 'outbound' | 'inbound';

/** What went through, and what it took. */
export interface Passage {
  readonly sent: number;
  readonly arrived: number;
  /** Processor time, of the generator's thread and the kernel's own on its behalf, for a packet sent; nanoseconds. */
  readonly nanoseconds: number;
  /** By the clock, packets a second. */
  readonly rate: number;
}

export interface FloodOptions extends Pick<Flow, 'nearCount' | 'flows' | 'size'> {
  readonly direction: Direction;
}

export class Router implements AsyncDisposable {
  readonly namespace: Namespace;
  readonly #ifindexes: { readonly [D in Device]: number };
  readonly #sinks: { readonly [D in Direction]: Sink };
  readonly #floods = new Map<string, Flood>();

  private constructor(namespace: Namespace, ifindexes: { readonly [D in Device]: number }) {
    this.namespace = namespace;
    this.#ifindexes = ifindexes;
    this.#sinks = { outbound: new Sink(namespace.path, 'out1'), inbound: new Sink(namespace.path, 'in1') };
  }

  static async make(): Promise<Router> {
    const namespace = await Namespace.make('bench');
    try {
      await namespace.sysctl({ 'ipv4/ip_forward': 1 });
      await namespace.ip(
        ...(['in', 'out'] as const).flatMap((side) => {
          const [near, far] = [`${side}0`, `${side}1`] as [Device, Device];
          return [
            `link add ${near} address ${MACS[near]} type veth peer name ${far} address ${MACS[far]}`,
            `link set ${near} up`,
            `link set ${far} up`,
          ];
        }),
        'addr add 10.255.255.254/8 dev in0',
        'addr add 192.0.2.1/24 dev out0',
        `neigh add 10.255.255.253 lladdr ${MACS.in1} dev in0 nud permanent`,
        `neigh add 192.0.2.2 lladdr ${MACS.out1} dev out0 nud permanent`,
        'route add 10.0.0.0/9 via 10.255.255.253 dev in0',
        // Without a translator the way in goes on as it came.
        'route add 100.64.0.0/10 via 10.255.255.253 dev in0',
        'route add default via 192.0.2.2 dev out0',
      );
      // What is redirected to a veth goes through only where the other end polls.
      for (const device of ['in0', 'out0'] as const) await namespace.offload(device, 'gro on');
      const shown = JSON.parse(await namespace.must(['ip', '-j', 'link'])) as {
        ifname: string;
        ifindex: number;
      }[];
      const ifindexes = Object.fromEntries(
        DEVICES.map((name) => [name, shown.find(({ ifname }) => ifname === name)!.ifindex]),
      );
      return new Router(namespace, ifindexes as { [D in Device]: number });
    } catch (error) {
      await namespace.remove();
      throw error;
    }
  }

  ifindex(device: Device): number {
    return this.#ifindexes[device];
  }

  /** The generator of such a flood; it goes on where it stopped. */
  #flood({ direction, ...shape }: FloodOptions): Flood {
    const key = JSON.stringify([direction, shape]);
    const known = this.#floods.get(key);
    if (known !== undefined) return known;
    const isOut = direction === 'outbound';
    const [device, router] = isOut ? (['in1', 'in0'] as const) : (['out1', 'out0'] as const);
    const made = new Flood(
      {
        ...shape,
        near: isOut ? INSIDES : OUTSIDES,
        far: REMOTES,
        from: isOut ? 'near' : 'far',
        dest: MACS[router],
        source: MACS[device],
      },
      this.#ifindexes[device],
    );
    this.#floods.set(key, made);
    return made;
  }

  /** Datagrams that have left with a translated source. */
  get translated(): number {
    return this.#sinks.outbound.translated;
  }

  /** Sends `count` packets through, and waits until they are. */
  pass(count: number, options: FloodOptions): Passage {
    const flood = this.#flood(options);
    const sink = this.#sinks[options.direction];
    const before = sink.count;
    const [busy, begun] = [processorTime(), process.hrtime.bigint()];
    withNetns(this.namespace.path, () => flood.send(count));
    const [spent, passed] = [processorTime() - busy, process.hrtime.bigint() - begun];
    return {
      sent: count,
      arrived: sink.count - before,
      nanoseconds: Number(spent) / count,
      rate: (count * 1e9) / Number(passed),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [...this.#floods.values(), ...Object.values(this.#sinks)]) one[Symbol.dispose]();
    await this.namespace.remove();
  }
}

/** Of the kernel's threads that take packets over when there are too many of them; they are there from the start. */
const SOFTIRQ_THREADS = readdirSync('/proc').filter((pid) => {
  if (!/^\d+$/.test(pid)) return false;
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('ksoftirqd/');
  } catch {
    return false;
  }
});

/** Nanoseconds of this thread and of ksoftirqd. */
function processorTime(): bigint {
  const threads = ['/proc/thread-self', ...SOFTIRQ_THREADS.map((pid) => `/proc/${pid}`)];
  return threads.reduce(
    (sum, at) => sum + BigInt(readFileSync(`${at}/schedstat`, 'utf8').split(' ')[0]!),
    0n,
  );
}
