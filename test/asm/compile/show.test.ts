// What the compiler shows of its stages: each is there, in order, says what it did, and changes nothing.

import test from 'ava';
import {
  be32,
  defineMap,
  program,
  STAGES,
  type Stage,
  stagesOf,
  subprogram,
  type TcBuilder,
  u64,
  withSources,
} from '../../../src/asm/index.ts';

const table = defineMap({ name: 'table', type: 'hash', key: be32, value: u64, maxEntries: 4 });
const twice = subprogram('twice', { a: 'u32' }, 'u32', (p, { a }) => p.exit(a.add(a)));

function body(p: TcBuilder): void {
  const entry = p.lookup(table, 0x0a00_0005, { orElse: () => p.drop() });
  entry.increase(1);
  p.rarely(p.skb.mark.add(p.constant('u32', 2).shl(3)).isNegative(), () => p.exit(0x1_0000));
  p.exit(p.invoke(twice, { a: p.skb.len }));
}

const show = (): readonly Stage[] => stagesOf(() => program('sched_cls', 'shown', body));
const textAt = (stage: Stage['stage'], name = 'shown'): string =>
  show().find((one) => one.stage === stage && one.function === name)!.text;

test('every function is shown at every stage, in order', (t) => {
  const stages = show();
  for (const name of ['shown', 'twice']) {
    const own = stages.filter((one) => one.function === name);
    t.deepEqual(
      own.map(({ stage }) => stage),
      [...STAGES],
    );
    t.true(own.every((one) => one.program === 'shown' && one.text.endsWith('\n')));
  }
  t.is(stages.length, 2 * STAGES.length);
});

test('a record is what was said, with the lines that said it', (t) => {
  const text = textAt('record');
  t.true(text.startsWith('; shown(v0): '));
  for (const said of [
    /^ {2}v\d+ = map table ; map$/m,
    /^ {2}v\d+ = call map_lookup_elem\(v\d+, v\d+\) ; value_or_null$/m,
    /^ {2}if64 v\d+ == 0 goto \S+ else \S+$/m,
    /^ {2}atomic_add8 \[v\d+\], 1$/m,
    /^ {2}v\d+ = call twice\(v\d+\)$/m,
    /^\w+: ; seldom$/m,
    /^ {2}exit 0x10000$/m,
    /^ {2}; .*show\.test\.(ts|js):\d+$/m,
  ])
    t.regex(text, said);
});

test('stages say what they did', (t) => {
  t.is(textAt('check'), textAt('record'));
  t.regex(textAt('record'), /lsh32 2, 3$/m);
  t.notRegex(textAt('simplify'), /lsh32/);
  t.regex(textAt('simplify'), /add32 v\d+, 16$/m);
  t.regex(textAt('lower'), /^ {2}r0 = call map_lookup_elem\(r1, r2\)$/m);
  t.regex(textAt('lower'), /stack \w+, 4 bytes at r10 - 4 ; stack$/m);
  t.regex(textAt('allocate'), /v\d+\/r\d/);
  t.notRegex(textAt('allocate'), /v\d+(?!\d|\/r\d)/);
  const emitted = textAt('emit');
  t.regex(emitted, /call bpf_map_lookup_elem#1/);
  const { code } = program('sched_cls', 'shown', body);
  const units = (text: string): number => Number(/: (\d+) instructions/.exec(text)![1]);
  // The map's address is one instruction of two units.
  t.is(units(emitted) + units(textAt('emit', 'twice')) + 1, code.length / 8);
});

test('an arrangement names every block it jumps to', (t) => {
  for (const stage of STAGES) {
    const text = textAt(stage);
    const places = new Set(text.match(/^\S+(?=:)/gm));
    const jumps = [...text.matchAll(/\b(?:goto|else) (\S+)/g)].map(([, to]) => to!);
    t.true(jumps.length > 1);
    t.deepEqual(
      jumps.filter((to) => !places.has(to)),
      [],
      stage,
    );
  }
});

test('the program is the same, watched or not', (t) => {
  let watched = program('sched_cls', 'shown', body);
  const plain = watched.code;
  stagesOf(() => {
    watched = program('sched_cls', 'shown', body);
  });
  t.deepEqual(watched.code, plain);
});

test('only what is built meanwhile is shown, each to its own watcher', (t) => {
  program('xdp', 'before', (p) => p.pass());
  let inner: readonly Stage[] = [];
  const outer = stagesOf(() => {
    program('xdp', 'outer', (p) => p.pass());
    inner = stagesOf(() => program('xdp', 'inner', (p) => p.pass()));
  });
  const names = (stages: readonly Stage[]) => [...new Set(stages.map((one) => one.program))];
  t.deepEqual([names(outer), names(inner)], [['outer'], ['inner']]);
  const error = t.throws(() =>
    stagesOf(() => {
      throw new Error('no');
    }),
  );
  t.is(error?.message, 'no');
  t.deepEqual(names(stagesOf(() => program('xdp', 'after', (p) => p.pass()))), ['after']);
});

test('lines are those that the resolver finds', (t) => {
  const resolve = () => ({ file: '/x/src/here.ts', line: 7, column: 1, text: '  what it says ' });
  const stages = stagesOf(
    () =>
      withSources(
        program('xdp', 'x', (p) => p.pass()),
        resolve,
      ),
    resolve,
  );
  for (const { text } of stages) t.regex(text, /; src\/here\.ts:7: what it says$/m);
});
