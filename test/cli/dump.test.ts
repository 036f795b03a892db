// tsnat dump: the same programs in every format, without privilege, to a pipe or a file.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parseElf, STAGES } from '../../src/asm/index.ts';
import { tsnat, tsnatJson, tsnatOk } from '../support/cli.ts';
import { run } from '../support/command.ts';
import { CLI } from '../support/root.ts';

interface Dump {
  readonly programs: readonly {
    readonly name: string;
    readonly instructions: readonly {
      readonly hex: string;
      readonly text: string;
      readonly source?: { file: string };
    }[];
    readonly maps: readonly { readonly name: string; readonly maxEntries: number }[];
  }[];
}

const folder = mkdtempSync(join(tmpdir(), 'tsnat-dump-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

test('every format holds the same bytes', async (t) => {
  for (const program of ['egress', 'ingress']) {
    const { programs } = await tsnatJson<Dump>(t, ['dump', program]);
    t.is(programs.length, 1);
    const { instructions, name } = programs[0]!;
    t.is(name, `tsnat_${program}`);
    const bytes = instructions.map(({ hex }) => hex).join('');
    const digits = (text: string): string => text.replace(/\s/g, '');
    t.is(digits(await tsnatOk(t, ['dump', program, '--format', 'hex'])), bytes);
    const c = await tsnatOk(t, ['dump', program, '--format', 'c']);
    t.is([...c.matchAll(/0x([0-9a-f]{2}),/g)].map(([, byte]) => byte).join(''), bytes);
    const asm = await tsnatOk(t, ['dump', program]);
    for (const { text } of instructions) t.true(asm.includes(text), text);
    t.is(await tsnatOk(t, ['dump', program, '--format', 'asm']), asm);
  }
});

test('both programs, and the other names', async (t) => {
  const both = await tsnatJson<Dump>(t, ['dump']);
  t.deepEqual(
    both.programs.map(({ name }) => name),
    ['tsnat_egress', 'tsnat_ingress'],
  );
  t.is(await tsnatOk(t, ['dump', 'outbound']), await tsnatOk(t, ['dump', 'egress']));
  t.is(await tsnatOk(t, ['dump', 'inbound']), await tsnatOk(t, ['dump', 'ingress']));
});

test('an object holds the same programs, with the text of their lines', async (t) => {
  const path = join(folder, 'both.o');
  t.is(await tsnatOk(t, ['dump', '--format', 'elf', '-o', path]), '');
  const object = parseElf(new Uint8Array(readFileSync(path)));
  const { programs } = await tsnatJson<Dump>(t, ['dump']);
  t.deepEqual(
    object.programs.map(({ name, code }) => [name, code.length]),
    programs.map(({ name, instructions }) => [name, instructions.map(({ hex }) => hex).join('').length / 2]),
  );
  const texts = object.programs[0]!.locations.flatMap((location) => location?.text ?? []);
  t.true(texts.some((text) => text.includes('p.packet.read(')));
  // Into a pipe as well.
  const { stdout } = await run('bash', [
    '-c',
    '"$0" "$1" dump egress --format elf | head -c 4 | od -An -tx1',
    process.execPath,
    CLI,
  ]);
  t.is(stdout.trim(), '7f 45 4c 46');
});

test('instructions are of TypeScript lines', async (t) => {
  const { programs } = await tsnatJson<Dump>(t, ['dump', 'egress']);
  const files = programs[0]!.instructions.flatMap(({ source }) => (source ? [source.file] : []));
  t.true(files.length > 10);
  t.deepEqual(
    files.filter((file) => !/src\/nat\/datapath\/[\w-]+\.ts$/.test(file)),
    [],
  );
});

test('options make another program', async (t) => {
  const hex = (...options: string[]): Promise<string> =>
    tsnatOk(t, ['dump', 'egress', '--format', 'hex', ...options]);
  const plain = await hex();
  const drop = await hex('--unmapped', 'drop');
  t.not(drop, plain);
  t.is(await hex('--unmapped', 'outbound=drop,inbound=pass'), drop);
  t.is(await hex('--unmapped', 'outbound=pass,inbound=drop'), plain);
  t.is(await hex('--uses', 'addresses'), plain);
  const others = ['--spoofed=pass', '--mss=1360', '--link=none', '--uses=prefixes', '--uses=ports6'];
  const made = await Promise.all(others.map((option) => hex(option)));
  t.is(new Set([plain, drop, ...made]).size, others.length + 2, 'each is another');
  t.not(await hex('--uses=prefixes', '--uses=ports6'), made[4]!);
  const { programs } = await tsnatJson<Dump>(t, ['dump', 'egress', '--capacity', '77']);
  t.is(programs[0]?.maps.find(({ name }) => name === 'outbound')?.maxEntries, 77);
});

test('for an older kernel, in its instructions', async (t) => {
  const narrow = /if w\d/;
  for (const [isa, compares] of [
    ['4', true],
    ['3', true],
    ['2', false],
    ['1', false],
  ] as const) {
    const { programs } = await tsnatJson<Dump>(t, ['dump', 'egress', '--isa', isa]);
    const texts = programs[0]?.instructions.map(({ text }) => text) ?? [];
    t.is(
      texts.some((text) => narrow.test(text)),
      compares,
      isa,
    );
    if (isa === '1') t.false(texts.some((text) => /if r\d s?<=? /.test(text)));
  }
});

test('a file is there whole, and nothing beside it', async (t) => {
  const place = join(folder, 'out');
  mkdirSync(place);
  const path = join(place, 'egress.txt');
  writeFileSync(path, 'what was there before');
  t.is(await tsnatOk(t, ['dump', 'egress', '-o', path]), '');
  t.is(readFileSync(path, 'utf8'), await tsnatOk(t, ['dump', 'egress']));
  t.deepEqual(readdirSync(place), ['egress.txt']);
});

test('a reader that has seen enough is no failure', async (t) => {
  const script = '"$0" "$1" dump --format json | head -n 1; echo "$PIPESTATUS"';
  const { stdout, stderr } = await run('bash', ['-c', script, process.execPath, CLI]);
  t.is(stderr, '');
  t.is(stdout, '{\n0\n');
});

test('no colours go into a pipe', async (t) => {
  const { stdout } = await tsnat(['dump', 'egress']);
  t.false(stdout.includes('\x1b'));
});

test('every stage of the compiler can be looked at', async (t) => {
  const texts = await Promise.all(STAGES.map((stage) => tsnatOk(t, ['dump', 'egress', '--stage', stage])));
  for (const text of texts) {
    t.true(text.startsWith('; tsnat_egress'));
    t.regex(text, /^ {2}; src\/nat\/datapath\/\w+\.ts:\d+: \S/m);
  }
  t.is(new Set(texts).size, STAGES.length - 1, 'checking changes nothing, the others do');
  const { stages } = await tsnatJson<{ stages: { program: string; stage: string; text: string }[] }>(t, [
    'dump',
    '--stage',
    'emit',
  ]);
  t.deepEqual(
    stages.map(({ program, stage }) => [program, stage]),
    [
      ['tsnat_egress', 'emit'],
      ['tsnat_ingress', 'emit'],
    ],
  );
  t.is(stages[0]?.text, texts.at(-1));
});

test('a stage is no object', async (t) => {
  const { status, stderr } = await tsnat(['dump', '--stage', 'lower', '--format', 'elf', '-o', '/dev/null']);
  t.is(status, 2);
  t.true(stderr.includes('leave --format or --stage out'));
  const unknown = await tsnat(['dump', '--stage', 'guess']);
  t.is(unknown.status, 2);
  t.true(unknown.stderr.includes('allocate'));
});
