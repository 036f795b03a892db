// Checksum helpers (net/core/filter.c, net/core/utils.c): in a packet by what changed, and over memory.

import { LITTLE_ENDIAN } from '../../asm/index.ts';
import type { Machine } from '../core/machine.ts';
import type { HelperModels } from '../environment.ts';
import { EACCES, EFAULT, EINVAL, ENOTSUPP } from '../errno.ts';
import type { Skb } from '../packet/skb.ts';
import { add, fold, from32to16, subtract, sumOf } from '../packet/sum.ts';
import * as args from './arguments.ts';

const BPF_F_HDR_FIELD_MASK = 0xf;
const BPF_F_PSEUDO_HDR = 1 << 4;
const BPF_F_MARK_MANGLED_0 = 1 << 5;
const BPF_F_MARK_ENFORCE = 1 << 6;
const BPF_F_IPV6 = 1 << 7;
const L4_FLAGS =
  BPF_F_HDR_FIELD_MASK | BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE | BPF_F_IPV6;
/** UDP's "none" is zero, so a sum that comes out as zero is written as its other zero. */
const CSUM_MANGLED_0 = 0xffff;
const CHECKSUM_SIZE = 2;
const MAX_OFFSET = 0xffff;

/** bpf_csum_level */
const BPF_CSUM_LEVEL_QUERY = 0;
const BPF_CSUM_LEVEL_INC = 1;
const BPF_CSUM_LEVEL_DEC = 2;
const BPF_CSUM_LEVEL_RESET = 3;
/** Kernel's SKB_MAX_CSUM_LEVEL */
const MAX_LEVEL = 3;

interface Field {
  get(): number;
  set(value: number): void;
}

/** A checksum in the packet, in the machine's byte order; an error number where it cannot be reached. */
function fieldAt(machine: Machine, skb: Skb, flags: number, allowed: number): Field | number {
  // Flags beyond 32 bits are unknown ones too.
  if (flags > allowed || (flags & ~allowed) !== 0) return -EINVAL;
  const offset = args.u32(machine, 2);
  if (offset > MAX_OFFSET || (offset & 1) !== 0) return -EFAULT;
  if (!skb.packet.pull(offset + CHECKSUM_SIZE)) return -EFAULT;
  const { packet } = skb;
  return {
    get: () => packet.region.view.getUint16(packet.data + offset, LITTLE_ENDIAN),
    set: (value) => packet.region.view.setUint16(packet.data + offset, value, LITTLE_ENDIAN),
  };
}

const add16 = (a: number, b: number): number => {
  const sum = a + b;
  return sum > 0xffff ? (sum + 1) & 0xffff : sum;
};

const complement = (sum: number): number => ~sum >>> 0;

/** csum_replace4 */
const replaced4 = (check: number, from: number, to: number): number =>
  fold(add(subtract(complement(check), from), to));
/** csum_replace2 */
const replaced2 = (check: number, from: number, to: number): number =>
  ~add16(add16(~check & 0xffff, ~from & 0xffff), to & 0xffff) & 0xffff;
/** csum_replace_by_diff */
const replacedByDiff = (check: number, diff: number): number => fold(add(diff, complement(check)));

function l3Replace(machine: Machine): void {
  const skb = args.skb(machine);
  args.result(machine, replaceL3(machine, skb));
  skb.moved(machine);
}

function replaceL3(machine: Machine, skb: Skb): number {
  const flags = args.flagsOf(machine, 5);
  const field = fieldAt(machine, skb, flags, BPF_F_HDR_FIELD_MASK);
  if (typeof field === 'number') return field;
  const [from, to] = [args.u32(machine, 3), args.u32(machine, 4)];
  switch (flags) {
    case 0:
      if (args.u64(machine, 3) !== 0n) return -EINVAL;
      field.set(replacedByDiff(field.get(), to));
      return 0;
    case 2:
      field.set(replaced2(field.get(), from, to));
      return 0;
    case 4:
      field.set(replaced4(field.get(), from, to));
      return 0;
    default:
      return -EINVAL;
  }
}

function l4Replace(machine: Machine): void {
  const skb = args.skb(machine);
  args.result(machine, replaceL4(machine, skb));
  skb.moved(machine);
}

