// The lab in which instances are broken, with hosts that say how packets come through, and what else can be seen
// from outside: pins, programs at the hooks, objects in the kernel.

import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { ExecutionContext } from 'ava';
import { findInterface, NetlinkSocket, queryTcx, queryXdp, withNetns } from '../../../src/loader/index.ts';
import { must } from '../command.ts';
import { type Lab, type LabOptions, makeLab } from '../lab.ts';
import type { Namespace } from '../namespace.ts';
import { BPF_FS, ownFolder, removeFolder, uniqueName } from '../registry.ts';
import { PYTHON, ROOT } from '../root.ts';
import { tunnelKinds } from '../tunnel-lab.ts';
import { filtersOn, hasClsact } from '../witness.ts';
import { HOSTS, isClsact, isRedirect, type Place, SLOT_DEVICE, type State } from './state.ts';
import { addTunnels, expectedOfTunnels, farAddresses, tunnelPairs } from './tunnels.ts';

const PORT = '9100';
/** Of the tables of this process, and of no other. */
const CAPACITY: number = 1000 + process.pid;
const SERVER = '203.0.113.2';
/** What is answered takes far less; what is dropped costs it. */
const PATIENCE_MS = 60;
const LONG_PATIENCE_MS = 600;
/** Probes answer at once, however busy the machine is. */
const FIRST = ['nice', '-n', '-15'];

const inside = (host: number): string => `10.0.0.${host}`;
const outside = (host: number): string => `203.0.113.${host}`;

/** As each inside host is seen outside, and which inside host answers at each outside address; null is none. */
export type Seen = readonly (string | null)[];

type Ask = (pairs: readonly (readonly [string, string])[], milliseconds: number) => Promise<Seen>;

async function startProbe(t: Teardown, host: Namespace, addresses: readonly string[]): Promise<Ask> {
  const probe = host.start([...FIRST, PYTHON, `${ROOT}/test/support/peer/probe.py`, PORT, ...addresses]);
  t.teardown(() => probe.stop());
  await probe.says(/ready/);
  const lines = createInterface({ input: probe.process.stdout! })[Symbol.asyncIterator]();
  return async (pairs, milliseconds) => {
    probe.process.stdin?.write(`${JSON.stringify({ pairs, milliseconds })}\n`);
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`the probe ended: ${probe.stderr()}`);
      // Before the first answer comes the end of what it said when it was ready.
      if (value.startsWith('[')) return JSON.parse(value) as Seen;
    }
  };
}

export type Teardown = Pick<ExecutionContext, 'teardown'>;

export class World {
  readonly lab: Lab;
  /** Folder of all instances. */
  readonly root: string;
  readonly #fromInside: Ask;
  readonly #fromOutside: Ask;
  /** Undefined where the kernel has no such tunnels. */
  readonly #fromGateway: Ask | undefined;

  private constructor(
    lab: Lab,
    root: string,
    fromInside: Ask,
    fromOutside: Ask,
    fromGateway: Ask | undefined,
  ) {
    this.lab = lab;
    this.root = root;
    this.#fromInside = fromInside;
    this.#fromOutside = fromOutside;
    this.#fromGateway = fromGateway;
  }

  get hasTunnels(): boolean {
    return this.#fromGateway !== undefined;
  }

  /** @param options `wire` for senders that finish their checksums, without which XDP leaves all to TC */
  static async make(t: Teardown, options: Pick<LabOptions, 'offload'> = {}): Promise<World> {
    const lab = await makeLab(t as ExecutionContext, options);
    const root = `${BPF_FS}/${uniqueName('faults')}`;
    mkdirSync(root, { mode: 0o700 });
    ownFolder(root);
    t.teardown(() => removeFolder(root));
    const [mac] = await Promise.all([
      lab.gateway.mac(lab.device),
      lab.inside.ip(...HOSTS.slice(1).map((host) => `addr add ${inside(host)}/24 dev up0`)),
    ]);
    // Answers to what is not translated come back too, and nobody has to ask who has an address.
    await lab.outside.ip(
      'route add 10.0.0.0/24 via 203.0.113.1',
      ...HOSTS.map((host) => `neigh replace ${outside(host)} lladdr ${mac} dev down0 nud permanent`),
    );
    // What is not translated is refused there and then.
    await lab.gateway.ip(...HOSTS.map((host) => `route add unreachable ${outside(host)}/32`));
    const hasTunnels = tunnelKinds().includes('vxlan');
    if (hasTunnels) await addTunnels(lab);
    const fromInside = await startProbe(t, lab.inside, HOSTS.map(inside));
    const fromOutside = await startProbe(t, lab.outside, [SERVER, ...(hasTunnels ? farAddresses() : [])]);
    const fromGateway = hasTunnels ? await startProbe(t, lab.gateway, []) : undefined;
    return new World(lab, root, fromInside, fromOutside, fromGateway);
  }

  place(hook: Place['hook']): Place {
    const { lab, root } = this;
    return {
      root,
      interface: lab.device,
      netns: lab.gateway.name,
      hook,
      inside: 'down0',
      capacity: CAPACITY,
    };
  }

