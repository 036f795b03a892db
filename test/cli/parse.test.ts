// From words to a request, without a process.

import test from 'ava';
import { COMMANDS } from '../../src/cli/commands.ts';
import type { Input } from '../../src/cli/input.ts';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { nearest } from '../../src/cli/suggest.ts';
import { UsageError } from '../../src/cli/usage-error.ts';

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '');

function inputOf(line: string): Input {
  const request = parseCommandLine(words(line));
  if (request.kind !== 'run') throw new Error(`${line}: ${request.kind}`);
  return request.input;
}

test('arguments and options are found wherever they stand', (t) => {
  for (const line of [
    'attach eth0 --map a=b --hook tcx --replace --map c=d --capacity 10 --json',
    '--json attach --hook=tcx --map=a=b --replace --capacity=10 eth0 --map c=d',
  ]) {
    const input = inputOf(line);
    t.is(input.argument('IFACE'), 'eth0');
    t.deepEqual(input.texts('map'), ['a=b', 'c=d']);
    t.is(input.choice('hook', ['auto', 'tcx']), 'tcx');
    t.is(input.count('capacity'), 10);
    t.true(input.flag('replace'));
    t.true(input.flag('json'));
    t.false(input.flag('verbose'));
    t.is(input.text('netns'), undefined);
  }
});

test('commands of two words', (t) => {
  const input = inputOf('map add eth0 a=b c=d');
  t.is(input.required('NAME'), 'eth0');
  t.deepEqual(input.rest('IN=OUT'), ['a=b', 'c=d']);
});

test('after -- nothing is an option', (t) => {
  t.deepEqual(inputOf('map add eth0 -- --json').rest('IN=OUT'), ['--json']);
  t.is(inputOf('detach -- -h').argument('NAME'), '-h');
});

test('a short option with its value', (t) => {
  for (const line of ['dump -o f', 'dump -of', 'dump --output=f']) t.is(inputOf(line).text('output'), 'f');
});

test('help and version', (t) => {
  const kind = (line: string): unknown => {
    const request = parseCommandLine(words(line));
    return request.kind === 'help' ? `help ${request.topic}` : request.kind;
  };
  t.is(kind(''), 'nothing');
  t.is(kind('--json'), 'nothing');
  t.is(kind('--help'), 'help ');
  t.is(kind('-h'), 'help ');
  t.is(kind('--version'), 'version');
  t.is(kind('map --help'), 'help map');
  t.is(kind('map -h'), 'help map');
  t.is(kind('--help map add'), 'help map add');
  for (const { name } of COMMANDS) {
    t.is(kind(`${name} --help`), `help ${name}`);
    t.is(kind(`${name} --whatever is wrong -h`), `help ${name}`);
  }
});

const REFUSED: readonly [line: string, message: RegExp][] = [
  ['attahc eth0', /^unknown command 'attahc': did you mean attach\?/],
  ['frobnicate', /^unknown command 'frobnicate' \(see tsnat --help\)$/],
  ['--jsn status', /^unknown option --jsn: did you mean --json\?/],
  ['map', /^map: say which: add, del, list or replace/],
  ['map --json', /^map: say which/],
  ['map ad eth0', /^map: unknown command 'ad': did you mean add\?/],
  ['map frobnicate', /^map: unknown command 'frobnicate': add, del, list or replace$/],
  ['map add', /^map add: NAME is missing/],
  ['map add eth0', /^map add: IN=OUT is missing/],
  ['map list eth0 more', /^map list: 'more' is one argument too many/],
  ['attach eth0 eth1', /^attach: 'eth1' is one argument too many/],
  ['attach eth0 --mapp a=b', /^attach: unknown option --mapp: did you mean --map\?/],
  ['attach eth0 --frobnicate', /^attach: unknown option --frobnicate \(see/],
  ['attach eth0 -x', /^attach: unknown option -x /],
  ['attach eth0 --map', /^attach: --map needs a value: IN=OUT/],
  ['attach eth0 --map --replace', /^attach: --map needs a value/],
  ['attach eth0 --map=', /^attach: --map needs a value/],
  ['attach eth0 --hook', /^attach: --hook needs a value: auto, tcx, clsact/],
  ['attach eth0 --hook ebtables', /^attach: --hook cannot be 'ebtables': auto, tcx, clsact, xdp/],
  ['attach eth0 --hook clscat', /^attach: --hook cannot be 'clscat': did you mean clsact\?/],
  ['attach eth0 --hook tcx --hook tcx', /^attach: --hook is given twice/],
  ['attach eth0 --replace=yes', /^attach: --replace takes no value/],
  [
    'attach eth0 --unmapped reject',
    /^attach: --unmapped cannot be 'reject': pass, drop, outbound=P,inbound=P/,
  ],
  ...['0', '-1', '1.5', '1e3', '0x10', '4294967296', 'many'].map((value): [string, RegExp] => [
    `attach eth0 --capacity=${value}`,
    /--capacity cannot be '.*': a whole number/,
  ]),
  ['dump middle', /^dump: PROGRAM cannot be 'middle': egress, ingress/],
  ['dump egres', /^dump: PROGRAM cannot be 'egres': did you mean egress\?/],
  ['dump --format exe', /^dump: --format cannot be 'exe': asm, hex, c, json/],
  ['completion', /^completion: SHELL is missing/],
  ['completion tcsh', /^completion: SHELL cannot be 'tcsh'/],
];
for (const [line, message] of REFUSED) {
  test(`refused: ${line}`, (t) => {
    const error = t.throws(() => parseCommandLine(words(line)), { instanceOf: UsageError });
    t.regex(error.message, message);
    t.false(error.message.includes('\n'));
  });
}

test('an empty argument is none', (t) => {
  t.throws(() => parseCommandLine(['attach', '']), { message: /IFACE is empty/ });
  t.throws(() => parseCommandLine(['attach', 'eth0', '--name', '']), { message: /--name needs a value/ });
});

test('suggestions are near or not made', (t) => {
  t.is(nearest('stauts', ['status', 'detach']), 'status');
  t.is(nearest('stat', ['status', 'detach']), 'status');
  t.is(nearest('x', ['status', 'detach']), undefined);
  t.is(nearest('banana', ['status', 'detach']), undefined);
});

test('the table holds together', (t) => {
  t.is(new Set(COMMANDS.map(({ name }) => name)).size, COMMANDS.length);
  for (const command of COMMANDS) {
    for (const [line] of command.examples) {
      // What help shows must be understood; a redirection is the shell's.
      t.is(parseCommandLine(words(line.replace(/ >.*/, ''))).kind, 'run', line);
    }
    const optional = command.arguments.map((argument) => argument.optional === true);
    t.deepEqual(optional, optional.toSorted(), `${command.name}: compulsory arguments come first`);
    t.true(command.arguments.slice(0, -1).every((argument) => !argument.repeat));
    for (const option of command.options)
      t.is(option.type === 'flag', option.value === undefined, option.name);
  }
});
