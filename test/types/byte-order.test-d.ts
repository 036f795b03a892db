// A Be32 is not a U32: what each kind of integer meets, what it becomes, and where it may be put.

import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';
import {
  be16,
  be32,
  be64,
  bytes,
  type Condition,
  type Expression,
  type Place,
  struct,
  type TcBuilder,
  u8,
  u16,
  u32,
  u64,
  type Value,
} from 'tsnat/asm';

declare const p: TcBuilder;
const layout = struct('fields', {
  a: u8,
  b: u16,
  c: u32,
  d: u64,
  e: be16,
  f: be32,
  g: be64,
  m: bytes(6),
});
const { view: v } = p.stack(layout);

expectType<Place<'be32'>>(v.f);
expectType<Place<'u32'>>(v.c);
expectAssignable<Expression<'be32'>>(v.f);
expectNotAssignable<Expression<'u32'>>(v.f);
expectNotAssignable<Expression<'be32'>>(v.c);

// Compared.
expectType<Condition>(v.f.eq(v.f));
expectType<Condition>(v.f.eq(0x0a00_0005));
expectType<Condition>(v.a.lt(v.d));
expectError(v.f.eq(v.c));
expectError(v.c.eq(v.f));
expectError(v.e.eq(v.f));
expectError(v.f.ne(p.constant('u32', 1)));
expectError(v.f.lt(1));
expectError(v.e.gt(v.e));
expectError(v.c.lt(v.f));
expectError(v.m.eq(1));
expectError(v.c.eq('1'));

// Calculated with: host integers grow as in C, network integers keep their kind or do not go.
expectType<Value<'u32'>>(v.a.add(v.b));
expectType<Value<'u64'>>(v.a.add(v.d));
expectType<Value<'u32'>>(v.b.add(1));
expectType<Value<'be32'>>(v.f.and(0xff));
expectType<Value<'be16'>>(v.e.xor(v.e));
expectType<Value<'be32'>>(v.f.not());
expectError(v.f.add(1));
expectError(v.c.add(v.f));
expectError(v.f.sub(v.f));
expectError(v.f.and(v.c));
expectError(v.c.and(v.f));
expectError(v.e.xor(v.f));
expectError(v.f.shl(8));
expectError(v.e.shr(8));

// From one order to the other, by name only.
expectType<Value<'u32'>>(v.f.toHost());
expectType<Value<'be32'>>(v.c.toNetwork());
expectType<Value<'u16'>>(v.e.bits());
expectType<Value<'be64'>>(v.d.bits());
expectType<Value<'u16'>>(v.c.as('u16'));
expectError(v.f.as('u32'));
expectError(v.c.as('be32'));
expectError(v.c.toHost());
expectError(v.f.toNetwork());
expectError(v.a.toNetwork());

// Stored: nothing that may not fit, nothing in the other order.
expectType<void>(v.f.set(v.c.toNetwork()));
expectType<void>(v.d.set(v.a));
expectError(v.f.set(v.c));
expectError(v.c.set(v.f));
expectError(v.g.set(v.f));
expectError(v.b.set(v.c));
expectError(v.a.set(v.a.add(1)));
expectError(v.f.increase(1));
expectError(p.variable('be32'));
expectError(p.packet.store('be32', 30, v.c));
expectError(p.exit(v.f));