  /** Sends packets both ways. `expected` is what would be plain to see; anything else is asked a second time. */
  async probe(...expected: readonly Seen[]): Promise<Seen> {
    for (const patience of [PATIENCE_MS, LONG_PATIENCE_MS]) {
      const outward = await this.#fromInside(
        HOSTS.map((host) => [inside(host), SERVER]),
        patience,
      );
      const inward = await this.#fromOutside(
        HOSTS.map((host) => [SERVER, outside(host)]),
        patience,
      );
      const ofTunnels = expected.some(({ length }) => length > outward.length + inward.length);
      const through = ofTunnels ? ((await this.#fromGateway?.(tunnelPairs(), patience)) ?? []) : [];
      const seen = [...outward, ...inward, ...through];
      if (patience === LONG_PATIENCE_MS || expected.some((each) => same(each, seen))) return seen;
    }
    return [];
  }

  /** Names of what is left in the pin folder. */
  pins(): string[] {
    return existsSync(this.root) ? readdirSync(this.root, { recursive: true, encoding: 'utf8' }).sort() : [];
  }

  hasSlotQdisc(): Promise<boolean> {
    return hasClsact(this.lab.gateway, SLOT_DEVICE);
  }

  /** How many programs there are at ingress and egress, of XDP as well, and whether there is a clsact qdisc. */
  async hooks(hook: Place['hook']): Promise<{ readonly programs: number; readonly qdisc: boolean }> {
    const { gateway, device } = this.lab;
    if (!isClsact(hook)) {
      // bpftool 7.1 does not know TCX yet. With XDP it is TCX too, where the kernel has it.
      const programs = withNetns(gateway.name, () => {
        using socket = new NetlinkSocket();
        const ifindex = findInterface(socket, device)?.index ?? 0;
        const xdp = [device, 'down0'].flatMap((name) =>
          Object.values(queryXdp(socket, findInterface(socket, name)?.index ?? 0) ?? {}),
        );
        const inside = findInterface(socket, 'down0')?.index ?? 0;
        const sites = [
          [ifindex, 'ingress'],
          [ifindex, 'egress'],
          [inside, 'ingress'],
        ] as const;
        const tcx = sites.flatMap(([index, direction]) => queryTcx(index, direction) ?? []);
        return [...tcx, ...xdp];
      });
      return { programs: programs.length, qdisc: await hasClsact(gateway, device) };
    }
    const qdisc = await hasClsact(gateway, device);
    const sites = [
      ...(qdisc ? [filtersOn(gateway, device, 'ingress'), filtersOn(gateway, device, 'egress')] : []),
      ...(isRedirect(hook) && (await this.hasSlotQdisc())
        ? [filtersOn(gateway, SLOT_DEVICE, 'ingress')]
        : []),
    ];
    const filters = await Promise.all(sites);
    return { programs: filters.flat().length, qdisc };
  }
}

export const same = (a: Seen, b: Seen): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What packets must show in a state, worked out from its mappings alone. */
export function expectedOf(state: State | undefined): Seen {
  return [...expectedOfHosts(state), ...(state?.tunnels ? expectedOfTunnels(state.tunnels) : [])];
}

function expectedOfHosts(state: State | undefined): Seen {
  const all = (state?.mappings ?? []).map((text) => text.split('=') as [string, string]);
  const slots = all.flatMap(([slot, out]): [string, string][] =>
    slot.includes('%') ? [[slot.split('%')[0]!, out]] : [],
  );
  if (slots.length + (state?.reserved?.length ?? 0) > 0) {
    // All hosts are behind the one device of the slots: what has no slot there, or an unbound one, gets nowhere.
    const slotted = new Map(slots);
    return [
      ...HOSTS.map((host) => slotted.get(inside(host)) ?? null),
      ...HOSTS.map((host) => (slots.some(([, out]) => out === outside(host)) ? SERVER : null)),
    ];
  }
  const pairs = all;
  const outward = new Map(pairs);
  const unmapped = (host: number): string | null => (state?.unmapped === 'drop' ? null : inside(host));
  return [
    ...HOSTS.map((host) => outward.get(inside(host)) ?? unmapped(host)),
    // The inside host says who asked: the server, untranslated. Unmapped addresses are nobody's.
    ...HOSTS.map((host) => (pairs.some(([, out]) => out === outside(host)) ? SERVER : null)),
  ];
}

interface Listed {
  readonly id: number;
  readonly max_entries?: number;
  readonly map_ids?: readonly number[];
  readonly prog_id?: number;
}

/** The tables of this process that are in the kernel, the programs that use them, and their links: `prog 12`. */
export async function objects(): Promise<string[]> {
  const list = async (kind: string): Promise<readonly Listed[]> =>
    JSON.parse(await must('bpftool', ['-j', kind, 'show'])) as readonly Listed[];
  const [progs = [], maps = [], links = []] = await Promise.all(['prog', 'map', 'link'].map(list));
  const ours = maps.filter(({ max_entries }) => max_entries === CAPACITY).map(({ id }) => id);
  const programs = progs.filter(({ map_ids = [] }) => map_ids.some((id) => ours.includes(id)));
  const ids = programs.map(({ id }) => id);
  return [
    ...ours.map((id) => `map ${id}`),
    ...ids.map((id) => `prog ${id}`),
    ...links.filter(({ prog_id }) => ids.includes(prog_id ?? 0)).map(({ id }) => `link ${id}`),
  ];
}
