// What a person gets wrong: one line for each thing, naming it and the way out, exit status 2, nothing touched.
// Only what needs no kernel; the rest is end to end.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { refuses, tsnat } from '../support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'tsnat-cli-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function fileOf(text: string | Uint8Array): string {
  const path = join(folder, `nat-${files++}.yaml`);
  writeFileSync(path, text);
  return path;
}

const GOOD = '10.0.0.5=203.0.113.5';
const BAD: readonly [what: string, args: readonly string[], names: readonly (string | RegExp)[]][] = [
  ['unknown command', ['atach'], ["'atach'", 'did you mean attach?']],
  ['unknown option', ['attach', 'none0', '--mop', GOOD], ['--mop', '--map', 'tsnat attach --help']],
  ['no interface', ['attach', '--map', GOOD], ['IFACE is missing']],
  [
    'bad address',
    ['attach', 'none0', '--map', '10.0.0.256=203.0.113.5'],
    ['--map #1', '10.0.0.256', 'more than 255'],
  ],
  ['octal', ['attach', 'none0', '--map', '010.0.0.5=203.0.113.5'], ["'010'", 'octal']],
  ['no outside', ['attach', 'none0', '--map', '10.0.0.5'], ["'10.0.0.5'", 'INSIDE=OUTSIDE']],
  ['mixed families', ['attach', 'none0', '--map', '10.0.0.5=2001:db8::5'], ['mixes IPv4 and IPv6']],
  ['a bad IPv6 address', ['attach', 'none0', '--map', 'fd00::5=2001:db8::g'], ["'g' is not a hexadecimal"]],
  [
    'host bits in a prefix',
    ['attach', 'none0', '--map', '10.1.2.0/16=100.64.0.0/16'],
    ['--map #1', '10.1.2.0/16', '10.1.0.0/16 is one'],
  ],
  [
    'unequal prefixes',
    ['attach', 'none0', '--map', '10.1.0.0/16=100.64.0.0/17'],
    ['/16', '/17', 'both prefixes must be of one size'],
  ],
  ['a port of no protocol', ['map', 'add', 'none0', '10.0.0.6:80=1.1.1.1:80/tcp'], ['write /tcp or /udp']],
  [
    'unequal blocks',
    ['map', 'add', 'none0', '10.0.0.7:1-2=1.1.1.1:1-3'],
    ['maps 2 ports onto 3', 'both blocks must be of one size'],
  ],
  ['a slot of no interface', ['map', 'add', 'none0', '10.0.0.7%=1.1.1.1'], ["'10.0.0.7%'", 'name is empty']],
  ['a slot of no interface there can be', ['map', 'del', 'none0', '10.0.0.7%a/b'], ["has '/' in it"]],
  [
    'a slot of many addresses',
    ['map', 'add', 'none0', '10.0.0.0/24%tap7=1.1.1.0/24'],
    ['a slot is one address'],
  ],
  [
    'a slot on the outside',
    ['map', 'add', 'none0', '10.0.0.7=1.1.1.1%tap7'],
    ['slot (%) on the outside: a slot names an inside interface'],
  ],
  [
    'nesting that loses answers',
    ['map', 'add', 'none0', GOOD, '10.1.0.0/24=203.0.113.0/24'],
    ['argument #2', 'argument #1', '10.1.0.5 would leave as 203.0.113.5', 'going to 10.0.0.5'],
  ],
  [
    'a bad destination',
    ['attach', 'none0', '--exclude', '10.0.0.1/8'],
    ['--exclude #1', '10.0.0.0/8 is one'],
  ],
  [
    'a destination in both lists',
    ['attach', 'none0', '--include', '10.0.0.0/8', '--exclude', '10.0.0.0/8'],
    ['--exclude #1', '10.0.0.0/8', 'also in include', '--include #1'],
  ],
  ['an MSS too small', ['attach', 'none0', '--mss', '500'], ["cannot be '500'", 'from 536 to 65495']],
  [
    'one direction of unmapped',
    ['attach', 'none0', '--unmapped', 'outbound=drop'],
    ["cannot be 'outbound=drop'", 'outbound=P,inbound=P'],
  ],
  ['duplicate', ['attach', 'none0', '--map', GOOD, '--map', GOOD], ['--map #2', '--map #1', 'already given']],
  [
    'the same inside',
    ['map', 'add', 'none0', GOOD, '10.0.0.5=203.0.113.6'],
    ['argument #2', 'inside 10.0.0.5', '203.0.113.5', 'argument #1'],
  ],
  [
    'the same outside',
    ['map', 'add', 'none0', GOOD, '10.0.0.6=203.0.113.5'],
    ['argument #2', 'outside 203.0.113.5', '10.0.0.5', 'argument #1'],
  ],
  [
    'multicast',
    ['attach', 'none0', '--map', '10.0.0.5=224.0.0.1'],
    ['224.0.0.1 is in 224.0.0.0/4, which is multicast'],
  ],
  ['broadcast', ['attach', 'none0', '--map', '10.0.0.5=255.255.255.255'], ['which is the broadcast address']],
  [
    'loopback',
    ['attach', 'none0', '--map', '10.0.0.5=127.0.0.1'],
    ['127.0.0.1 is in 127.0.0.0/8, which is loopback'],
  ],
  ['nothing', ['attach', 'none0', '--map', '0.0.0.0=203.0.113.5'], ['inside 0.0.0.0']],
  ['a mapping to delete', ['map', 'del', 'none0', GOOD], ['argument #1', 'its inside only, 10.0.0.5']],
  ['deleted twice', ['map', 'del', 'none0', '10.0.0.5', '10.0.0.5'], ['argument #2', 'argument #1']],
  [
    'the same prefix deleted twice',
    ['map', 'del', 'none0', 'fd00:1::/48', '10.0.0.6:80/tcp', 'fd00:1:0::/48'],
    ["'fd00:1:0::/48' is already argument #1"],
  ],
  ['a bad port to delete', ['map', 'del', 'none0', '10.0.0.6:0/tcp'], ["port '0' is not a number"]],
  ['a bad address to delete', ['map', 'del', 'none0', '10.0.0'], ["'10.0.0'", '3 parts']],
  ['nothing to detach', ['detach'], ['NAME is missing', '--all']],
  ['two things to detach', ['detach', 'none0', '--all'], ['NAME', '--all']],
  ['help on nothing', ['help', 'frobnicate'], ["unknown command 'frobnicate'"]],
];
for (const [what, args, names] of BAD) {
  test(`refused: ${what}`, async (t) => {
    const { stderr } = await refuses(t, args, { status: 2, names });
    t.regex(stderr, /^tsnat: .*\n$/);
  });
}

