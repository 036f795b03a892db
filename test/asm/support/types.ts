// What TypeScript itself refuses. Where a type is too wide a marked line compiles, and the build fails because its mark
// is unused: this file passes by being compiled. None of it is run.

import {
  array,
  be16,
  be32,
  be64,
  bytes,
  defineMap,
  instruction,
  program,
  struct,
  subprogram,
  type TcBuilder,
  u8,
  u16,
  u32,
  u64,
} from '../../../src/asm/index.ts';

const fields = struct('fields', {
  a: u8,
  b: u16,
  c: u32,
  d: u64,
  e: be16,
  f: be32,
  g: be64,
  m: bytes(6),
  n: bytes(4),
  q: array(u32, 2),
});
const byAddress = defineMap({ name: 'by_address', type: 'hash', key: be32, value: fields, maxEntries: 1 });
const byPair = defineMap({
  name: 'by_pair',
  type: 'hash',
  key: struct('pair', { a: be32, b: u32 }),
  value: u64,
  maxEntries: 1,
});
const sum = subprogram('sum', { a: 'u32', b: 'be16' }, 'u32', (p, { a }) => p.exit(a));
// @ts-expect-error a result is no wider than it says
subprogram('wide', { a: 'u64' }, 'u32', (p, { a }) => p.exit(a));

export function compared(p: TcBuilder): void {
  const { view: v } = p.stack(fields);
  v.f.eq(1).and(v.e.ne(v.e)).and(v.c.lt(v.d)).and(v.a.eq(v.d));
  // @ts-expect-error a be32 is not a u32
  v.f.eq(v.c);
  // @ts-expect-error nor the other way round
  v.c.eq(v.f);
  // @ts-expect-error not even of another size
  v.e.eq(v.f);
  // @ts-expect-error not as a value either
  v.f.ne(p.constant('u32', 1));
  // @ts-expect-error network order has no less
  v.f.lt(1);
  // @ts-expect-error nor greater
  v.e.gt(v.e);
  // @ts-expect-error nor at most
  v.g.le(1n);
  // @ts-expect-error nor at least
  v.g.ge(v.g);
  // @ts-expect-error nor a sign
  v.f.isNegative();
  // @ts-expect-error a host value is not compared with one in network order
  v.c.lt(v.f);
  // @ts-expect-error what is calculated with as 32 bits has no sign of its own
  v.a.isNegative();
  // @ts-expect-error nor have 16 bits
  v.b.isNegative();
  // @ts-expect-error bytes are no number
  v.m.eq(1);
  // @ts-expect-error text is no number
  v.c.eq('1');
}

export function calculated(p: TcBuilder): void {
  const { view: v } = p.stack(fields);
  v.f.and(0xff).or(v.f).xor(v.f).not();
  v.a.add(v.d).sub(1).shl(3);
  // @ts-expect-error network order cannot be added
  v.e.add(1);
  // @ts-expect-error nor to a host value
  v.c.add(v.f);
  // @ts-expect-error nor subtracted
  v.f.sub(v.f);
  // @ts-expect-error masked with its own kind only
  v.f.and(v.c);
  // @ts-expect-error a host value neither
  v.c.and(v.f);
  // @ts-expect-error be16 and be32 neither
  v.e.xor(v.f);
  // @ts-expect-error in no order
  v.f.and(v.e);
  // @ts-expect-error nor with a host value
  v.f.or(p.constant('u32', 1));
  // @ts-expect-error bits are not moved in network order
  v.f.shl(8);
  // @ts-expect-error in no direction
  v.e.shr(8);
  // @ts-expect-error a cast is no change of byte order
  v.f.as('u32');
  // @ts-expect-error and makes no network order
  v.c.as('be32');
  // @ts-expect-error a host value is in host order
  v.c.toHost();
  // @ts-expect-error and a network value in network order
  v.f.toNetwork();
  // @ts-expect-error one byte has no order
  v.a.toNetwork();
  // @ts-expect-error nor has it other bits
  v.a.bits();
  // @ts-expect-error shifts are by constants
  v.c.shl(v.a);
}

