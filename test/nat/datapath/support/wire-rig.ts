// A rig whose packets arrive on a device: a tap whose frames come in pieces of any size, with unfinished checksums or as
// super-packets, as no test run can make them. What the program lets go on leaves by another device and is read there.

import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { program } from '../../../../src/asm/index.ts';
import { type BpfProgram, loadProgram } from '../../../../src/loader/index.ts';
import type { Direction } from '../../../../src/nat/reason.ts';
import type { Running } from '../../../support/command.ts';
import { Namespace } from '../../../support/namespace.ts';
import { BPF_FS, ownFolder, removeFolder, uniqueName } from '../../../support/registry.ts';
import { PYTHON, ROOT } from '../../../support/root.ts';
import { hex, Rig, type RigOptions } from './rig.ts';
import type { Bytes } from './wire.ts';

const PEER = join(ROOT, 'test/nat/datapath/support/wire.py');
const TAP = 'tap0';
const OUT = 'out0';
const EXIT = 'exit0';
/** Where the marker behind each frame is counted. */
const MARKER = 'arp';

export interface Arrival {
  /** Lengths of the pieces, the first of which is the linear part; what is left over is the last. */
  readonly split?: readonly number[];
  /** struct virtio_net_hdr: unfinished checksum, super-packet. */
  readonly vnet?: Bytes;
}

export interface Emitted {
  readonly at: 'next' | 'answer';
  readonly frame: string;
  readonly vnet: string;
}

/** What a frame on a device comes to. */
export interface SeenOnWire {
  readonly emitted: readonly Emitted[];
  readonly reasons: { readonly [name: string]: number };
  readonly mappings: readonly string[];
}

export class WireRig {
  readonly rig: Rig;
  readonly #direction: Direction;
  readonly #peer: Running;
  #lines = 1;

  private constructor(rig: Rig, direction: Direction, peer: Running) {
    this.rig = rig;
    this.#direction = direction;
    this.#peer = peer;
  }

  /** The program of `direction` on a tap with the address `mac`. Gone when the test is over. */
  static async make(
    t: ExecutionContext,
    direction: Direction,
    options: RigOptions,
    mac: string,
  ): Promise<WireRig> {
    const namespace = await Namespace.make('wire');
    t.teardown(() => namespace.remove());
    await namespace.ip(
      `link add ${OUT} mtu 65535 type veth peer name ${EXIT} mtu 65535`,
      `link set dev ${OUT} up`,
      `link set dev ${EXIT} up`,
    );
    const peer = namespace.start([PYTHON, PEER, TAP, EXIT]);
    t.teardown(() => peer.stop());
    await peer.says(/ready/);
    await namespace.ip(`link set dev ${TAP} address ${mac} mtu 65521`, `link set dev ${TAP} up`);
    // Receive offload would put headers back into the linear part.
    await namespace.offload(TAP, 'gro off');
    const rig = new Rig(options);
    const [{ ifindex }] = JSON.parse(await namespace.must(['ip', '-j', 'link', 'show', 'dev', OUT])) as [
      { ifindex: number },
    ];
    const exit = loadProgram(
      program('sched_cls', 'test_exit', (p) => p.redirect(p.variable('u32', ifindex))),
      {},
    );
    const folder = join(BPF_FS, uniqueName('wire'));
    ownFolder(folder);
    t.teardown(() => removeFolder(folder));
    await namespace.must(['mkdir', folder]);
    await namespace.must(['tc', 'qdisc', 'add', 'dev', TAP, 'clsact']);
    const attach = async (prog: BpfProgram, priority: number): Promise<void> => {
      const pin = join(folder, prog.name);
      prog.pin(pin);
      const filter = ['tc', 'filter', 'add', 'dev', TAP, 'ingress', 'prio', String(priority)];
      await namespace.must([...filter, 'bpf', 'direct-action', 'object-pinned', pin]);
    };
    await attach(rig.programs[direction], 1);
    await attach(exit, 2);
    return new WireRig(rig, direction, peer);
  }

  /** Lets `frame` arrive and tells all that came of it. */
  async send(frame: Bytes, { split = [], vnet }: Arrival = {}): Promise<SeenOnWire> {
    this.rig.take();
    const order = { frame: hex(frame), split, ...(vnet ? { vnet: hex(vnet) } : {}) };
    this.#peer.process.stdin?.write(`${JSON.stringify(order)}\n`);
    const emitted = await this.#answer();
    const { reasons, mappings } = this.rig.take();
    const marker = `${this.#direction} ${MARKER}`;
    const rest = Object.entries(reasons)
      .map(([name, count]) => [name, name === marker ? count - 1 : count] as const)
      .filter(([, count]) => count !== 0);
    return { emitted, reasons: Object.fromEntries(rest), mappings };
  }

  async #answer(): Promise<Emitted[]> {
    this.#lines += 1;
    await this.#peer.says(new RegExp(`^(?:.*\n){${this.#lines}}`));
    const line = this.#peer.stdout().split('\n')[this.#lines - 1] ?? '';
    const answer = JSON.parse(line) as Emitted[] | { error: string };
    if (Array.isArray(answer)) return answer;
    throw new Error(answer.error);
  }
}
