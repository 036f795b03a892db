// Control flow: conditions are no JavaScript truths, counters of loops are in host order, functions keep their types.

import { expectError, expectType } from 'tsd';
import {
  be16,
  be32,
  type Condition,
  type Expression,
  instruction,
  type Program,
  program,
  type Subprogram,
  struct,
  subprogram,
  type TcBuilder,
  u32,
  u64,
  type Value,
  type Variable,
} from 'tsnat/asm';

declare const p: TcBuilder;
const { view: v } = p.stack(struct('fields', { host: u32, wide: u64, net: be32, port: be16 }));

// Loops.
p.loop(4, (i, stop) => {
  expectType<Expression<'u32'>>(i);
  expectType<() => void>(stop);
  expectType<Value<'u32'>>(i.add(1));
  expectType<Condition>(i.lt(v.host));
  expectError(i.eq(v.net));
  expectError(i.set(1));
});
expectError(p.loop(v.host, () => {}));
expectError(p.loop('4', () => {}));

// Conditions.
expectType<Condition>(v.host.eq(1).and(v.net.ne(2)).or(v.port.eq(3)).not());
expectError(p.when(true, () => p.drop()));
expectError(p.when(v.host, () => p.drop()));
expectError(p.when(v.host.eq(1)));
expectError(v.host.eq(1).and(v.host));

// Matches are by the kind matched.
p.match(v.port, [[80, () => p.drop()]], () => p.next());
expectError(p.match(v.port, [[v.host, () => p.drop()]], () => p.next()));

// Variables.
const counter = p.variable('u32', 1);
expectType<Variable<'u32'>>(counter);
counter.set(counter.add(1));
expectError(counter.set(v.wide));
expectError(counter.set(v.net));
expectError(p.variable('u128'));

// Subprograms.
const sum = subprogram('sum', { a: 'u32', b: 'be16' }, 'u32', (f, { a, b }) => {
  expectType<Value<'u32'>>(a);
  expectType<Value<'be16'>>(b);
  expectError(f.exit(b));
  f.exit(a);
});
expectType<Subprogram<{ readonly a: 'u32'; readonly b: 'be16' }, 'u32'>>(sum);
expectType<Value<'u32'>>(p.invoke(sum, { a: v.host, b: v.port }));
expectError(p.invoke(sum, { a: v.net, b: v.port }));
expectError(p.invoke(sum, { a: v.host }));
expectError(p.invoke(sum, { a: v.wide, b: v.port }));
expectError(p.invoke(sum, { a: 1, b: 2, c: 3 }));

// Programs have the verdicts and the context of their type.
expectType<Program>(program('xdp', 'x', (x) => x.pass()));
expectError(program('xdp', 'x', (x) => x.skb.len));
expectError(program('sched_cls', 'x', (x) => x.xdp.data));
expectError(program('sched_cls', 'x', (x) => x.transmit()));
expectError(program('tracepoint', 'x', () => {}));

// Instructions have the registers and sizes that there are.
expectError(instruction.mov.imm(11, 1));
expectError(instruction.load(3, 1, 2, 0));
expectError(instruction.be(1, 24));
expectError(instruction.atomicAdd(2, 1, 0, 2));
