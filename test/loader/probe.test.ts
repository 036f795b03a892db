// What the kernel can do, against what bpftool finds out by its own means. Needs root and BPF.

import { readdirSync } from 'node:fs';
import test from 'ava';
import { assemble, instruction, MAP_TYPES, type MapType, type ProgramType } from '../../src/asm/index.ts';
import * as loader from '../../src/loader/index.ts';
import { TCX } from '../support/tcx.ts';
import { json, run } from './support/commands.ts';

interface Witness {
  readonly program_types: Readonly<Record<string, boolean>>;
  readonly map_types: Readonly<Record<string, boolean>>;
  readonly helpers: Readonly<Record<string, readonly string[]>>;
}

let witness: Witness;
test.before(() => {
  witness = json('bpftool', '-j', 'feature', 'probe', 'kernel') as Witness;
});

test('map types', (t) => {
  // Some are made with types of their own, or for other programs than ours, and are not for us to know.
  const special = /storage|struct_ops|stack_trace|arena|user_ringbuf/;
  const types = (Object.keys(MAP_TYPES) as MapType[]).filter((type) => !special.test(type));
  for (const type of types) {
    const said = witness.map_types[`have_${type}_map_type`];
    if (said !== undefined) t.is(loader.probeMapType(type), said, type);
  }
  t.is(loader.probeMapType('ringbuf'), true);
});

test('program types', (t) => {
  for (const type of ['sched_cls', 'xdp', 'socket_filter', 'sched_act', 'cgroup_skb'] as ProgramType[]) {
    t.is(loader.probeProgramType(type), witness.program_types[`have_${type}_prog_type`] ?? false, type);
  }
});

/** Numbers of include/uapi/linux/bpf.h; whose they are, net/core/filter.c says. */
const HELPERS = {
  sched_cls: { has: [1, 9, 10, 11, 23, 26, 28, 39, 130], lacks: [44, 51, 189, 9999] },
  xdp: { has: [1, 23, 28, 44, 51, 130], lacks: [9, 10, 26, 39, 9999] },
} as const;

/** No newer ones than Linux 5.8 has. */
test('helpers', (t) => {
  for (const type of ['sched_cls', 'xdp'] as const) {
    for (const number of HELPERS[type].has) t.is(loader.probeHelper(type, number), true, `${type} ${number}`);
    for (const number of HELPERS[type].lacks)
      t.is(loader.probeHelper(type, number), false, `${type} ${number}`);
    // bpftool 7.1 takes helpers for available that this kernel refuses in new words; never the other way round.
    t.true((witness.helpers[`${type}_available_helpers`] ?? []).length >= HELPERS[type].has.length);
  }
});

test('helpers that a program calls, and nothing else', (t) => {
  const { call, callLocal, exit, label, loadImm64, mov } = instruction;
  const inner = label('inner');
  const { code } = assemble({ name: 'calls', type: 'sched_cls' }, [
    loadImm64(1, 0x85n),
    callLocal(inner),
    call(39),
    call(5),
    call(39),
    ...[mov.imm(0, 0), exit(), { place: inner }, mov.imm(0, 0), exit()],
  ]);
  t.deepEqual(loader.helpersOf(code), [5, 39]);
});

test('hooks, batches, lines and machine code', (t) => {
  t.is(loader.probeTcx(), TCX);
  t.is(loader.probeXdpLink(), true);
  t.is(loader.probeBatch(), true);
  t.is(loader.probeProgramBtf(), true);
  t.is(loader.probeJit(), loader.sysctl('net.core.bpf_jit_enable') !== '0');
  t.true([true, false].includes(loader.probeNetkit() as boolean));
});

test('nothing of it stays', (t) => {
  const descriptors = readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 3; i++) {
    loader.probeMapType('hash_of_maps');
    loader.probeMapType('ringbuf');
    loader.probeProgramType('xdp');
    loader.probeHelper('sched_cls', 1);
    loader.probeXdpLink();
    loader.probeBatch();
    loader.readMachine();
    loader.readOffloads('lo');
  }
  t.is(readdirSync('/proc/self/fd').length, descriptors);
  t.regex(run('bpftool', 'net', 'show', 'dev', 'lo'), /^xdp:\s+tc:\s+/);
});

test('offloads, as ethtool says', (t) => {
  const said = run('ethtool', '-k', 'lo');
  const on = (name: string): boolean => new RegExp(`^${name}: on`, 'm').test(said);
  t.deepEqual(loader.readOffloads('lo'), {
    lro: on('large-receive-offload'),
    gro: on('generic-receive-offload'),
    txChecksum: on('tx-checksumming'),
  });
  t.deepEqual(loader.readOffloads('nope0'), { lro: undefined, gro: undefined, txChecksum: undefined });
});

test('without privilege the answer is that there is none', (t) => {
  const { href } = new URL('../../src/loader/index.js', import.meta.url);
  const script = `import * as l from '${href}';
    console.log(l.probeMapType('hash'), l.probeProgramType('sched_cls'), l.probeHelper('sched_cls', 1), l.probeTcx(), l.probeXdpLink(), l.probeBatch(), l.probeJit());`;
  const node = [process.execPath, '--input-type=module', '-e', script];
  t.is(
    run('setpriv', '--bounding-set=-all', '--inh-caps=-all', ...node),
    'unknown unknown unknown unknown unknown unknown unknown\n',
  );
});
