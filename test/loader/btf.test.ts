// Types and TypeScript lines in the kernel, with bpftool and the verifier's log as witnesses.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { be16, be32, bytes, defineMap, type MapSpec, struct, u32, u64 } from '../../src/asm/index.ts';
import { BpfMap, loadProgram, RawMap, VerifierError } from '../../src/loader/index.ts';
import { resolveSource } from '../../src/loader/source-map.ts';
import { run as runAsync } from '../support/command.ts';
import { ROOT } from '../support/root.ts';
import { since } from '../support/since.ts';
import { json } from './support/commands.ts';
import { EXIT, insn, LDX_DW, program, returning } from './support/programs.ts';

/** What a user would write: builds, loads and dumps, with source maps off, as Node is started by default. */
const SCRIPT = `
import { execFileSync } from 'node:child_process';
const root = process.argv[2];
const { datapath } = await import(root + '/nat/datapath/index.js');
const { BpfMap, loadProgram } = await import(root + '/loader/index.js');
const { outbound, maps: definitions } = datapath({ unmapped: 'pass' });
const maps = Object.fromEntries(Object.values(definitions).map((map) => [map.name, BpfMap.create(map)]));
const loaded = loadProgram(outbound, maps, { logLevel: 2 });
const id = String(loaded.info.id);
console.log(execFileSync('bpftool', ['prog', 'dump', 'xlated', 'id', id, 'linum'], { encoding: 'utf8' }));
console.log('=== log');
console.log(loaded.log);
`;

