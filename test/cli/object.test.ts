// tsnat dump, verify and run on objects that clang made, as a user has them from somebody else.

import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { compile, scratch } from '../asm/elf/support/compile.ts';
import { refuses, tsnat, tsnatJson, tsnatOk } from '../support/cli.ts';
import { needsRootAndBpf } from '../support/requirements.ts';

needsRootAndBpf(test);

const tail = compile('elf/tail.c');
const kinds = compile('elf/kinds.c');

interface Ran {
  readonly program: string;
  readonly results: readonly {
    readonly returnValue: number;
    readonly packet: string;
    readonly instructions: number;
    readonly trace: readonly string[];
  }[];
  readonly maps: { readonly [name: string]: readonly { readonly key: string; readonly value: string }[] };
}

test('dump lists programs with their lines of C', async (t) => {
  const text = await tsnatOk(t, ['dump', tail]);
  t.regex(text, /^; second: xdp, \d+ instructions$/m);
  t.regex(text, /^; .*tail\.c:\d+: counter \+= step;$/m);
  t.regex(text, /map\[jumps\]/);
  t.is((await tsnatOk(t, ['dump', tail, '--only', 'first'])).match(/xdp, \d+ instructions/g)?.length, 1);
  const { programs } = await tsnatJson<{ programs: { name: string; maps: { name: string }[] }[] }>(t, [
    'dump',
    tail,
  ]);
  const first = programs.find(({ name }) => name === 'first');
  t.deepEqual(first?.maps.map(({ name }) => name).sort(), ['.bss', '.rodata', 'jumps']);
});

test('verify says what the kernel thinks of each', async (t) => {
  const { programs } = await tsnatJson<{ programs: { name: string; verdict: string }[] }>(t, [
    'verify',
    kinds,
  ]);
  t.deepEqual(
    programs.map(({ name, verdict }) => `${name} ${verdict}`),
    ['classify', 'visit', 'act', 'lookup_table', 'length', 'allow', 'probe'].map(
      (name) => `${name} accepted`,
    ),
  );
  t.regex(await tsnatOk(t, ['verify', kinds, '--only', 'visit']), /^visit: accepted: .*\n$/);
});

test('run interprets: results, prints, maps, one packet after the other', async (t) => {
  const args = ['run', tail, '--only', 'first'];
  t.is(
    await tsnatOk(t, [...args, '--packet', '00']),
    'returned 84 after 27 instructions\n  printed: counted 84\n',
  );
  const ran = await tsnatJson<Ran>(t, [...args, '--packet', '00:11', '--packet', 'ff ff']);
  t.deepEqual(
    ran.results.map(({ returnValue, packet, trace }) => [returnValue, packet, trace]),
    [
      [84, '0011', ['counted 84\n']],
      [84 + 3 + 4 + 77, 'ffff', ['counted 168\n']],
    ],
  );
  t.deepEqual(ran.maps['.bss'], [{ key: '00000000', value: 'a8000000' }]);
  const file = scratch('packet.bin');
  writeFileSync(file, Uint8Array.of(3, ...new Array<number>(60).fill(0)));
  t.regex(
    await tsnatOk(t, ['run', kinds, '--only', 'lookup_table', '--packet', `@${file}`]),
    /^returned 404 /,
  );
  t.regex(await tsnatOk(t, ['run', kinds, '--only', 'act']), /^returned 2 after 2 instructions$/m);
});

test('run traces every instruction, and writes coverage', async (t) => {
  const lcov = scratch('coverage.info');
  const { status, stderr } = await tsnat(['run', tail, '--only', 'first', '--trace', '--lcov', lcov]);
  t.is(status, 0);
  const lines = stderr.trimEnd().split('\n');
  t.is(lines.length, 27);
  t.regex(lines[0]!, /^0: .* ; .*tail\.c:\d+ \| r1=0x/);
  const text = readFileSync(lcov, 'utf8');
  t.regex(text, /^SF:.*tail\.c$/m);
  t.regex(text, /^DA:\d+,1$/m);
});

test('a fault names the line of C', async (t) => {
  const { status, stderr } = await tsnat(['run', tail, '--only', 'first', '--limit', '5']);
  t.is(status, 1);
  t.regex(
    stderr,
    /^tsnat: program 'first', instruction \d+ .*more than 5 instructions.*tail\.c:\d+:\d+\)\n$/,
  );
});

test('what does not fit is refused in one line', async (t) => {
  await refuses(t, ['run', tail], { status: 2, names: ['first', 'second', '--only'] });
  await refuses(t, ['run', tail, '--only', 'third'], { status: 1, names: ["'third'", 'first', 'second'] });
  await refuses(t, ['run', kinds, '--only', 'probe'], {
    status: 1,
    names: ["'probe'", 'kprobe', 'no packet'],
  });
  await refuses(t, ['run', tail, '--only', 'first', '--packet', '0x1'], {
    status: 2,
    names: ["'0x1'", '@PATH'],
  });
  await refuses(t, ['run', tail, '--only', 'first', '--packet', '@/nonexistent'], {
    status: 1,
    names: ['/nonexistent', 'ENOENT'],
  });
  await refuses(t, ['dump', '/nonexistent.o'], { status: 1, names: ['/nonexistent.o', 'ENOENT'] });
  await refuses(t, ['dump', '/etc/passwd'], { status: 1, names: ['/etc/passwd', 'no ELF file'] });
  await refuses(t, ['dump', 'egres'], { status: 2, names: ['egress'] });
  await refuses(t, ['dump', 'filter'], { status: 2, names: ["'filter'", 'FILE.o'] });
  await refuses(t, ['dump', tail, '--stage', 'lower'], { status: 2, names: ['--stage'] });
  await refuses(t, ['dump', tail, '--format', 'elf', '-o', '/dev/null'], { status: 2, names: ['already'] });
  await refuses(t, ['verify', tail, '--capacity', '3'], { status: 2, names: ['--capacity'] });
  await refuses(t, ['verify', 'egress', '--only', 'x'], { status: 2, names: ['--only'] });
});
