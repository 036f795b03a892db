// Objects that we write, loaded unchanged by four loaders that know nothing of us: bpftool, tc, ip and libbpf itself.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import {
  be32,
  defineGlobal,
  defineMap,
  defineRingBuffer,
  formatElf,
  type Program,
  parseElf,
  program,
  struct,
  subprogram,
  u32,
  u64,
  withSources,
} from '../../../src/asm/index.ts';
import { resolveSource } from '../../../src/loader/source-map.ts';
import { datapath } from '../../../src/nat/datapath/index.ts';
import { run as output } from '../../loader/support/commands.ts';
import { Namespace } from '../../support/namespace.ts';
import { BPF_FS, ownFolder, removeFolder, uniqueName } from '../../support/registry.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { PYTHON } from '../../support/root.ts';
import { compiled, scratch } from './support/compile.ts';

const test = anyTest as TestFn<{ folder: string; namespace: Namespace }>;
needsRootAndBpf(test as unknown as TestFn);

const lines = (each: Program): Program => withSources(each, resolveSource);
const { outbound, inbound } = datapath({ unmapped: 'pass' });

const seen = defineMap({ name: 'seen', type: 'hash', key: be32, value: u64, maxEntries: 16 });
const per = defineMap({ name: 'per.cpu', type: 'percpu_array', key: u32, value: u64, maxEntries: 2 });
const prefix = struct('prefix', { length: u32, address: be32 });
const trie = defineMap({ name: 'trie', type: 'lpm_trie', key: prefix, value: u64, maxEntries: 8, flags: 1 });
const events = defineRingBuffer({ name: 'events', event: struct('event', { length: u64 }), size: 4096 });
const global = defineGlobal({
  name: 'settings',
  value: struct('settings', { step: u64, sum: u64 }),
  initial: { step: 3n, sum: 39n },
});

/** A packet filter with a subprogram, global data, and maps of several types. */
const counter = program('xdp', 'count_xdp', (p) => {
  const double = subprogram('double_it', { x: 'u32' }, 'u32', (s, { x }) => s.exit(x.add(x)));
  const data = p.data(global);
  data.sum.set(data.sum.add(data.step));
  p.lookup(per, 0, { orElse: () => p.drop() }).add(1);
  p.update(seen, 0x0a000001, 1n);
  p.lookup(trie, { length: 32, address: 0x0a000001 });
  p.output(events, { length: 7n });
  p.when(p.invoke(double, { x: 21 }).ne(42), () => p.drop());
  p.pass();
});

const paths = {
  egress: scratch('egress.o'),
  both: scratch('both.o'),
  xdp: scratch('xdp.o'),
  clang: scratch('clang.o'),
};

test.before('objects', () => {
  writeFileSync(paths.egress, formatElf(lines(outbound)));
  writeFileSync(paths.both, formatElf([outbound, inbound].map(lines)));
  writeFileSync(paths.xdp, formatElf(lines(counter)));
  // What clang made, read and written again: a callback, static subprograms, three sections of data.
  writeFileSync(paths.clang, formatElf(parseElf(compiled('elf/calls.c')).programs));
});

test.beforeEach(async (t) => {
  const folder = join(BPF_FS, uniqueName('elf'));
  ownFolder(folder);
  mkdirSync(folder, { mode: 0o700 });
  const namespace = await Namespace.make('elf');
  await namespace.ip('link add v0 type veth peer name v1', 'link set v0 up', 'link set v1 up');
  t.context = { folder, namespace };
});

test.afterEach.always(async (t) => {
  await t.context.namespace?.remove();
  if (t.context.folder) removeFolder(t.context.folder);
});

const bpftool = (...args: string[]): string => output('bpftool', ...args);

test('bpftool loads one program, and shows its lines', (t) => {
  const pin = join(t.context.folder, 'prog');
  bpftool('prog', 'load', paths.egress, pin);
  const info = JSON.parse(bpftool('-j', 'prog', 'show', 'pinned', pin)) as {
    name: string;
    type: string;
    btf_id: number;
  };
  t.like(info, { name: 'tsnat_egress', type: 'sched_cls' });
  t.true(info.btf_id > 0);
  const listing = bpftool('prog', 'dump', 'xlated', 'pinned', pin, 'linum');
  t.regex(listing, /; .*\[file:\/.*\/src\/nat\/datapath\/ipv4\.ts line_num:\d+ line_col:\d+\]/);
});