function replaceL4(machine: Machine, skb: Skb): number {
  const flags = args.flagsOf(machine, 5);
  const field = fieldAt(machine, skb, flags, L4_FLAGS);
  if (typeof field === 'number') return field;
  const mangles = (flags & BPF_F_MARK_MANGLED_0) !== 0;
  if (mangles && (flags & BPF_F_MARK_ENFORCE) === 0 && field.get() === 0) return 0;
  const [from, to] = [args.u32(machine, 3), args.u32(machine, 4)];
  switch (flags & BPF_F_HDR_FIELD_MASK) {
    case 0:
      if (args.u64(machine, 3) !== 0n) return -EINVAL;
      protocolByDiff(field, skb, to, flags);
      break;
    case 2:
      protocolReplace(field, skb, from & 0xffff, to & 0xffff, flags);
      break;
    case 4:
      protocolReplace(field, skb, from, to, flags);
      break;
    default:
      return -EINVAL;
  }
  if (mangles && field.get() === 0) field.set(CSUM_MANGLED_0);
  return 0;
}

/** inet_proto_csum_replace4: a partial checksum holds the pseudo-header's sum alone, and not its complement. */
function protocolReplace(field: Field, { checksum }: Skb, from: number, to: number, flags: number): void {
  const pseudo = (flags & BPF_F_PSEUDO_HDR) !== 0;
  if (checksum.state !== 'partial') {
    field.set(replaced4(field.get(), from, to));
    if (checksum.state === 'complete' && pseudo) {
      checksum.sum = complement(add(subtract(complement(checksum.sum), from), to));
    }
  } else if (pseudo) field.set(~fold(add(subtract(field.get(), from), to)));
}

/** inet_proto_csum_replace_by_diff */
function protocolByDiff(field: Field, { checksum }: Skb, diff: number, flags: number): void {
  const pseudo = (flags & BPF_F_PSEUDO_HDR) !== 0;
  if (checksum.state !== 'partial') {
    field.set(replacedByDiff(field.get(), diff));
    if (checksum.state === 'complete' && pseudo && (flags & BPF_F_IPV6) === 0) {
      checksum.sum = complement(subtract(diff, checksum.sum));
    }
  } else if (pseudo) field.set(~fold(add(diff, field.get())));
}

/** Folded to 16 bits since Linux 6.13. */
function diff(machine: Machine): void {
  const [fromSize, toSize] = [args.size(machine, 2), args.size(machine, 4)];
  const from = args.readable(machine, 1, fromSize);
  const to = args.readable(machine, 3, toSize);
  const seed = args.u32(machine, 5);
  let sum = seed;
  if (fromSize > 0 && toSize > 0) sum = subtract(sumOf(to, seed), sumOf(from));
  else if (toSize > 0) sum = sumOf(to, seed);
  else if (fromSize > 0) sum = complement(sumOf(from, complement(seed)));
  args.resultU32(machine, from32to16(sum));
}

function update(machine: Machine) {
  const { checksum } = args.skb(machine);
  const delta = args.u32(machine, 2);
  if (checksum.state !== 'complete') return args.result(machine, -ENOTSUPP);
  checksum.sum = add(checksum.sum, delta);
  args.resultU32(machine, checksum.sum);
}

function level(machine: Machine): void {
  const { checksum } = args.skb(machine);
  args.result(machine, changeLevel(checksum, args.flagsOf(machine, 2)));
}

function changeLevel(checksum: Skb['checksum'], what: number): number {
  const checked = checksum.state === 'unnecessary';
  switch (what) {
    case BPF_CSUM_LEVEL_QUERY:
      return checked ? checksum.level : -EACCES;
    case BPF_CSUM_LEVEL_INC:
      if (checked) checksum.level = Math.min(checksum.level + 1, MAX_LEVEL);
      else if (checksum.state === 'none') Object.assign(checksum, { state: 'unnecessary', level: 0 });
      return 0;
    case BPF_CSUM_LEVEL_DEC:
      if (checked && checksum.level === 0) checksum.state = 'none';
      else if (checked) checksum.level -= 1;
      return 0;
    case BPF_CSUM_LEVEL_RESET:
      if (checked) Object.assign(checksum, { state: 'none', level: 0 });
      return 0;
    default:
      return -EINVAL;
  }
}

export const CHECKSUM_HELPERS: HelperModels<
  'l3_csum_replace' | 'l4_csum_replace' | 'csum_diff' | 'csum_update' | 'csum_level'
> = {
  l3_csum_replace: l3Replace,
  l4_csum_replace: l4Replace,
  csum_diff: diff,
  csum_update: update,
  csum_level: level,
};
