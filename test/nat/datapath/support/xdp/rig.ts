// The XDP programs in the interpreter, on the maps of a rig whose programs are those of TC, and a routing table that says
// what it is told to.

import { encode } from '../../../../../src/asm/index.ts';
import { xdpPrograms } from '../../../../../src/nat/datapath/xdp/index.ts';
import { XDP_SIDES, xdpRecord } from '../../../../../src/nat/maps.ts';
import { USES } from '../../../../../src/nat/uses.ts';
import { Vm, type VmMap } from '../../../../../src/vm/index.ts';
import type { Direction } from '../reference/world.ts';
import { Rig, type RigOptions } from '../rig.ts';
import { mac } from '../shapes.ts';
import type { Bytes } from '../wire.ts';

export const OUTSIDE = 7;
export const INSIDE = 8;
/** Has no part in it. */
export const ELSEWHERE = 9;

export const NEXT_HOP: Bytes = mac('02:aa:00:00:00:01');
export const EGRESS: Bytes = mac('02:bb:00:00:00:01');
/** The `destination` of every frame that `frame` builds. */
export const OURS: Bytes = mac('02:00:00:00:00:02');

/** What the routing table answers: BPF_FIB_LKUP_RET_* or an error, and where to. */
export interface Answer {
  readonly result: number;
  readonly ifindex: number;
  readonly nextHop?: Bytes;
}

export interface Forwarded {
  readonly frame: Bytes;
  readonly ifindex: number | undefined;
  /** `struct bpf_fib_lookup` as it was asked, where it was. */
  readonly asked: Bytes | undefined;
}

const XDP_PASS = 2;
const XDP_REDIRECT = 4;

export interface XdpRigOptions extends RigOptions {
  /** Whether there is anything inside but slots; true where left out. */
  readonly hasInsides?: boolean;
}

export class XdpRig {
  /** The programs of TC. */
  readonly tc: Rig;
  readonly #programs: { readonly [D in Direction]: Vm };
  #answer: Answer = { result: 0, ifindex: OUTSIDE };
  #asked: Bytes | undefined;

  constructor(options: XdpRigOptions) {
    this.tc = new Rig({ ...options, machine: 'interpreter' });
    const { unmapped = 'pass', uses = USES, mss, isa, hasInsides = true } = options;
    const given = { unmapped, uses: new Set(uses), ...(mss !== undefined && { mss }), capacity: 4096 };
    const made = xdpPrograms({ ...given, ...(isa && { isa }) }, hasInsides);
    const maps = this.tc.machine.tables as { readonly [map: string]: VmMap };
    const fibLookup = (params: Bytes): number => {
      this.#asked = params.slice();
      const { result, ifindex, nextHop = NEXT_HOP } = this.#answer;
      new DataView(params.buffer, params.byteOffset).setUint32(8, ifindex, true);
      params.set(EGRESS, 52);
      params.set(nextHop, 58);
      return result;
    };
    this.#programs = {
      outbound: new Vm(made.outbound, { maps, fibLookup }),
      inbound: new Vm(made.inbound, { maps, fibLookup }),
    };
    this.enable();
  }

  /** Takes part again with both interfaces. */
  enable(address: Bytes = OURS): void {
    for (const [ifindex, side] of [
      [OUTSIDE, XDP_SIDES.outside],
      [INSIDE, XDP_SIDES.inside],
    ] as const) {
      this.stations.set(key(ifindex), encode(xdpRecord, { mac: words(address), side }));
    }
  }

  disable(ifindex: number): void {
    this.stations.delete(key(ifindex));
  }

  private get stations(): VmMap {
    return this.tc.machine.tables.xdp as VmMap;
  }

  /** @throws Error for a verdict that is neither to pass nor to redirect. */
  run(direction: Direction, frame: Bytes, answer: Answer, arrivedOn?: number): Forwarded {
    this.#answer = answer;
    this.#asked = undefined;
    const ingressIfindex = arrivedOn ?? (direction === 'inbound' ? OUTSIDE : INSIDE);
    const { returnValue, packet, redirect } = this.#programs[direction].run({
      packet: frame,
      xdp: { ingressIfindex },
    });
    if (returnValue !== XDP_PASS && returnValue !== XDP_REDIRECT) throw new Error(`verdict ${returnValue}`);
    const ifindex = returnValue === XDP_REDIRECT ? redirect?.ifindex : undefined;
    return { frame: packet, ifindex, asked: this.#asked };
  }
}

const key = (ifindex: number): Bytes => new Uint8Array(Uint32Array.of(ifindex).buffer);
const words = (address: Bytes): number[] => [0, 2, 4].map((at) => address[at]! * 256 + address[at + 1]!);