test('bpftool loads all programs of an object, which share their maps', (t) => {
  const { folder } = t.context;
  bpftool('prog', 'loadall', paths.both, join(folder, 'prog'), 'pinmaps', join(folder, 'map'));
  t.deepEqual(readdirSync(join(folder, 'prog')).sort(), ['tsnat_egress', 'tsnat_ingress']);
  t.deepEqual(readdirSync(join(folder, 'map')).sort(), [
    '_rodata_interface',
    'inbound',
    'outbound',
    'reasons',
  ]);
  const pin = join(folder, 'map', 'outbound');
  const [key, value] = [
    ['10', '0', '0', '5'],
    ['203', '0', '113', '5', ...Array<string>(20).fill('0')],
  ];
  bpftool('map', 'update', 'pinned', pin, 'key', ...key, 'value', ...value);
  const [entry] = JSON.parse(bpftool('-j', 'map', 'dump', 'pinned', pin)) as [{ formatted: unknown }];
  t.deepEqual(entry.formatted, {
    key: [10, 0, 0, 5],
    value: { address: [203, 0, 113, 5], reserved: 0, packets: 0, bytes: 0 },
  });
});

test('tc loads and attaches it', async (t) => {
  const { namespace } = t.context;
  await namespace.must(['tc', 'qdisc', 'add', 'dev', 'v0', 'clsact']);
  const filter = (object: string, direction: string) => [
    'tc',
    'filter',
    'add',
    'dev',
    'v0',
    direction,
    'bpf',
    'da',
    'obj',
    object,
    'sec',
    'tc',
  ];
  await namespace.must(filter(paths.egress, 'egress'));
  await namespace.must(filter(paths.clang, 'ingress'));
  t.regex(
    await namespace.must(['tc', 'filter', 'show', 'dev', 'v0', 'egress']),
    /name tsnat_egress tag \w+ jited/,
  );
  t.regex(
    await namespace.must(['tc', 'filter', 'show', 'dev', 'v0', 'ingress']),
    /name compute tag \w+ jited/,
  );
});

test('ip loads and attaches it as XDP, and it runs', async (t) => {
  const { namespace } = t.context;
  await namespace.must(['ip', 'link', 'set', 'dev', 'v0', 'xdp', 'obj', paths.xdp, 'sec', 'xdp']);
  const [link] = JSON.parse(await namespace.must(['ip', '-j', 'link', 'show', 'dev', 'v0'])) as [
    { xdp: { prog: { id: number; name: string } } },
  ];
  t.is(link.xdp.prog.name, 'count_xdp');
  const program = JSON.parse(bpftool('-j', 'prog', 'show', 'id', String(link.xdp.prog.id))) as {
    map_ids: number[];
  };
  t.is(program.map_ids.length, 5);
  const maps = new Map(
    program.map_ids.map((id) => {
      const map = JSON.parse(bpftool('-j', 'map', 'show', 'id', String(id))) as { name: string };
      return [map.name, id] as const;
    }),
  );
  // One frame from the other end.
  await namespace.must([
    PYTHON,
    '-c',
    'import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("v1", 0)); s.send(b"\\xff" * 12 + b"\\x88\\xb5" + bytes(46))',
  ]);
  const dump = JSON.parse(bpftool('-j', 'map', 'dump', 'id', String(maps.get('.data.settings')))) as [
    { formatted: { value: { '.data.settings': [{ settings: { step: number; sum: number } }] } } },
  ];
  const { step, sum } = dump[0].formatted.value['.data.settings'][0].settings;
  t.is(step, 3);
  t.true(sum >= 42 && sum % 3 === 0, `sum ${sum}`);
  await namespace.must(['ip', 'link', 'set', 'dev', 'v0', 'xdp', 'off']);
});

/** Opens and loads an object with the library alone; prints a line for each program: name and descriptor. */
const WITH_LIBBPF = `
import ctypes, sys
lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
for name in ("bpf_object__open_file", "bpf_object__next_program", "bpf_program__name"):
    getattr(lib, name).restype = ctypes.c_void_p
lib.bpf_object__open_file.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
lib.bpf_object__next_program.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
for name in ("bpf_object__load", "bpf_program__fd", "bpf_program__name", "bpf_object__close"):
    getattr(lib, name).argtypes = [ctypes.c_void_p]
lib.bpf_program__name.restype = ctypes.c_char_p
object = lib.bpf_object__open_file(sys.argv[1].encode(), None)
if not object or lib.bpf_object__load(object):
    sys.exit("errno %d" % ctypes.get_errno())
program = lib.bpf_object__next_program(object, None)
while program:
    print(lib.bpf_program__name(program).decode(), lib.bpf_program__fd(program) >= 0)
    program = lib.bpf_object__next_program(object, program)
lib.bpf_object__close(object)
`;

for (const [name, expected] of [
  ['egress', ['tsnat_egress True']],
  ['both', ['tsnat_egress True', 'tsnat_ingress True']],
  ['xdp', ['count_xdp True']],
  ['clang', ['compute True', 'refuse True']],
] as const) {
  test(`libbpf opens and loads ${name}`, (t) => {
    const said = output(PYTHON, '-c', WITH_LIBBPF, paths[name]);
    t.deepEqual(said.trim().split('\n').sort(), [...expected]);
  });
}
