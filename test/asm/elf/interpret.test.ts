// Objects of clang, run in the interpreter: the results are those of the kernel (load.test.ts).

import test from 'ava';
import { parseElf } from '../../../src/asm/index.ts';
import { createMap, Vm } from '../../../src/vm/index.ts';
import { compiled } from './support/compile.ts';

const LENGTH = 64;
const packet = new Uint8Array(LENGTH);

for (const cpu of ['v1', 'v2', 'v3'] as const) {
  test(`subprograms, a callback and global data, -mcpu=${cpu}`, (t) => {
    const { programs, maps } = parseElf(compiled('elf/calls.c', cpu));
    const shared = Object.fromEntries(maps.map((map) => [map.name, createMap(map)]));
    const [compute, refuse] = programs.map((program) => new Vm(program, { maps: shared }));
    t.is(compute?.run({ packet }).returnValue, 21 + 4 * LENGTH + 2);
    t.is(refuse?.run({ packet }).returnValue, 1);
  });

  test(`maps of the old fashion, -mcpu=${cpu}`, (t) => {
    const [count] = parseElf(compiled('elf/legacy.c', cpu)).programs;
    t.is(new Vm(count!).run({ packet }).returnValue, 2);
  });
}

for (const twin of ['egress', 'ingress']) {
  test(`the twin ${twin} lets a packet pass that is not for it`, (t) => {
    const [program] = parseElf(compiled(`twin/${twin}.c`)).programs;
    t.is(new Vm(program!).run({ packet }).returnValue, 0xffff_ffff);
  });
}

test('a fault names the line of C', (t) => {
  const [compute] = parseElf(compiled('elf/calls.c')).programs;
  const error = t.throws(() => new Vm(compute!, { instructionLimit: 30 }).run({ packet }));
  t.regex(error?.message ?? '', /calls\.c:\d+/);
});
