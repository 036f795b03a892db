// Counts the instructions that a program executes on a packet. The kernel does not tell, so the program is stepped
// through here, before the kernel rewrites it; the packet that comes out is compared with what the kernel made of it.
// Knows only the instructions and helpers that the NAT programs use; everything else is an error. RFC 9669.

export interface MapModel {
  readonly keySize: number;
  /** Key in hexadecimal -> value, changed in place. */
  readonly entries: Map<string, Buffer>;
}

export interface Code {
  /** As `BPF_PROG_LOAD` takes it, map references unresolved. */
  readonly code: Uint8Array;
  /** Index of a `ld_imm64`, in 8-byte units -> name of the map. */
  readonly maps: ReadonlyMap<number, string>;
}

export interface Execution {
  readonly instructions: number;
  readonly helpers: number;
  readonly result: number;
  readonly packet: Buffer;
}

const CONTEXT = 0x1000_0000;
const PACKET = 0x2000_0000;
const STACK_TOP = 0x3000_0000;
const MAPS = 0x4000_0000;
const VALUES = 0x5000_0000;
const VALUE_SPACING = 0x1000;
const STACK_SIZE = 512;

/** Offsets in `struct __sk_buff` (include/uapi/linux/bpf.h). */
const SKB = { len: 0, protocol: 16, ifindex: 40, data: 76, dataEnd: 80, size: 192 };

const RUNAWAY = 100_000;
const U64 = (1n << 64n) - 1n;

interface Region {
  readonly start: number;
  readonly bytes: Buffer;
}

class Machine {
  readonly regions: Region[] = [];
  readonly packet: Buffer;
  readonly maps: readonly { readonly name: string; readonly model: MapModel }[];
  helpers = 0;

  constructor(packet: Buffer, maps: Readonly<Record<string, MapModel>>) {
    this.packet = Buffer.from(packet);
    this.maps = Object.entries(maps).map(([name, model]) => ({ name, model }));
    const context = Buffer.alloc(SKB.size);
    context.writeUInt32LE(packet.length, SKB.len);
    context.writeUInt32LE(packet.readUInt16LE(12), SKB.protocol);
    context.writeUInt32LE(1, SKB.ifindex);
    context.writeUInt32LE(PACKET, SKB.data);
    context.writeUInt32LE(PACKET + packet.length, SKB.dataEnd);
    this.regions.push(
      { start: CONTEXT, bytes: context },
      { start: PACKET, bytes: this.packet },
      { start: STACK_TOP - STACK_SIZE, bytes: Buffer.alloc(STACK_SIZE) },
    );
  }

  at(address: bigint, size: number): Buffer {
    const wanted = Number(address);
    for (const { start, bytes } of this.regions) {
      if (wanted >= start && wanted + size <= start + bytes.length) {
        return bytes.subarray(wanted - start, wanted - start + size);
      }
    }
    throw new Error(`access of ${size} bytes at 0x${wanted.toString(16)}, where nothing is`);
  }

  handle(name: string): bigint {
    const index = this.maps.findIndex((map) => map.name === name);
    if (index < 0) throw new Error(`no map '${name}'`);
    return BigInt(MAPS + index);
  }

  lookup(handle: bigint, key: bigint): bigint {
    const model = this.maps[Number(handle) - MAPS]?.model;
    if (!model) throw new Error('look-up in what is no map');
    const value = model.entries.get(this.at(key, model.keySize).toString('hex'));
    if (!value) return 0n;
    const known = this.regions.find(({ bytes }) => bytes === value);
    if (known) return BigInt(known.start);
    const start = VALUES + this.regions.length * VALUE_SPACING;
    this.regions.push({ start, bytes: value });
    return BigInt(start);
  }

  /** RFC 1624: a one's complement checksum in the packet, after `from` became `to`. */
  replaceChecksum(offset: number, from: bigint, to: bigint, flags: bigint): bigint {
    const size = Number(flags & 0xfn);
    const mangledZero = (flags & 0x20n) !== 0n;
    if (offset + 2 > this.packet.length) return -14n & U64;
    const old = this.packet.readUInt16LE(offset);
    if (mangledZero && old === 0) return 0n;
    const words = (value: bigint) =>
      size === 2 ? [Number(value & 0xffffn)] : [Number(value & 0xffffn), Number((value >> 16n) & 0xffffn)];
    let sum = ~old & 0xffff;
    for (const word of words(from)) sum += ~word & 0xffff;
    for (const word of words(to)) sum += word;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    const next = ~sum & 0xffff;
    this.packet.writeUInt16LE(mangledZero && next === 0 ? 0xffff : next, offset);
    return 0n;
  }

  call(id: number, [r1, r2, r3, r4, r5]: readonly [bigint, bigint, bigint, bigint, bigint]): bigint {
    this.helpers += 1;
    const offset = Number(r2 & 0xffff_ffffn);
    switch (id) {
      case 1: // map_lookup_elem(map, key)
        return this.lookup(r1, r2);
      case 9: // skb_store_bytes(skb, offset, from, len, flags)
        this.at(r3, Number(r4)).copy(this.packet, offset);
        return 0n;
      case 10: // l3_csum_replace(skb, offset, from, to, size)
      case 11: // l4_csum_replace(skb, offset, from, to, flags)
        return this.replaceChecksum(offset, r3, r4, r5);
      case 26: // skb_load_bytes(skb, offset, to, len)
        if (offset + Number(r4) > this.packet.length) return -14n & U64;
        this.packet.copy(this.at(r3, Number(r4)), 0, offset, offset + Number(r4));
        return 0n;
      case 39: // skb_pull_data(skb, len): all of it is linear already
        return 0n;
      default:
        throw new Error(`helper ${id} is not modelled`);
    }
  }
}

