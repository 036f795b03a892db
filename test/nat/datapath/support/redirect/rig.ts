// The programs of an instance with redirect in the interpreter, on the maps of a rig whose programs are those without, and a
// routing table that says what it is told to.

import { encode } from '../../../../../src/asm/index.ts';
import { datapath } from '../../../../../src/nat/datapath/index.ts';
import { redirectProgram } from '../../../../../src/nat/datapath/redirect/index.ts';
import { redirectRecord } from '../../../../../src/nat/maps.ts';
import { USES } from '../../../../../src/nat/uses.ts';
import { Vm, type VmMap } from '../../../../../src/vm/index.ts';
import type { Direction } from '../reference/world.ts';
import { Rig, type RigOptions } from '../rig.ts';
import { type Bytes, be32 } from '../wire.ts';
import { EGRESS, type Answer as Found, INSIDE, NEXT_HOP, OUTSIDE } from '../xdp/rig.ts';

export const SECOND_INSIDE = 80;
const SIDES = { outside: OUTSIDE, insides: [SECOND_INSIDE, INSIDE, 9_001, 9_003, 9_002, 9_004, 9_005] };

/** What the routing table answers, and the MTU on that way. */
export interface Answer extends Found {
  readonly mtu?: number;
}

/** What stands beside a packet. */
export interface Beside {
  readonly mark?: number;
  readonly hasTag?: boolean;
  /** Seen only because the interface is promiscuous. */
  readonly isForOthers?: boolean;
  readonly gsoSize?: number;
  /** Where it has arrived, when a program runs where it leaves. */
  readonly from?: number;
}

export interface Sent {
  readonly verdict: number;
  readonly frame: Bytes;
  readonly ifindex: number | undefined;
  /** `skb->pkt_type` */
  readonly type: number;
  /** `struct bpf_fib_lookup` as it was asked, where it was. */
  readonly asked: Bytes | undefined;
}

/** A program: on the way out where it arrives and where it leaves, on the way in. */
export type Hook = 'inside' | 'egress' | 'ingress';
const HOOKS: { readonly [D in Direction]: Hook } = { outbound: 'inside', inbound: 'ingress' };
const PKT_TYPE = 4;
/** A route's MTU where the test does not care. */
export const USUAL_MTU = 1500;

export class RedirectRig {
  /** The programs without redirect. */
  readonly tc: Rig;
  readonly #programs: { readonly [H in Hook]: Vm };
  #answer: Answer = { result: 0, ifindex: OUTSIDE };
  #asked: Bytes | undefined;

  constructor(options: RigOptions) {
    this.tc = new Rig({ ...options, machine: 'interpreter' });
    const { unmapped = 'pass', spoofed, uses = USES, mss } = options;
    const given = {
      unmapped,
      ...(spoofed && { spoofed }),
      uses: new Set(uses),
      ...(mss !== undefined && { mss }),
      capacity: 4096,
      redirect: SIDES,
    };
    const { outbound, inbound } = datapath(given);
    const maps = this.tc.machine.tables as { readonly [map: string]: VmMap };
    const fibLookup = (params: Bytes): number => {
      this.#asked = params.slice();
      const view = new DataView(params.buffer, params.byteOffset);
      const { result, ifindex, nextHop = NEXT_HOP, mtu = USUAL_MTU } = this.#answer;
      view.setUint32(8, ifindex, true);
      view.setUint16(6, mtu, true);
      params.set(EGRESS, 52);
      params.set(nextHop, 58);
      return result;
    };
    const surroundings = { maps, fibLookup };
    this.#programs = {
      inside: new Vm(redirectProgram(given, SIDES), surroundings),
      egress: new Vm(outbound, surroundings),
      ingress: new Vm(inbound, surroundings),
    };
    this.wake();
  }

  /** @param mtu the least that routes ask for, which the routing table does not tell */
  wake(mtu = 0xffff): void {
    (this.tc.machine.tables.redirect as VmMap).set(be32(0), encode(redirectRecord, { mtu }));
  }

  rest(): void {
    this.wake(0);
  }

  /** What becomes of a frame where it arrives. */
  run(direction: Direction, frame: Bytes, answer: Answer, beside: Beside = {}): Sent {
    return this.at(HOOKS[direction], frame, answer, beside);
  }

  at(hook: Hook, frame: Bytes, answer: Answer, beside: Beside = {}): Sent {
    const { mark = 0, hasTag = false, isForOthers = false, gsoSize = 0, from = 0 } = beside;
    this.#answer = answer;
    this.#asked = undefined;
    const { returnValue, packet, redirect, context } = this.#programs[hook].run({
      packet: frame,
      skb: {
        ingress: hook !== 'egress',
        fields: {
          mark,
          gso_size: gsoSize,
          ifindex: hook === 'inside' ? INSIDE : OUTSIDE,
          ingress_ifindex: from,
          pkt_type: isForOthers ? 3 : 0,
        },
        ...(hasTag && { vlan: { protocol: 0x8100, tci: 7 } }),
      },
    });
    const type = new DataView(context.buffer, context.byteOffset).getUint32(PKT_TYPE, true);
    return { verdict: returnValue, frame: packet, ifindex: redirect?.ifindex, type, asked: this.#asked };
  }
}

export { EGRESS, ELSEWHERE, INSIDE, NEXT_HOP, OUTSIDE } from '../xdp/rig.ts';
