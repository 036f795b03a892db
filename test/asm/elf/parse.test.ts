// What clang makes is read: programs with all they call, maps, global data, lines, and what is left to be resolved.

import test from 'ava';
import { fieldsOf, formatAsm, parseElf, type StructType } from '../../../src/asm/index.ts';
import { run as output } from '../../loader/support/commands.ts';
import { compile, compiled } from './support/compile.ts';

for (const cpu of ['v1', 'v2', 'v3'] as const) {
  test(`subprograms, a callback and global data, -mcpu=${cpu}`, (t) => {
    const { programs, maps, license } = parseElf(compiled('elf/calls.c', cpu));
    t.is(license, 'Dual MIT/GPL');
    t.deepEqual(
      programs.map(({ name, section, type }) => [name, section, type]),
      [
        ['compute', 'tc', 'sched_cls'],
        ['refuse', 'xdp', 'xdp'],
      ],
    );
    const [compute, refuse] = programs;
    t.deepEqual(compute?.functions?.map(({ name }) => name).sort(), [
      'add_prime',
      'compute',
      'four_times',
      'step',
      'twice',
    ]);
    t.deepEqual(
      refuse?.functions?.map(({ name }) => name),
      ['refuse', 'twice'],
    );
    t.is(compute?.unresolved, undefined);
    t.deepEqual(maps.map(({ name, type, valueSize, frozen }) => [name, type, valueSize, frozen]).sort(), [
      ['.bss', 'array', 24, false],
      ['.data', 'array', 4, false],
      ['.rodata', 'array', 28, true],
    ]);
    const rodata = maps.find(({ name }) => name === '.rodata');
    t.deepEqual(
      fieldsOf(rodata?.value as StructType).map(({ name, offset }) => [name, offset]),
      [
        ['limit', 0],
        ['primes', 4],
      ],
    );
    t.is(rodata?.initial?.[0], 7);
  });
}

test('lines and their text come from the object', (t) => {
  const [compute] = parseElf(compiled('elf/calls.c')).programs;
  const places = compute?.locations.filter((location) => location !== undefined) ?? [];
  t.true(places.every(({ file }) => file.endsWith('fixtures/elf/calls.c')));
  t.true(places.some(({ text }) => text?.includes('bpf_loop(limit, step, &sum, 0)')));
  t.regex(formatAsm(compute!), /^; .*calls\.c:\d+: bpf_loop\(limit, step, &sum, 0\);$/m);
  t.regex(formatAsm(compute!), /^; four_times:$/m);
});

test('maps of many types, with the layouts of their keys and values', (t) => {
  const { maps } = parseElf(compiled('elf/maps.c'));
  const of = (symbol: string) => maps.find((map) => map.symbol === symbol);
  t.like(of('records'), {
    name: 'records',
    type: 'hash',
    keySize: 4,
    valueSize: 56,
    maxEntries: 64,
    flags: 1,
  });
  t.is(of('records')?.key.kind, 'be32');
  t.deepEqual(
    fieldsOf(of('records')?.value as StructType).map(({ name, offset, type }) => [name, offset, type.size]),
    [
      ['kind', 0, 1],
      ['pad1', 1, 1],
      ['port', 2, 2],
      ['color', 4, 4],
      ['packets', 8, 8],
      ['mac', 16, 6],
      // Two bit fields.
      ['pad22', 22, 2],
      ['routes', 24, 16],
      ['field40', 40, 4],
      ['pad44', 44, 4],
      ['pointer', 48, 8],
    ],
  );
  t.like(of('routes_by_prefix'), { name: 'routes_by_prefi', type: 'lpm_trie', keySize: 8 });
  t.like(of('events'), { type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 4096 });
  t.like(of('targets'), { type: 'prog_array', keySize: 4, valueSize: 4 });
  t.like(of('tables'), { type: 'hash_of_maps', keySize: 4, valueSize: 4 });
  t.like(of('tables')?.inner, { type: 'array', keySize: 4, valueSize: 8, maxEntries: 2 });
  // Alike in their first 15 characters, which is what the kernel takes.
  t.is(of('counters_of_everything_a')?.name, 'counters_of_eve');
  t.is(of('counters_of_everything_b')?.name, 'counters_of_e.2');
});

test('maps of the old fashion', (t) => {
  const { maps, programs } = parseElf(compiled('elf/legacy.c'));
  t.like(maps[0], { name: 'first', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 16, flags: 1 });
  t.like(maps[1], { name: 'second', type: 'array', keySize: 4, valueSize: 12, maxEntries: 3, flags: 0 });
  t.is(programs[0]?.type, 'xdp');
  t.deepEqual(
    programs[0]?.relocations.map(({ map }) => map.name),
    ['first', 'second'],
  );
});

test('what only a loader can resolve is named', (t) => {
  const [exit, other] = parseElf(compiled('elf/core.c')).programs;
  t.deepEqual(
    exit?.unresolved?.map(({ kind }) => kind),
    ['core', 'core', 'core', 'core', 'core'],
  );
  const said = exit?.unresolved?.map(({ what }) => what).sort();
  t.deepEqual(said, [
    'the byte offset of struct task_struct.pid (CO-RE)',
    'the byte offset of struct task_struct.tasks.prev (CO-RE)',
    'the existence of enum wanted.PRESENT (CO-RE)',
    'the existence of struct task_struct.parent (CO-RE)',
    'the size of struct task_struct (CO-RE)',
  ]);
  t.deepEqual(other?.unresolved, [
    { kind: 'kfunc', index: 0, what: "the kernel's function bpf_rcu_read_lock", name: 'bpf_rcu_read_lock' },
    {
      kind: 'extern',
      index: other?.unresolved?.[1]?.index ?? 0,
      what: 'jiffies, which is defined elsewhere',
      name: 'jiffies',
    },
  ]);
});

for (const twin of ['egress', 'ingress']) {
  test(`the twin ${twin} has the instructions that llvm-objdump counts`, (t) => {
    const object = compile(`twin/${twin}.c`);
    const [program] = parseElf(compiled(`twin/${twin}.c`)).programs;
    const listing = output('llvm-objdump-19', '-d', '--no-show-raw-insn', object);
    const indices = [...listing.matchAll(/^ +(\d+):\t/gm)].map(([, index]) => Number(index));
    // The last instruction is `exit`, or a jump: one unit.
    t.is((program?.code.length ?? 0) / 8, (indices.at(-1) ?? 0) + 1);
    t.is(program?.name, twin);
    t.true(program?.relocations.some(({ map }) => map.name === 'reasons'));
  });
}