test('everything that is wrong is told at once, a line each', async (t) => {
  const path = fileOf(`version: 1\nmappings:\n  - { inside: ${GOOD.replace('=', ', outside: ')} }\n`);
  const args = ['attach', 'none0', '--file', path, '--map', 'x', '--map', '10.0.0.6=203.0.113.5'];
  const { status, stderr } = await tsnat(args);
  t.is(status, 2);
  const lines = stderr.trimEnd().split('\n');
  t.is(lines.length, 2, stderr);
  t.regex(lines[0] ?? '', /^tsnat: --map #1: mapping 'x' has no '='/);
  t.true(lines[1]?.startsWith('tsnat: --map #2:') && lines[1].includes(`${path}:3`), lines[1]);
});

test('a flood of complaints is cut, unless asked for', async (t) => {
  const args = ['map', 'add', 'none0', ...Array.from({ length: 25 }, (_, i) => `bad${i}`)];
  const { stderr } = await tsnat(args);
  t.is(stderr.trimEnd().split('\n').length, 21);
  t.regex(stderr, /tsnat: and 5 more .*--verbose/);
  t.is((await tsnat([...args, '--verbose'])).stderr.trimEnd().split('\n').length, 25);
  const { error } = JSON.parse((await tsnat([...args, '--json'])).stdout) as {
    error: { complaints: unknown[] };
  };
  t.is(error.complaints.length, 25);
});

test('a mapping file is complained of by line', async (t) => {
  const path = fileOf('version: 1\nhok: tcx\nmappings:\n  - { inside: 10.0.0.5 }\n');
  const { status, stdout, stderr } = await tsnat(['attach', 'none0', '--file', path]);
  t.is(status, 2);
  t.is(stdout, '');
  const lines = stderr.trimEnd().split('\n');
  t.true(lines[0]?.startsWith(`tsnat: ${path}:2: key 'hok' is not known`), stderr);
  t.true(lines[1]?.startsWith(`tsnat: ${path}:4: outside is missing`), stderr);
});

test('an interface that differs from the file is refused', async (t) => {
  const path = fileOf('version: 1\ninterface: eth1\nmappings: []\n');
  await refuses(t, ['attach', 'none0', '--file', path], {
    status: 2,
    names: ["'none0'", `${path}:2`, "'eth1'"],
  });
});

test('files that cannot be read or written are failures', async (t) => {
  const missing = join(folder, 'missing', 'nat.yaml');
  await refuses(t, ['attach', 'none0', '--file', missing], {
    status: 1,
    names: [missing, 'no such file', 'ENOENT'],
  });
  await refuses(t, ['attach', 'none0', '--file', folder], { status: 1, names: [folder, 'EISDIR'] });
  await refuses(t, ['attach', 'none0', '--file', fileOf(Uint8Array.of(0xff, 0xfe))], {
    status: 1,
    names: ['utf-8'],
  });
  await refuses(t, ['dump', '-o', missing], { status: 1, names: [missing, 'ENOENT'] });
});

test('with --json the error is a document as well', async (t) => {
  const { status, stdout, stderr } = await tsnat(['attach', 'none0', '--map', '10.0.0.5=::1', '--json']);
  t.is(status, 2);
  t.regex(stderr, /^tsnat: --map #1: .*\n$/);
  const { error } = JSON.parse(stdout) as {
    error: { code: string; message: string; exit: number; complaints: { code: string; origins: string[] }[] };
  };
  t.is(error.code, 'mixed_families');
  t.is(error.exit, 2);
  t.true(stderr.includes(error.message));
  const contradiction = await tsnat(['dump', '--json', '--format', 'hex']);
  t.is(contradiction.status, 2);
  t.regex(contradiction.stderr, /--json contradicts --format hex/);
  t.deepEqual(
    error.complaints.map(({ code, origins }) => [code, ...origins]),
    [['mixed_families', '--map #1']],
  );
});