const folder = mkdtempSync(join(tmpdir(), 'tsnat-lines-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

for (const [name, root] of [
  ['the tests', fileURLToPath(new URL('../../src', import.meta.url))],
  ['the package', join(ROOT, 'dist')],
] as const) {
  test(`TypeScript lines, as compiled for ${name}`, async (t) => {
    const script = join(folder, `${name.replace(' ', '-')}.mjs`);
    writeFileSync(script, SCRIPT);
    const { stdout, stderr, status } = await runAsync(process.execPath, [script, root]);
    t.is(status, 0, stderr);
    const [listing = '', log = ''] = stdout.split('=== log');
    const places = [...listing.matchAll(/^; (.*) \[file:(\S+) line_num:(\d+) line_col:(\d+)\]$/gm)];
    t.true(places.length > 50, `${places.length} lines`);
    for (const [, text, file, line] of places) {
      t.regex(file!, /\/src\/nat\/datapath\/\w+\.ts$/);
      t.true(Number(line) > 0);
      t.true(text!.length > 0);
    }
    t.true(places.some(([, text]) => text!.includes('p.rarely(')));
    t.regex(listing, /^int tsnat_egress\(struct __sk_buff \* ctx\):$/m);
    // Linux 5.10 leaves the place out; 6.12 has it.
    t.regex(log, since('6.12') ? /^; .*p\.\w+\(.* @ \w+\.ts:\d+$/m : /^; .*p\.\w+\(/m);
  });
}

test("a map's fields have their names, and addresses their bytes", (t) => {
  const definition = defineMap({
    ...{ name: 'btft_map', type: 'hash', maxEntries: 4 },
    key: struct('endpoint', { address: be32, port: be16, pad: bytes(2) }),
    value: struct('counters', { packets: u64, bytes: u64 }),
  });
  using map = BpfMap.create(definition);
  map.set({ address: 0xcb007105, port: 443, pad: new Uint8Array(2) }, { packets: 3n, bytes: 180n });
  const [entry] = json('bpftool', '-j', 'map', 'dump', 'id', String(map.raw.id));
  t.deepEqual(entry.formatted, {
    key: { address: [203, 0, 113, 5], port: [1, 187], pad: [0, 0] },
    value: { packets: 3, bytes: 180 },
  });
});

test('every map type can be made, with types or without', (t) => {
  const map = (type: MapSpec['type'], more: object = {}) =>
    defineMap({ name: `btft_${type}`.slice(0, 15), type, key: u32, value: u32, maxEntries: 4, ...more });
  const made = (spec: MapSpec): boolean => {
    using raw = RawMap.create(spec);
    return 'btf_id' in json('bpftool', '-j', 'map', 'show', 'id', String(raw.id));
  };
  for (const type of [
    'hash',
    'array',
    'percpu_hash',
    'percpu_array',
    'lru_hash',
    'lru_percpu_hash',
  ] as const) {
    t.true(made(map(type)), type);
  }
  const key = struct('prefix', { length: u32, address: be32 });
  t.true(made(map('lpm_trie', { key, flags: 1 })));
  for (const type of ['prog_array', 'devmap', 'devmap_hash', 'queue'] as const) {
    if (type === 'queue') t.false(made({ ...map(type), keySize: 0 }));
    else t.false(made(map(type)), type);
  }
  // An array's key is a number to the kernel, so one of bytes stays without types.
  t.false(made(map('array', { key: bytes(4) })));
});

test('contents from the start, and frozen', (t) => {
  const spec: MapSpec = {
    ...{ name: 'btft_init', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 },
    ...{ flags: 1 << 7, initial: Uint8Array.of(1, 2, 3), frozen: true },
  };
  using map = RawMap.create(spec);
  t.deepEqual(map.get(new Uint8Array(4)), Uint8Array.of(1, 2, 3, 0, 0, 0, 0, 0));
  t.throws(() => map.set(new Uint8Array(4), new Uint8Array(8)), { code: 'EPERM' });
  t.throws(() => RawMap.create({ ...spec, initial: new Uint8Array(9) }), { instanceOf: RangeError });
});

test('types that the kernel refuses do not stand in the way', (t) => {
  const nonsense = { data: new Uint8Array(40), funcInfo: new Uint8Array(8), lineInfo: new Uint8Array(16) };
  using first = loadProgram({ ...returning('btft_none', 0), btf: nonsense }, {});
  t.is(first.testRun({ data: new Uint8Array(14) }).returnValue, 0);
  // Good types, but lines that belong to no instruction.
  const lines = {
    ...returning('btft_lines', 0),
    locations: [{ file: '/a.ts', line: 1, column: 1, text: 'x' }, undefined],
  };
  using good = loadProgram(lines, {});
  t.true('btf_id' in json('bpftool', '-j', 'prog', 'show', 'id', String(good.info.id)));
  using map = RawMap.create({
    ...{ name: 'btft_bad', type: 'hash', keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 },
    btf: { data: new Uint8Array(40), keyType: 1, valueType: 2 },
  });
  t.false('btf_id' in json('bpftool', '-j', 'map', 'show', 'id', String(map.id)));
});

test('flags and the type of attachment are those of the program', (t) => {
  const BPF_F_XDP_HAS_FRAGS = 1 << 5;
  const frags = {
    ...returning('btft_frags', 2),
    type: 'xdp',
    attachType: 37,
    flags: BPF_F_XDP_HAS_FRAGS,
  } as const;
  if (since('5.18')) t.notThrows(() => loadProgram(frags, {}).close());
  else t.throws(() => loadProgram(frags, {}), { code: 'EINVAL' });
  // A flag that no kernel knows, and a place that is none of this type.
  t.throws(() => loadProgram({ ...returning('btft_flag', 2), flags: 1 << 30 }, {}), { code: 'EINVAL' });
  t.throws(() => loadProgram({ ...returning('btft_place', 1), type: 'sk_lookup', attachType: 0 }, {}), {
    code: 'EINVAL',
  });
});

test("a refusal's log has the line", (t) => {
  const bad = {
    ...program('btft_refused', [...insn(LDX_DW, 0, 5, 0, 0), ...insn(EXIT, 0, 0, 0, 0)]),
    locations: [{ file: '/home/me/filter.ts', line: 12, column: 3, text: '  const x = y.get();' }, undefined],
  };
  const error = t.throws(() => loadProgram(bad, {}), { instanceOf: VerifierError });
  t.regex(error?.log ?? '', /; const x = y\.get\(\);( @ filter\.ts:12)?/);
});

test('a compiled line leads to its source', (t) => {
  const file = fileURLToPath(import.meta.url);
  const { stack = '' } = new Error('here'); // the line that is looked for
  const [, at, line, column] = /\(?(?:file:\/\/)?(\/[^():]*):(\d+):(\d+)\)?/.exec(stack) ?? [];
  const found = resolveSource({ file: at ?? file, line: Number(line), column: Number(column) });
  t.regex(found.file, /test\/loader\/btf\.test\.ts$/);
  t.regex(found.text ?? '', /the line that is looked for/);
  const nowhere = { file: '/nowhere/at-all.js', line: 1, column: 1 };
  t.is(resolveSource(nowhere), nowhere);
});
