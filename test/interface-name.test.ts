// Names of interfaces, held against the kernel, which is asked to give each of them to an interface.

import test from 'ava';
import { compareInterfaceNames, interfaceNameProblem } from '../src/interface-name.ts';
import { Namespace } from './support/namespace.ts';
import { PYTHON } from './support/root.ts';

const CHARACTERS = Array.from({ length: 127 }, (_, i) => String.fromCharCode(i + 1));
const NAMES: readonly string[] = [
  ...CHARACTERS.map((character) => `a${character}b`),
  ...CHARACTERS,
  ...['..', '...', '.a', 'a..', '-', '%d', 'a%d', 'a%%'],
  ...['a'.repeat(15), 'a'.repeat(16), 'a'.repeat(40)],
  // 14, 15 and 16 bytes.
  ...['éééééé', 'aéééééé', 'ééééééé', 'aééééééé', 'éééééééé'],
  // The second byte of the first is Latin-1's no-break space; the kernel knows no others.
  ...['à', '\u{a0}', '\u{2003}', '\u{3000}', '\u{85}', '🐙'],
];

/** By SIOCSIFNAME, include/uapi/linux/sockios.h: whether an interface then has that name. */
const RENAME = `
import fcntl, json, socket, struct, sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
index = socket.if_nametoindex("first")

def rename(name):
    old = socket.if_indextoname(index).encode()
    fcntl.ioctl(sock, 0x8923, struct.pack("16s16s8x", old, name))

def takes(name):
    if len(name.encode()) > 15:
        return False
    try:
        rename(name.encode())
    except OSError:
        return False
    given = socket.if_indextoname(index)
    rename(b"first")
    return given == name

print(json.dumps([takes(name) for name in json.load(sys.stdin)]))
`;

test('what an interface can be called is what the kernel says', async (t) => {
  const namespace = await Namespace.make('names');
  await namespace.ip('link add first type veth peer name other');
  const output = await namespace.must([PYTHON, '-c', RENAME], { input: JSON.stringify(NAMES) });
  const taken = JSON.parse(output) as boolean[];
  t.deepEqual(
    NAMES.filter((name) => interfaceNameProblem(name) === undefined),
    NAMES.filter((_, i) => taken[i]),
  );
  t.true(taken.filter(Boolean).length > 150);
});

test('why it cannot be', (t) => {
  t.is(interfaceNameProblem(''), 'is empty');
  t.is(interfaceNameProblem('..'), 'is that of a folder');
  t.is(interfaceNameProblem('a/b'), "has '/' in it");
  t.is(interfaceNameProblem('a b'), 'has a blank in it');
  t.is(interfaceNameProblem('a\0b'), 'has a zero in it');
  t.is(interfaceNameProblem('aaaaaaaaaaaaaaaé'), 'has 17 bytes, more than 15');
});

test('names in order: numbers by their values, everything else by its letters', (t) => {
  const sorted = [
    'a',
    'a-1',
    'a1',
    'a1b',
    'a01',
    'a2',
    'a10',
    'a10b2',
    'a10b10',
    'b',
    'eth0',
    'eth0.9',
    'eth0.10',
  ];
  for (const [i, a] of sorted.entries()) {
    for (const [j, b] of sorted.entries()) {
      // Numbers that are equal go by their letters.
      const expected = Math.sign(i - j);
      if (['a1', 'a1b', 'a01'].includes(a) && ['a1', 'a1b', 'a01'].includes(b)) continue;
      t.is(Math.sign(compareInterfaceNames(a, b)), expected, `${a} ${b}`);
    }
  }
  t.deepEqual(['a1b', 'a1', 'a01'].sort(compareInterfaceNames), ['a01', 'a1', 'a1b']);
  t.deepEqual(['tap10', 'tap2', 'tap1', 'tap'].sort(compareInterfaceNames), ['tap', 'tap1', 'tap2', 'tap10']);
});
