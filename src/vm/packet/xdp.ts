// `struct xdp_md` (xdp_is_valid_access in net/core/filter.c): three pointers and three numbers, all read-only.

import { type StructType, struct, u32 } from '../../asm/index.ts';
import type { Machine } from '../core/machine.ts';
import { opaqueRegion, type Region } from '../core/region.ts';
import { type Context, refuseAccess } from './context.ts';
import type { Packet } from './packet.ts';

const TYPE = 'xdp_md';
const { offsets }: StructType = struct(TYPE, {
  data: u32,
  data_end: u32,
  data_meta: u32,
  ingress_ifindex: u32,
  rx_queue_index: u32,
  egress_ifindex: u32,
});
const FIELD_SIZE = 4;

export interface XdpOptions {
  readonly ingressIfindex?: number;
  readonly rxQueueIndex?: number;
  readonly egressIfindex?: number;
  /** Metadata in front of the packet, a multiple of 4 bytes. */
  readonly meta?: Uint8Array;
}

export class XdpBuffer implements Context {
  readonly region: Region = opaqueRegion('context', 'the context', this);
  readonly packet: Packet;
  readonly #options: XdpOptions;

  constructor(packet: Packet, options: XdpOptions = {}) {
    this.packet = packet;
    this.#options = options;
    const { meta } = options;
    if (meta === undefined) return;
    packet.meta = packet.data - meta.length;
    packet.region.bytes.set(meta, packet.meta);
    packet.region.start = packet.meta;
  }

  moved(machine: Machine): void {
    this.packet.moved(machine);
  }

  load(machine: Machine, d: number, offset: number, size: number): void {
    if (size !== FIELD_SIZE) throw refuseAccess(TYPE, offset, size, false);
    const { packet } = this;
    const options = this.#options;
    switch (offset) {
      case offsets.data:
        machine.setPointer(d, packet.region, packet.data);
        break;
      case offsets.data_end:
        machine.setPointer(d, packet.region, packet.linearEnd);
        break;
      case offsets.data_meta:
        machine.setPointer(d, packet.region, packet.meta);
        break;
      case offsets.ingress_ifindex:
        machine.setNumber(d, options.ingressIfindex ?? 1);
        break;
      case offsets.rx_queue_index:
        machine.setNumber(d, options.rxQueueIndex ?? 0);
        break;
      case offsets.egress_ifindex:
        machine.setNumber(d, options.egressIfindex ?? 0);
        break;
      default:
        throw refuseAccess(TYPE, offset, size, false);
    }
  }

  store(_machine: Machine, offset: number, size: number): void {
    throw refuseAccess(TYPE, offset, size, true);
  }
}