const SIZES = [4, 2, 1, 8] as const;

const load = (bytes: Buffer): bigint => {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at] ?? 0);
  return value;
};

const store = (bytes: Buffer, value: bigint): void => {
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number((value >> BigInt(8 * at)) & 0xffn);
};

function arithmetic(operation: number, a: bigint, b: bigint, bits: bigint): bigint {
  const shift = b & (bits - 1n);
  switch (operation) {
    case 0x0:
      return a + b;
    case 0x1:
      return a - b;
    case 0x2:
      return a * b;
    case 0x3:
      return b === 0n ? 0n : a / b;
    case 0x4:
      return a | b;
    case 0x5:
      return a & b;
    case 0x6:
      return a << shift;
    case 0x7:
      return a >> shift;
    case 0x8:
      return -a;
    case 0x9:
      return b === 0n ? a : a % b;
    case 0xa:
      return a ^ b;
    case 0xb:
      return b;
    case 0xc:
      return BigInt.asIntN(Number(bits), a) >> shift;
    default:
      throw new Error(`arithmetic 0x${operation.toString(16)} is not modelled`);
  }
}

function holds(operation: number, a: bigint, b: bigint, bits: number): boolean {
  const [x, y] = [BigInt.asIntN(bits, a), BigInt.asIntN(bits, b)];
  switch (operation) {
    case 0x1:
      return a === b;
    case 0x2:
      return a > b;
    case 0x3:
      return a >= b;
    case 0x4:
      return (a & b) !== 0n;
    case 0x5:
      return a !== b;
    case 0x6:
      return x > y;
    case 0x7:
      return x >= y;
    case 0xa:
      return a < b;
    case 0xb:
      return a <= b;
    case 0xc:
      return x < y;
    case 0xd:
      return x <= y;
    default:
      throw new Error(`condition 0x${operation.toString(16)} is not modelled`);
  }
}

function swap(value: bigint, bits: number): bigint {
  const bytes = Buffer.alloc(bits / 8);
  store(bytes, value);
  return load(bytes.reverse());
}

/** Steps through `program` on `packet`. Map values change in place. @throws Error for what it does not know */
export function execute(
  { code, maps: references }: Code,
  packet: Buffer,
  maps: Readonly<Record<string, MapModel>>,
): Execution {
  const machine = new Machine(packet, maps);
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const r: bigint[] = Array<bigint>(11).fill(0n);
  r[1] = BigInt(CONTEXT);
  r[10] = BigInt(STACK_TOP);
  const reg = (index: number): bigint => r[index] ?? 0n;
  let instructions = 0;
  for (let pc = 0; ; pc++) {
    if (++instructions > RUNAWAY) throw new Error('it does not end');
    const opcode = view.getUint8(pc * 8);
    const registers = view.getUint8(pc * 8 + 1);
    const dst = registers & 0xf;
    const src = registers >> 4;
    const offset = view.getInt16(pc * 8 + 2, true);
    const imm = view.getInt32(pc * 8 + 4, true);
    const kind = opcode & 0x7;
    const operation = opcode >> 4;
    const operand = (opcode & 0x8) !== 0 ? reg(src) : BigInt(imm);
    if (kind === 0x4 || kind === 0x7) {
      const bits = kind === 0x7 ? 64 : 32;
      if (operation === 0xd) {
        // le, be, or with the 64-bit class an unconditional swap
        const swaps = kind === 0x7 || (opcode & 0x8) !== 0;
        r[dst] = swaps ? swap(reg(dst), imm) : BigInt.asUintN(imm, reg(dst));
        continue;
      }
      const signed = offset !== 0 && operation === 0xb ? BigInt.asIntN(offset, operand) : operand;
      const a = BigInt.asUintN(bits, reg(dst));
      r[dst] = BigInt.asUintN(bits, arithmetic(operation, a, BigInt.asUintN(bits, signed), BigInt(bits)));
    } else if (kind === 0x5 || kind === 0x6) {
      if (kind === 0x5 && operation === 0x9) {
        return {
          instructions,
          helpers: machine.helpers,
          result: Number(BigInt.asUintN(32, reg(0))),
          packet: machine.packet,
        };
      }
      if (kind === 0x5 && operation === 0x8) {
        if (src !== 0) throw new Error('only helpers can be called');
        r[0] = machine.call(imm, [reg(1), reg(2), reg(3), reg(4), reg(5)]);
      } else if (operation === 0x0) {
        pc += kind === 0x6 ? imm : offset;
      } else {
        const bits = kind === 0x5 ? 64 : 32;
        const [a, b] = [BigInt.asUintN(bits, reg(dst)), BigInt.asUintN(bits, operand)];
        if (holds(operation, a, b, bits)) pc += offset;
      }
    } else if (kind === 0x0) {
      const name = references.get(pc);
      const high = BigInt(view.getUint32(pc * 8 + 12, true));
      r[dst] = name === undefined ? (high << 32n) | BigInt(imm >>> 0) : machine.handle(name);
      pc += 1;
    } else {
      const size = SIZES[(opcode >> 3) & 0x3] ?? 8;
      const mode = opcode >> 5;
      if (kind === 0x1) {
        const value = load(machine.at(reg(src) + BigInt(offset), size));
        r[dst] = mode === 0x4 ? BigInt.asUintN(64, BigInt.asIntN(size * 8, value)) : value;
        continue;
      }
      const target = machine.at(reg(dst) + BigInt(offset), size);
      if (mode === 0x6) {
        if (imm !== 0) throw new Error(`atomic operation ${imm} is not modelled`);
        store(target, load(target) + reg(src));
      } else {
        store(target, kind === 0x2 ? BigInt(imm) : reg(src));
      }
    }
  }
}
