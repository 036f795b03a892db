// The context of a traffic control program, and the state of an skb that helpers work on without showing it: where
// its headers start, how far its checksum is, a VLAN tag beside the packet.

import { LITTLE_ENDIAN } from '../../asm/index.ts';
import type { Machine } from '../core/machine.ts';
import { requireNumber } from '../core/pointer.ts';
import { opaqueRegion, Region, SCALAR } from '../core/region.ts';
import { readInteger, writeInteger } from '../core/word.ts';
import { type ChecksumState, newChecksum } from './checksum-state.ts';
import { type Context, refuseAccess } from './context.ts';
import { ETH_HLEN, etherType, packetType, toNetworkOrder } from './ethernet.ts';
import type { Packet } from './packet.ts';
import { SKB_RULES, SKB_SIZE, type SkbFieldRule, skbField } from './skb-layout.ts';

const TYPE = '__sk_buff';
const U16_MAX = 0xffff;

/** A VLAN tag that hardware took out of the packet, or is to put in. Both in host byte order. */
export interface VlanTag {
  readonly protocol: number;
  readonly tci: number;
}

export interface SkbOptions {
  /** Fields of the context by their names, host byte order but for network fields; `cb` takes 20 bytes. */
  readonly fields?: { readonly [name: string]: number | bigint | Uint8Array };
  /** Bytes of the link-layer header: 14, or 0 on a device without one. */
  readonly macLength?: number;
  readonly checksum?: Partial<ChecksumState>;
  readonly vlan?: VlanTag;
  /** The link-layer address of the device: a frame for another one is `PACKET_OTHERHOST`. */
  readonly deviceAddress?: Uint8Array;
  /** Whether the program sees what comes in; what it sees go out where false. */
  readonly ingress?: boolean;
}

export class Skb implements Context {
  readonly region: Region = opaqueRegion('context', 'the context', this);
  readonly packet: Packet;
  /** Offset of the network header. */
  macLength: number;
  encapsulated = false;
  readonly ingress: boolean;
  readonly checksum: ChecksumState;
  vlan: VlanTag | undefined;
  /** The struct as a program reads it, but for pointers. */
  readonly #struct: Region = new Region('memory', TYPE, new Uint8Array(SKB_SIZE));

  constructor(packet: Packet, options: SkbOptions = {}) {
    this.packet = packet;
    this.macLength = options.macLength ?? ETH_HLEN;
    this.ingress = options.ingress ?? true;
    this.checksum = newChecksum(options.checksum);
    this.vlan = options.vlan;
    this.set('protocol', toNetworkOrder(etherType(packet.bytes(), this.macLength)));
    if (this.macLength >= ETH_HLEN) this.set('pkt_type', packetType(packet.bytes(), options.deviceAddress));
    this.set('ifindex', 1);
    for (const [name, value] of Object.entries(options.fields ?? {})) this.#give(name, value);
    this.#update();
    if (this.get('wire_len') === 0) this.set('wire_len', packet.length);
  }

  /** Takes the link-layer header off, for programs that never see it. */
  pullHeader(): void {
    const size = Math.min(this.macLength, this.packet.length);
    this.packet.remove(0, size);
    this.packet.moved(undefined);
    this.macLength = 0;
    this.#update();
    this.set('wire_len', this.packet.length);
  }

  /** A field of up to 32 bits, as a program reads it. */
  get(name: string): number {
    const { offset, size } = skbField(name);
    return size === 1
      ? this.#struct.view.getUint8(offset)
      : this.#struct.view.getUint32(offset, LITTLE_ENDIAN);
  }

  set(name: string, value: number): void {
    this.#struct.view.setUint32(skbField(name).offset, value, LITTLE_ENDIAN);
  }

  /** The whole struct, for whoever compares it with the kernel's. */
  bytes(): Uint8Array {
    return this.#struct.bytes.slice();
  }

  moved(machine: Machine): void {
    this.#update();
    this.packet.moved(machine);
  }

  load(machine: Machine, d: number, offset: number, size: number): void {
    const rule = ruleAt(offset, size);
    if (rule === undefined || !mayRead(rule, offset, size)) throw refuseAccess(TYPE, offset, size, false);
    if (rule.reading === 'pointer') {
      this.#loadPointer(machine, d, rule.name);
      return;
    }
    readInteger(machine, d, this.#struct, offset, size);
    machine.tag[d] = SCALAR;
  }

  store(machine: Machine, offset: number, size: number, s: number): void {
    const rule = ruleAt(offset, size);
    const whole = rule?.reading === 'any' || size === rule?.size;
    if (!rule?.writable || !whole) throw refuseAccess(TYPE, offset, size, true);
    requireNumber(machine, s);
    const value = machine.lo[s]! >>> 0;
    // The skb itself has 16 bits for these; a queue beyond that is none.
    if (rule.name === 'queue_mapping' && value >= U16_MAX) return;
    writeInteger(machine, s, this.#struct, offset, size);
    if (rule.name === 'tc_index' || rule.name === 'tc_classid') this.set(rule.name, value & U16_MAX);
  }

  #loadPointer(machine: Machine, d: number, name: string): void {
    const { packet } = this;
    if (name === 'data') machine.setPointer(d, packet.region, packet.data);
    else if (name === 'data_end') machine.setPointer(d, packet.region, packet.linearEnd);
    else if (name === 'data_meta') machine.setPointer(d, packet.region, packet.meta);
    // No packet here belongs to a socket.
    else machine.setNumber(d, 0);
  }

  #give(name: string, value: number | bigint | Uint8Array): void {
    const { offset, size } = skbField(name);
    const { bytes, view } = this.#struct;
    if (value instanceof Uint8Array) bytes.set(value.subarray(0, size), offset);
    else if (size === 8) view.setBigUint64(offset, BigInt(value), LITTLE_ENDIAN);
    else if (size === 1) view.setUint8(offset, Number(value));
    else view.setUint32(offset, Number(value), LITTLE_ENDIAN);
  }

  #update(): void {
    this.set('len', this.packet.length);
    this.set('vlan_present', this.vlan === undefined ? 0 : 1);
    this.set('vlan_tci', this.vlan?.tci ?? 0);
    this.set('vlan_proto', this.vlan === undefined ? 0 : toNetworkOrder(this.vlan.protocol));
  }
}

function ruleAt(offset: number, size: number): SkbFieldRule | undefined {
  if (offset < 0 || offset % size !== 0) return undefined;
  return SKB_RULES.find((rule) => offset >= rule.offset && offset + size <= rule.offset + rule.size);
}

const mayRead = ({ reading, size: whole }: SkbFieldRule, _offset: number, size: number): boolean =>
  reading === 'narrow' || reading === 'any' || (reading !== 'never' && size === whole);
