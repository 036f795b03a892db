// What the builder refuses: with which code, and blaming which line of TypeScript. The lines are marked in mistakes.ts.

import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import {
  BuildError,
  be32,
  defineMap,
  HELPERS,
  program,
  struct,
  type TcBuilder,
  u32,
} from '../../../src/asm/index.ts';
import { ENDLESS, MISTAKES } from '../support/mistakes.ts';

const header = struct('header', { address: be32 });
const table = defineMap({ name: 'table', type: 'hash', key: be32, value: u32, maxEntries: 8 });

function refusal(t: ExecutionContext, body: (p: TcBuilder) => void): BuildError | undefined {
  return t.throws(() => program('sched_cls', 'mistaken', body), { instanceOf: BuildError });
}

/** The line a refusal names, as it stands in the source. */
function blamed(t: ExecutionContext, error: BuildError | undefined): string {
  const { location, message = '' } = error ?? {};
  if (!location) {
    t.fail(`no location: ${message}`);
    return '';
  }
  t.true(message.includes(`${location.file}:${location.line}:`), message);
  return readFileSync(location.file, 'utf8').split('\n')[location.line - 1] ?? '';
}

for (const [what, body] of Object.entries(MISTAKES)) {
  test(`${what} is refused at its line`, (t) => {
    const error = refusal(t, body);
    const line = blamed(t, error);
    t.is(/\/\/ ([A-Z_]+)$/.exec(line)?.[1], error?.code, `${error?.code}, blamed on: ${line.trim()}`);
  });
}

for (const [what, body] of Object.entries(ENDLESS)) {
  test(`${what}: a path without a return value is refused`, (t) => {
    t.is(refusal(t, body)?.code, 'MISSING_RETURN');
  });
}

test('a line is found below a condition of many parts, in a helper of a helper', (t) => {
  const deep = (p: TcBuilder, depth: number): void => {
    if (depth > 0) {
      deep(p, depth - 1);
      return;
    }
    const many = Array.from({ length: 40 }, (_, i) => p.skb.mark.eq(i)).reduce((any, one) => any.or(one));
    p.drop();
    p.when(many, () => {}); // UNREACHABLE
  };
  const error = refusal(t, (p) => deep(p, 30));
  t.regex(blamed(t, error), /\/\/ UNREACHABLE$/);
});

/** Numbers that fit nowhere, each with a word of what the message must say of it. */
const LITERALS: { readonly [what: string]: (p: TcBuilder) => void } = {
  'u8 256': (p) => p.constant('u8', 256),
  'u16 65536': (p) => p.constant('u16', 65_536),
  'u32 4294967296': (p) => p.constant('u32', 2 ** 32),
  'u64 18446744073709551616': (p) => p.constant('u64', 1n << 64n),
  'be16 65536': (p) => p.constant('be16', 65_536),
  'be32 4294967296': (p) => p.constant('be32', 2 ** 32),
  'be64 18446744073709551616': (p) => p.constant('be64', 1n << 64n),
  'u32 -1': (p) => p.constant('u32', -1),
  'u64 1.5': (p) => p.constant('u64', 1.5),
  'u64 9007199254740992': (p) => p.constant('u64', 2 ** 53),
  'variable 70000': (p) => p.variable('u16').set(70_000),
  'initial 70000': (p) => p.variable('u16', 70_000),
  'field 4294967296': (p) => p.skb.mark.set(2 ** 32),
  'sum 4294967296': (p) => p.skb.mark.add(2 ** 32),
  'compared 4294967296': (p) => p.skb.mark.eq(2 ** 32),
  'mask 65536': (p) => p.constant('be16', 1).and(65_536),
  'shift 32': (p) => p.skb.mark.shl(32),
  'shift -1': (p) => p.skb.mark.shr(-1),
  'shift 0.5': (p) => p.skb.mark.shr(0.5),
  'shift 64': (p) => p.constant('u64', 1).shl(64),
  'index 5': (p) => p.skb.cb.at(5),
  'index -1': (p) => p.skb.cb.at(-1),
  'exit 4294967301': (p) => p.exit(2 ** 32 + 5),
  'exit 8589934592': (p) => p.exit(2 ** 33),
  'exit 1.5': (p) => p.exit(1.5),
  'exit -2147483649': (p) => p.exit(-(2 ** 31) - 1),
  'argument 18446744073709551617': (p) => p.call(HELPERS.redirect, [2n ** 64n + 1n, 0]),
  'argument -9223372036854775809': (p) => p.call(HELPERS.redirect, [-(2n ** 63n) - 1n, 0]),
  'key 4294967296': (p) => p.lookup(table, 2 ** 32),
  'packet -4': (p) => p.packet.read([header], { at: -4, orElse: () => p.drop() }),
  'packet 1.5': (p) => p.packet.read([header], { at: 1.5, orElse: () => p.drop() }),
  'packet 65536': (p) => p.packet.read([header], { at: 65_536, orElse: () => p.drop() }),
  'packet 1048576': (p) => {
    p.packet.read([header], { at: p.skb.len, atMost: 1_048_576, orElse: () => p.drop() });
  },
};

for (const [what, body] of Object.entries(LITERALS)) {
  test(`a literal that does not fit is refused where it is written: ${what}`, (t) => {
    const number = what.split(' ')[1]!;
    let reached = false;
    const error = t.throws(
      () =>
        program('sched_cls', 'literal', (p) => {
          body(p);
          reached = true;
          p.next();
        }),
      { instanceOf: RangeError },
    );
    t.false(reached, 'refused at once, not later on');
    t.true(error?.message.includes(number), error?.message);
  });
}

test('a program of a type that is not written with the builder', (t) => {
  const type = 'sock_ops' as 'xdp';
  t.throws(() => program(type, 'other', () => {}), {
    instanceOf: TypeError,
    message: /'sock_ops': there is sched_cls and xdp/,
  });
});

test('a body that throws leaves nothing behind', (t) => {
  t.throws(() =>
    program('xdp', 'broken', () => {
      throw new Error('mine');
    }),
  );
  t.notThrows(() => program('xdp', 'sound', (p) => p.exit(p.xdp.ingressIfindex)));
});
