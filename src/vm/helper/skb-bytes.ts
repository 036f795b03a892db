// Helpers that read and write an skb's bytes wherever they lie (net/core/filter.c).

import type { Machine } from '../core/machine.ts';
import type { HelperModels } from '../environment.ts';
import { EFAULT, EINVAL, ENOMEM } from '../errno.ts';
import type { Skb } from '../packet/skb.ts';
import { add, shifted, subtract, sumOf } from '../packet/sum.ts';
import * as args from './arguments.ts';

const BPF_F_RECOMPUTE_CSUM = 1 << 0;
const BPF_F_INVALIDATE_HASH = 1 << 1;
const INT_MAX = 0x7fff_ffff;
/** enum bpf_hdr_start_off */
const BPF_HDR_START_MAC = 0;
const BPF_HDR_START_NET = 1;

function load(machine: Machine): void {
  const { packet } = args.skb(machine);
  const offset = args.u32(machine, 2);
  const to = args.writable(machine, 3, args.size(machine, 4));
  copyOut(machine, packet.range(offset, to.length), to);
}

function copyOut(machine: Machine, from: Uint8Array | undefined, to: Uint8Array): void {
  if (from) to.set(from);
  else to.fill(0);
  args.result(machine, from ? 0 : -EFAULT);
}

/** Reaches the linear part only, from the link-layer or network header on. */
function loadRelative(machine: Machine): void {
  const { packet, macLength } = args.skb(machine);
  const offset = args.u32(machine, 2);
  const to = args.writable(machine, 3, args.size(machine, 4));
  const start = args.u32(machine, 5);
  const base = start === BPF_HDR_START_MAC ? 0 : macLength;
  const inside = packet.data + base + offset + to.length <= packet.linearEnd;
  const known = start === BPF_HDR_START_MAC || start === BPF_HDR_START_NET;
  copyOut(
    machine,
    known && offset <= 0xffff && inside ? packet.range(base + offset, to.length) : undefined,
    to,
  );
}

function store(machine: Machine): void {
  const skb = args.skb(machine);
  // A copy: the bytes may lie in the packet itself.
  const from = args.readable(machine, 3, args.size(machine, 4)).slice();
  args.result(machine, storeBytes(skb, args.u32(machine, 2), from, args.flagsOf(machine, 5)));
  skb.moved(machine);
}

function storeBytes(skb: Skb, offset: number, from: Uint8Array, flags: number): number {
  if (flags > (BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH)) return -EINVAL;
  if (offset > INT_MAX || !skb.packet.pull(offset + from.length)) return -EFAULT;
  const to = skb.packet.range(offset, from.length)!;
  const { checksum } = skb;
  const recomputes = (flags & BPF_F_RECOMPUTE_CSUM) !== 0 && checksum.state === 'complete';
  if (recomputes) checksum.sum = subtract(checksum.sum, shifted(sumOf(to), offset));
  to.set(from);
  if (recomputes) checksum.sum = add(checksum.sum, shifted(sumOf(to), offset));
  if (flags & BPF_F_INVALIDATE_HASH) skb.set('hash', 0);
  return 0;
}

function pull(machine: Machine): void {
  const skb = args.skb(machine);
  const { packet } = skb;
  const wanted = args.u32(machine, 2) || packet.linearEnd - packet.data;
  args.result(machine, packet.pull(wanted) ? 0 : -ENOMEM);
  skb.moved(machine);
}

export const SKB_BYTES_HELPERS: HelperModels<
  'skb_load_bytes' | 'skb_load_bytes_relative' | 'skb_store_bytes' | 'skb_pull_data'
> = {
  skb_load_bytes: load,
  skb_load_bytes_relative: loadRelative,
  skb_store_bytes: store,
  skb_pull_data: pull,
};
