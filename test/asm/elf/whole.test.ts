// Whole objects of clang, as a user takes them: read, run in the interpreter, put into the kernel; both do the same.

import test from 'ava';
import { parseElf } from '../../../src/asm/index.ts';
import { LoaderError, loadObject } from '../../../src/loader/index.ts';
import { interpretObject } from '../../../src/vm/index.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { compiled } from './support/compile.ts';

needsRootAndBpf(test);

const packet = new Uint8Array(64).fill(1);
const CPUS = ['v1', 'v2', 'v3'] as const;
const LEVELS = ['-O1', '-O2', '-Os'] as const;

/** What a packet program returns, in the interpreter and in the kernel; of the programs of other types nothing. */
function both(object: ReturnType<typeof parseElf>, symbols: readonly string[]): [string, number, number][] {
  using loaded = loadObject(object);
  const interpreted = interpretObject(object);
  return symbols.map((symbol) => [
    symbol,
    interpreted.vm(symbol).run({ packet }).returnValue,
    loaded.programs.get(symbol)!.testRun({ data: packet }).returnValue,
  ]);
}

for (const cpu of CPUS) {
  for (const level of LEVELS) {
    test(`a tail call by an array that fills itself, ${level} -mcpu=${cpu}`, (t) => {
      const object = parseElf(compiled('elf/tail.c', cpu, level));
      t.deepEqual(object.maps.find(({ name }) => name === 'jumps')?.slots, [{ index: 2, program: 'second' }]);
      t.deepEqual(both(object, ['first', 'second']), [
        ['first', 3 + 4 + 77, 3 + 4 + 77],
        ['second', 84 + 1 + 77, 84 + 1 + 77],
      ]);
    });

    test(`maps in maps, ${level} -mcpu=${cpu}`, (t) => {
      const object = parseElf(compiled('elf/nested.c', cpu, level));
      t.deepEqual(object.maps.find(({ name }) => name === 'outer')?.slots, [
        { index: 1, map: 'a' },
        { index: 3, map: 'b' },
      ]);
      t.deepEqual(both(object, ['look']), [['look', 15, 15]]);
    });
  }

  test(`programs of many types, -mcpu=${cpu}`, (t) => {
    const object = parseElf(compiled('elf/kinds.c', cpu));
    const symbols = ['classify', 'visit', 'act', 'lookup_table', 'length', 'allow'];
    const results = both(object, symbols);
    t.deepEqual(
      results.map(([symbol, interpreter]) => [symbol, interpreter]),
      [
        ['classify', 3 * 64 + 10 + 64],
        ['visit', 1000 * 201 + 42 + 48],
        ['act', 2],
        ['lookup_table', 200],
        ['length', 1000 + 50],
        ['allow', 1],
      ],
    );
    for (const [symbol, interpreter, kernel] of results) t.is(interpreter, kernel, symbol);
    t.deepEqual(
      object.programs.map(({ symbol, type }) => [symbol, type]),
      [
        ['classify', 'sched_cls'],
        ['visit', 'sched_cls'],
        ['act', 'sched_act'],
        ['lookup_table', 'xdp'],
        ['length', 'socket_filter'],
        ['allow', 'cgroup_skb'],
        ['probe', 'kprobe'],
      ],
    );
    t.throws(() => interpretObject(object).vm('probe').run({ packet }), {
      instanceOf: RangeError,
      message: /'probe' of type kprobe has no packet/,
    });
  });
}

test('without -g there is nothing to know of maps in .maps, but data and the maps of old are read', (t) => {
  t.throws(() => parseElf(compiled('elf/tail.c', 'v3', '-g0')), { message: /without \.BTF/ });
  const object = parseElf(compiled('elf/legacy.c', 'v3', '-g0'));
  t.is(both(object, [object.programs[0]!.symbol])[0]?.[2], 2);
});

test('one program of several; maps of others', (t) => {
  const object = parseElf(compiled('elf/tail.c'));
  using all = loadObject(object);
  using one = loadObject(object, { programs: ['first'], maps: { '.bss': all.maps['.bss']! } });
  t.deepEqual([...one.programs.keys()], ['first']);
  t.false('.bss' in one.maps);
  // Its own array of programs is empty: the call goes on behind itself.
  t.is(one.programs.get('first')!.testRun({ data: packet }).returnValue, 0);
  t.is(all.programs.get('second')!.testRun({ data: packet }).returnValue, 3 + 4 + 77);
  const error = t.throws(() => loadObject(object, { programs: ['third'] }), { instanceOf: LoaderError });
  t.regex(error?.message ?? '', /no program 'third'; there is (first, second|second, first)/);
  t.is(error?.code, 'ENOPROGRAM');
  t.throws(() => interpretObject(object).vm('third'), { message: /no program 'third'/ });
});