export function stored(p: TcBuilder): void {
  const { view: v } = p.stack(fields);
  v.d.set(v.a);
  v.c.set(v.b);
  v.f.set(v.c.toNetwork());
  v.f.set(v.c.bits());
  // @ts-expect-error a u32 may not fit a u16
  v.b.set(v.c);
  // @ts-expect-error nor a u16 a u8
  v.a.set(v.b);
  // @ts-expect-error nor a u64 a u32
  v.c.set(v.d);
  // @ts-expect-error a sum of bytes is no byte
  v.a.set(v.a.add(1));
  // @ts-expect-error a be32 is not a u32
  v.c.set(v.f);
  // @ts-expect-error a be16 no u16
  v.b.set(v.e);
  // @ts-expect-error a u32 is not a be32
  v.f.set(v.c);
  // @ts-expect-error a be16 no be32
  v.f.set(v.e);
  // @ts-expect-error nothing smaller, either
  v.g.set(v.f);
  // @ts-expect-error a number is not bytes
  v.m.set(5);
  // @ts-expect-error counters are 32 or 64 bits wide
  v.b.increase(1);
  // @ts-expect-error and in host order
  v.f.increase(1);
  // @ts-expect-error by what fits them
  v.c.increase(v.d);
  // @ts-expect-error a field that is not there
  v.z.set(1);
}

export function declared(p: TcBuilder): void {
  const v = p.variable('u16', 1);
  const { view } = p.stack(fields);
  v.set(view.a);
  // @ts-expect-error variables are calculated with: no network order
  p.variable('be32');
  // @ts-expect-error of a known kind
  p.variable('u128');
  // @ts-expect-error that holds what is put in
  v.set(view.c);
  // @ts-expect-error from the start
  p.variable('u16', view.c);
  // @ts-expect-error a return code is in host order
  p.exit(view.f);
  // @ts-expect-error and no text
  p.exit('pass');
  // @ts-expect-error a condition is no value
  p.when(view.c, () => p.drop());
  // @ts-expect-error a condition is no JavaScript truth
  p.when(true, () => p.drop());
  p.next();
}

export function lookedUp(p: TcBuilder): void {
  const { view } = p.stack(fields);
  const found = p.lookup(byAddress, view.f, { orElse: () => p.drop() });
  found.c.set(1);
  const asked = p.lookup(byAddress, view.f);
  // @ts-expect-error an entry has its value behind `value`
  asked.c.set(1);
  // @ts-expect-error the key is in network order
  p.lookup(byAddress, view.c);
  // @ts-expect-error of the right size
  p.lookup(byAddress, view.e);
  // @ts-expect-error a key of two parts
  p.lookup(byPair, 1);
  // @ts-expect-error of both
  p.lookup(byPair, { a: 1 });
  // @ts-expect-error in their orders
  p.lookup(byPair, { a: view.c, b: 2 });
  // @ts-expect-error the packet has headers, not numbers
  p.packet.read([u32], { orElse: () => p.drop() });
  // @ts-expect-error what if it is too short
  p.packet.read([fields]);
  // @ts-expect-error a place in the packet that is not constant needs a bound
  p.packet.read([fields], { at: view.c, orElse: () => p.drop() });
  // @ts-expect-error stored in the order of its kind
  p.packet.store('be32', 30, view.c);
  // @ts-expect-error positions are in host order
  p.packet.store('be32', view.f, 1);
  p.next();
}

export function called(p: TcBuilder): void {
  const { view } = p.stack(fields);
  p.invoke(sum, { a: view.c, b: view.e });
  // @ts-expect-error an argument of the other byte order
  p.invoke(sum, { a: view.f, b: view.e });
  // @ts-expect-error one is missing
  p.invoke(sum, { a: 1 });
  // @ts-expect-error too wide
  p.invoke(sum, { a: view.d, b: 1 });
  p.next();
}

export function builtFor(): void {
  // @ts-expect-error a context of XDP is not one of TC
  program('xdp', 'wrong', (p) => p.skb.len);
  // @ts-expect-error nor the other way round
  program('sched_cls', 'wrong', (p) => p.xdp.data);
  // @ts-expect-error there is no r11
  instruction.mov.imm(11, 1);
  // @ts-expect-error no access of three bytes
  instruction.load(3, 1, 2, 0);
  // @ts-expect-error no swap of 24 bits
  instruction.be(1, 24);
  // @ts-expect-error no atomic addition to two bytes
  instruction.atomicAdd(2, 1, 0, 2);
}
