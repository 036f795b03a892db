import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { defineMap, u32, u64 } from '../../src/asm/index.ts';
import { BpfMap, BpfProgram, loadProgram, VerifierError, verdict } from '../../src/loader/index.ts';
import { json, run } from './support/commands.ts';
import { EXIT, holding, insn, LD_IMM64, LDX_DW, MOV_IMM, program, returning } from './support/programs.ts';

const spec = (name: string) => defineMap({ name, type: 'array', key: u32, value: u64, maxEntries: 1 });

test('a program loads, runs and is what bpftool says', (t) => {
  using map = BpfMap.create(spec('ldrtest_a'));
  using loaded = loadProgram(holding('ldrtest_prog', [map.definition]), { ldrtest_a: map });
  const { info } = loaded;
  const witness = json('bpftool', '-j', 'prog', 'show', 'id', String(info.id));
  t.like(witness, {
    id: info.id,
    name: 'ldrtest_prog',
    tag: info.tag,
    type: 'sched_cls',
    gpl_compatible: true,
  });
  t.deepEqual(witness.map_ids, [map.raw.id]);
  t.deepEqual(info.mapIds, [map.raw.id]);
  const packet = Uint8Array.from({ length: 60 }, (_, i) => i);
  const result = loaded.testRun({ data: packet, repeat: 3 });
  t.is(result.returnValue, 0xffff_ffff);
  t.deepEqual(result.data, packet);
  using again = BpfProgram.openById(info.id);
  t.is(again?.info.tag, info.tag);
  t.is(BpfProgram.openById(0x7fff_ffff), undefined);
});

test('an address inside a map value is relocated with its offset', (t) => {
  using map = BpfMap.create(spec('ldrtest_v'));
  map.set(0, 0x1122_3344_5566_7788n);
  const code = [
    ...insn(LD_IMM64, 1, 0, 0, 0),
    ...insn(0, 0, 0, 0, 0),
    ...insn(0x61, 0, 1, 0, 0), // r0 = *(u32 *)(r1 + 0)
    ...insn(EXIT, 0, 0, 0, 0),
  ];
  using loaded = loadProgram(
    program('ldrtest_val', code, [{ index: 0, map: map.definition, valueOffset: 4 }]),
    {
      ldrtest_v: map,
    },
  );
  t.is(loaded.testRun({ data: new Uint8Array(14) }).returnValue, 0x1122_3344);
});

test('a refusal carries the whole log and names the reason', (t) => {
  const bad = program('ldrtest_bad', [...insn(LDX_DW, 0, 5, 0, 0), ...insn(EXIT, 0, 0, 0, 0)]);
  const error = t.throws(() => loadProgram(bad, {}), { instanceOf: VerifierError });
  t.is(error?.code, 'VERIFIER');
  t.regex(error?.message ?? '', /^the kernel refused program 'ldrtest_bad' at instruction 0 .*: R5 !read_ok/);
  t.regex(error?.log ?? '', /r0 = \*\(u64 \*\)\(r5 \+0\)/);
});

test('a log longer than the buffer arrives whole', (t) => {
  const long = Array.from({ length: 3500 }, (_, i) => insn(MOV_IMM, 0, 0, 0, i)).flat();
  const code = program('ldrtest_long', [...long, ...insn(EXIT, 0, 0, 0, 0)]);
  using loaded = loadProgram(code, {}, { logLevel: 2 });
  t.regex(loaded.log, /^func#0 @0[\s\S]*3500: \(95\) exit[\s\S]*processed 3501 insns/);
  const broken = program('ldrtest_broken', [...long, ...insn(LDX_DW, 0, 5, 0, 0), ...insn(EXIT, 0, 0, 0, 0)]);
  const error = t.throws(() => loadProgram(broken, {}, { logLevel: 2 }), { instanceOf: VerifierError });
  t.regex(error?.log ?? '', /^func#0 @0[\s\S]*R5 !read_ok/);
});

test('a program loads although a signal comes every millisecond, as under a profiler', (t) => {
  const { href } = new URL('../../src/loader/index.js', import.meta.url);
  const support = new URL('support/programs.js', import.meta.url).href;
  // Verifying so many instructions takes several milliseconds.
  const script = `
    import { loadProgram } from '${href}';
    import { EXIT, insn, MOV_IMM, program } from '${support}';
    const moves = Array.from({ length: 40_000 }, (_, i) => insn(MOV_IMM, 0, 0, 0, i)).flat();
    const code = [...moves, ...insn(EXIT, 0, 0, 0, 0)];
    const start = performance.now();
    for (let i = 0; i < 10; i++) loadProgram(program('ldrtest_slow', code), {}).close();
    console.log('loaded', performance.now() - start > 40);
  `;
  const folder = mkdtempSync(join(tmpdir(), 'ldrt-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const profiler = ['--cpu-prof', '--cpu-prof-interval', '500', `--cpu-prof-dir=${folder}`];
  const node = [...profiler, '--input-type=module', '-e', script];
  t.is(run(process.execPath, ...node), 'loaded true\n');
});

test('missing maps and misplaced relocations are named', (t) => {
  t.throws(() => loadProgram(holding('ldrtest_x', [spec('absent')]), {}), {
    code: 'ENOMAP',
    message: /'ldrtest_x' needs map 'absent'/,
  });
  const misplaced = { ...returning('ldrtest_y', 0), relocations: [{ index: 0, map: spec('absent') }] };
  t.throws(() => loadProgram(misplaced, {}), { code: 'ERELOCATION' });
});

test('the reason is found in logs of old and new kernels', (t) => {
  t.is(
    verdict('0: (95) exit\nR0 !read_ok\nprocessed 1 insns (limit 1000000) max_states_per_insn 0\n'),
    'R0 !read_ok',
  );
  t.is(verdict('Reason: R0 is bad\nAt: line 3\nprocessed 1 insns'), 'R0 is bad');
  t.is(verdict(''), 'no reason given');
});
