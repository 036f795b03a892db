// A program as text: the listing has a line for each instruction, the C array compiles to the same bytes, the hex and the
// JSON are the same code.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  assemble,
  be32,
  decodeInstructions,
  defineMap,
  formatAsm,
  formatC,
  formatHex,
  formatJson,
  instruction as i,
  type Program,
  type ProgramJson,
  program,
  struct,
  u64,
} from '../../src/asm/index.ts';
import { datapath } from '../../src/nat/datapath/index.ts';

const counters = struct('counters', { packets: u64, bytes: u64 });
const table = defineMap({
  name: 'counted',
  type: 'hash',
  key: be32,
  value: counters,
  maxEntries: 7,
  flags: 1,
});

const counting: Program = program('sched_cls', 'counting', (p) => {
  const found = p.lookup(table, 0x0a00_0001, { orElse: () => p.drop() });
  found.packets.increase(1);
  found.bytes.set(p.constant('u64', 0x1122_3344_5566_7788n));
  p.next();
});
const small: Program = assemble({ name: 'small', type: 'xdp', license: 'GPL' }, [i.mov.imm(0, 2), i.exit()]);
const PROGRAMS: readonly Program[] = [counting, small, ...datapathPrograms()];

function datapathPrograms(): Program[] {
  const { outbound, inbound } = datapath({ unmapped: 'pass' });
  return [outbound, inbound];
}

const hexOf = (code: Uint8Array): string => Buffer.from(code).toString('hex');

for (const one of PROGRAMS) {
  test(`${one.name}: the listing has one line for each instruction, numbered by units`, (t) => {
    const lines = formatAsm(one)
      .trimEnd()
      .split('\n')
      .filter((line) => !line.startsWith(';'));
    let unit = 0;
    const units = decodeInstructions(one.code).map(({ wide }) => {
      const at = unit;
      unit += wide === undefined ? 1 : 2;
      return at;
    });
    t.deepEqual(
      lines.map((line) => Number(/^ *(\d+): \S/.exec(line)?.[1])),
      units,
    );
  });

  test(`${one.name}: the hex is the code, 8 bytes a line`, (t) => {
    const lines = formatHex(one).trimEnd().split('\n');
    t.is(lines.length, one.code.length / 8);
    t.is(lines.join('').replaceAll(' ', ''), hexOf(one.code));
  });

  test(`${one.name}: the JSON holds the code, the maps and where they go`, (t) => {
    const json: ProgramJson = JSON.parse(formatJson(one));
    t.is(json.instructions.map(({ hex }) => hex).join(''), hexOf(one.code));
    t.like(json, { name: one.name, type: one.type, license: one.license });
    let unit = 0;
    for (const { index, hex } of json.instructions) {
      t.is(index, unit);
      unit += hex.length / 16;
    }
    const references = json.instructions.flatMap(({ index, map }) => (map ? [[index, map]] : []));
    t.deepEqual(
      references,
      one.relocations.map(({ index, map }) => [index, map.name]),
    );
    const named = new Map(one.relocations.map(({ map }) => [map.name, map]));
    t.is(json.maps.length, named.size);
    for (const { name, type, keySize, valueSize, maxEntries, flags } of json.maps) {
      t.like(named.get(name), { type, keySize, valueSize, maxEntries, flags });
    }
  });

  test(`${one.name}: the C array compiles to the code`, (t) => {
    t.is(compiled(one), hexOf(one.code));
  });
}

test('whatever a program may be called, its C array compiles', (t) => {
  for (const name of ['9lives', 'a.b.c', '.', 'int', 'static', '_', 'main']) {
    t.is(compiled({ ...small, name }), hexOf(small.code), name);
  }
});

test('no licence gets out of the comment it stands in', (t) => {
  t.is(compiled({ ...small, license: 'GPL */ int x = ; /*' }), hexOf(small.code));
});

/** What a program made of the C array by the system's compiler finds in it. */
function compiled(one: Program): string {
  const text = formatC(one);
  const [, name] = /^static const unsigned char (\S+)\[/m.exec(text) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'tsnat-format-'));
  try {
    const [source, library] = [join(folder, 'array.c'), join(folder, 'array.so')];
    // A library that prints when it is loaded: an array may be called anything, `main` as well.
    const print = `for (unsigned long i = 0; i < sizeof ${name}; i++) printf("%02x", ${name}[i]);`;
    const whenLoaded = `__attribute__((constructor)) static void tsnat_print(void) { ${print} }`;
    writeFileSync(source, `#include <stdio.h>\n${text}\n${whenLoaded}\n`);
    const flags = ['-Wall', '-Werror', '-Wno-main', '-shared', '-fPIC'];
    const { status, stderr, error } = spawnSync('clang', [...flags, '-o', library, source], {
      encoding: 'utf8',
    });
    if (status !== 0) return `${error ?? stderr}`;
    return execFileSync('true', { encoding: 'utf8', env: { LD_PRELOAD: library } });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a listing names the TypeScript line above what it emitted', (t) => {
  const listing = formatAsm(counting);
  t.regex(listing, /; .*format\.test\.ts:\d+\n +\d+: /);
  t.regex(listing, /r\d = map\[counted\]/);
  t.regex(listing, /call bpf_map_lookup_elem#1/);
  t.regex(listing, /r\d = 0x1122334455667788/);
});
