// A router between two stations, each in a namespace of its own: what it forwards is translated by tsnat's programs or by
// rules of the kernel. All routers have the same addresses, so that what comes out of one can be held against another.

import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { must } from '../../../support/command.ts';
import { Namespace } from '../../../support/namespace.ts';
import { BPF_FS, ownFolder, removeFolder, uniqueName } from '../../../support/registry.ts';
import { PYTHON, ROOT } from '../../../support/root.ts';
import type { Direction } from '../../datapath/support/reference/world.ts';
import { hex, type Rig } from '../../datapath/support/rig.ts';
import type { Bytes } from '../../datapath/support/wire.ts';

const EXCHANGE = join(ROOT, 'test/nat/differential/support/exchange.py');
/** Of the router's two devices, and of the stations beyond them. */
export const MACS = {
  inside: { router: '02:00:00:00:01:01', station: '02:00:00:00:01:02' },
  outside: { router: '02:00:00:00:02:01', station: '02:00:00:00:02:02' },
} as const;
/** What lies on the inside; everything else is outside. */
const INSIDES = ['10.0.0.0/8', 'fd00::/8'];

export interface Sent {
  readonly direction: Direction;
  readonly frame: Bytes;
}

export class Router {
  readonly namespace: Namespace;
  readonly #stations: Namespace;

  private constructor(namespace: Namespace, stations: Namespace) {
    this.namespace = namespace;
    this.#stations = stations;
  }

  static async make(t: ExecutionContext): Promise<Router> {
    const router = await Namespace.make('router');
    t.teardown(() => router.remove());
    const stations = await Namespace.make('stations');
    t.teardown(() => stations.remove());
    for (const side of ['inside', 'outside'] as const) {
      const macs = MACS[side];
      await stations.ip(
        `link add ${side} address ${macs.station} mtu 9000 type veth peer name ${side} address ${macs.router} mtu 9000 netns ${router.name}`,
        `link set dev ${side} addrgenmode none up`,
      );
      await router.ip(`link set dev ${side} addrgenmode none up`);
      for (const one of [router, stations]) await one.offload(side, 'tx off gro off');
    }
    await router.sysctl({
      'ipv6/conf/all/disable_ipv6': 0,
      'ipv6/conf/default/disable_ipv6': 0,
      'ipv6/conf/inside/disable_ipv6': 0,
      'ipv6/conf/outside/disable_ipv6': 0,
      'ipv4/conf/all/forwarding': 1,
      'ipv6/conf/all/forwarding': 1,
    });
    const [four, six] = INSIDES;
    await router.ip(
      'addr add 192.0.2.1/30 dev inside',
      'addr add 192.0.2.5/30 dev outside',
      'addr add 2001:db8:aaaa::1/64 dev inside nodad',
      'addr add 2001:db8:bbbb::1/64 dev outside nodad',
      ...(['192.0.2.2', '2001:db8:aaaa::2'] as const).map(
        (address) => `neigh add ${address} lladdr ${MACS.inside.station} dev inside nud permanent`,
      ),
      ...(['192.0.2.6', '2001:db8:bbbb::2'] as const).map(
        (address) => `neigh add ${address} lladdr ${MACS.outside.station} dev outside nud permanent`,
      ),
      `route add ${four} via 192.0.2.2 dev inside`,
      `route add ${six} via 2001:db8:aaaa::2 dev inside`,
      'route add default via 192.0.2.6 dev outside',
      'route add default via 2001:db8:bbbb::2 dev outside',
    );
    return new Router(router, stations);
  }

  /** tsnat's programs on the outside device. */
  async attach(t: ExecutionContext, { programs }: Rig): Promise<void> {
    const folder = join(BPF_FS, uniqueName('router'));
    ownFolder(folder);
    t.teardown(() => removeFolder(folder));
    await must('mkdir', [folder]);
    await this.namespace.must(['tc', 'qdisc', 'add', 'dev', 'outside', 'clsact']);
    for (const [hook, direction] of [
      ['egress', 'outbound'],
      ['ingress', 'inbound'],
    ] as const) {
      const pin = join(folder, direction);
      programs[direction].pin(pin);
      const filter = ['tc', 'filter', 'add', 'dev', 'outside', hook, 'prio', '1'];
      await this.namespace.must([...filter, 'bpf', 'direct-action', 'object-pinned', pin]);
    }
  }

  async nft(rules: string): Promise<void> {
    await this.namespace.must(['nft', '-f', '-'], { input: rules });
  }

  /** What comes out for each of the frames, in hexadecimal; undefined for nothing. Frames are for the router's device. */
  async forward(sent: readonly Sent[]): Promise<(string | undefined)[]> {
    const input = sent.map(({ direction, frame }) => `${direction} ${hex(frame)}\n`).join('');
    const command = [PYTHON, EXCHANGE, 'inside', 'outside'];
    const output = await this.#stations.must(command, { input, timeout: 600_000 });
    const lines = output.split('\n').slice(0, -1);
    if (lines.length !== sent.length) throw new Error(`${lines.length} answers to ${sent.length} frames`);
    return lines.map((line) => (line === '' ? undefined : line));
  }
}
