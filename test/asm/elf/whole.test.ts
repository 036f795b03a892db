// Whole objects of clang, as a user takes them: read, run in the interpreter, put into the kernel; both do the same.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import test from 'ava';
import { formatAsm, parseElf, resolveCore } from '../../../src/asm/index.ts';
import { BpfProgram, LoaderError, loadObject } from '../../../src/loader/index.ts';
import { interpretObject } from '../../../src/vm/index.ts';
import { run } from '../../loader/support/commands.ts';
import { BPF_FS, ownFolder, removeFolder, uniqueName } from '../../support/registry.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { compile, compiled } from './support/compile.ts';

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

/** What bpftool, which has libbpf do it, makes of a program: its result. */
function byLibbpf(path: string, symbol: string): number {
  const folder = `${BPF_FS}/${uniqueName('fitted')}`;
  ownFolder(folder);
  try {
    run('bpftool', 'prog', 'loadall', path, folder);
    using program = BpfProgram.openPin(`${folder}/${symbol}`)!;
    return program.testRun({ data: packet }).returnValue;
  } finally {
    removeFolder(folder);
  }
}

test('programs are fitted to the kernel: members, sizes, bit fields, enumerations, functions', (t) => {
  const path = compile('elf/fitted.c');
  const object = parseElf(new Uint8Array(readFileSync(path)));
  t.is(object.programs.flatMap(({ unresolved = [] }) => unresolved).length, 18);
  using loaded = loadObject(object);
  const results = ['tgid', 'facts', 'length'].map((symbol) => {
    const program = loaded.programs.get(symbol)!;
    return program.testRun({ data: packet }).returnValue;
  });
  const PACKET_MULTICAST = 2;
  t.deepEqual(results, [process.pid, 1000 * 16 + 100 * 16 + 6, 1000 * PACKET_MULTICAST + packet.length]);
  t.deepEqual([byLibbpf(path, 'facts'), byLibbpf(path, 'length')], results.slice(1));
});

test('without a kernel, types are as the object has them', (t) => {
  const object = parseElf(compiled('elf/fitted.c'));
  const own = resolveCore(object, object.btf!);
  t.deepEqual(
    own.programs.map(({ unresolved = [] }) => unresolved.map(({ what }) => what)),
    [[], [], ["the kernel's function bpf_cast_to_kern_ctx"]],
  );
  // The object was compiled for its own types: nothing but what asks whether something is there changes.
  const [before, after] = [object, own].map(
    ({ programs }) => programs.find(({ symbol }) => symbol === 'tgid')!,
  );
  t.deepEqual(after!.code, before!.code);
  t.regex(formatAsm(object.programs[0]!), /; to be filled in: the byte offset of struct task_struct___mine/);
  const error = t.throws(() => interpretObject(object).vm('length'), { instanceOf: RangeError });
  t.regex(error?.message ?? '', /unresolved kfunc: the kernel's function bpf_cast_to_kern_ctx/);
});

test('what the kernel does not have either is named', (t) => {
  const error = t.throws(() => loadObject(parseElf(compiled('elf/core.c'))), { code: 'EUNRESOLVED' });
  t.regex(error?.message ?? '', /jiffies/);
  t.notRegex(error?.message ?? '', /CO-RE|bpf_rcu_read_lock/);
});
