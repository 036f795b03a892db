// What the kernel says of programs, maps and types, against bpftool; test runs with contexts; statistics.

import test, { type ExecutionContext } from 'ava';
import { btf, defineMap, program, struct, u32, u64 } from '../../src/asm/index.ts';
import {
  BpfBtf,
  BpfMap,
  type BpfProgram,
  loadProgram,
  objectIds,
  RunStatistics,
  withNetns,
} from '../../src/loader/index.ts';
import { since } from '../support/since.ts';
import { json } from './support/commands.ts';
import { namespace } from './support/namespace.ts';

const seen = defineMap({
  name: 'ldrinfo_seen',
  type: 'array',
  key: u32,
  value: struct('ldrinfo_value', { packets: u64 }),
  maxEntries: 2,
});
const counting = program('sched_cls', 'ldrinfo_count', (p) => {
  const found = p.lookup(seen, 0);
  p.when(found.missing(), () => p.drop());
  found.value.packets.increase(1);
  p.skb.mark.set(p.skb.mark.get().add(1));
  p.next();
});
/** The kernel's own types have identifiers. */
const KERNEL_BTF = since('5.11');
const frame = Uint8Array.from({ length: 60 }, (_, i) => i);

/** On an older kernel it is said what is missing. */
function testSince(version: string, title: string, run: (t: ExecutionContext) => void): void {
  if (since(version)) test(title, run);
  else {
    test(`${title}: not before Linux ${version}`, (t) => {
      const error = t.throws(() => run(t), { code: 'EINVAL' });
      t.regex(error?.message ?? '', new RegExp(`Linux ${version.replace('.', '\\.')}`));
    });
  }
}

function loaded(use: (loaded: BpfProgram, map: BpfMap) => void): void {
  using map = BpfMap.create(seen);
  using counter = loadProgram(counting, { ldrinfo_seen: map });
  use(counter, map as unknown as BpfMap);
}

test('a program’s info is what bpftool says', (t) => {
  loaded((counter, map) => {
    const { info } = counter;
    const witness = json('bpftool', '-j', 'prog', 'show', 'id', String(info.id));
    t.is(info.tag, witness.tag);
    t.is(info.translatedSize, witness.bytes_xlated);
    t.is(info.jitedSize, witness.bytes_jited);
    t.is(info.uid, witness.uid);
    t.is(info.gplCompatible, true);
    t.is(info.btfId, witness.btf_id);
    t.deepEqual(info.mapIds, [map.raw.id]);
    const age = process.hrtime.bigint() - info.loadTime;
    t.true(age > -60_000_000_000n && info.loadTime > 0n);
    if (since('5.16')) t.true((info.verifiedInstructions ?? 0) > 5);
    if (since('5.12')) t.is(info.recursionMisses, 0n);
    t.is(counter.code('translated').length, info.translatedSize);
    t.is(counter.code('jited').length, info.jitedSize);
    const dumped = json('bpftool', '-j', 'prog', 'dump', 'xlated', 'id', String(info.id));
    t.is(dumped.at(-1).disasm, '(95) exit');
    t.is(counter.code('translated').at(-8), 0x95);
  });
});

test('a map’s info, and its types by their identifier', (t) => {
  loaded((counter, map) => {
    const { info } = map.raw;
    t.like(info, { name: 'ldrinfo_seen', keySize: 4, valueSize: 8, maxEntries: 2, flags: 0 });
    using types = BpfBtf.openById(info.btfId ?? 0);
    const parsed = types!.parse();
    t.is(types!.info.size, types!.data().length);
    t.is(types!.name, '');
    if (KERNEL_BTF) t.is(types!.info.kernel, false);
    t.is(btf.typeName(parsed, info.btfValueType ?? 0), 'struct ldrinfo_value');
    using ofProgram = BpfBtf.openById(counter.info.btfId ?? 0);
    t.true(ofProgram!.parse().types.some((type) => type.kind === 'func' && type.name === 'ldrinfo_count'));
    t.is(BpfBtf.openById(0x7fff_ffff), undefined);
  });
  if (!KERNEL_BTF) return;
  using vmlinux = BpfBtf.openById(1);
  t.is(vmlinux?.name, 'vmlinux');
  t.is(vmlinux?.info.kernel, true);
});

test('identifiers of everything there is', (t) => {
  loaded((counter, map) => {
    t.true([...objectIds('program')].includes(counter.info.id));
    t.true([...objectIds('map')].includes(map.raw.id));
    t.true([...objectIds('btf')].includes(counter.info.btfId ?? 0));
    t.true([...objectIds('link')].every((id) => id > 0));
  });
});

test('statistics are counted while somebody wants them', (t) => {
  loaded((counter) => {
    counter.testRun({ data: frame, repeat: 10 });
    {
      using _ = RunStatistics.enable();
      const { runCount = 0n } = counter.info;
      // Statistics of other tests may be on: what is counted is counted, at least here.
      counter.testRun({ data: frame, repeat: 100 });
      t.is((counter.info.runCount ?? 0n) - runCount, 100n);
      t.true((counter.info.runTime ?? 0n) > 0n);
    }
  });
});

test('a TC program sees the fields it is given, and what it writes comes back', (t) => {
  loaded((counter) => {
    const result = counter.runSkb({ data: frame, skb: { mark: 41, priority: 7 } });
    t.is(result.skb.mark, 42);
    t.is(result.skb.priority, 7);
    t.deepEqual(result.skb.cb, [0, 0, 0, 0, 0]);
    t.deepEqual(result.data, frame);
    t.is(counter.runSkb({ data: frame, repeat: 5 }).skb.mark, 5);
    t.throws(() => counter.runSkb({ data: frame, skb: { hash: 1 } as never }), { code: 'EINVAL' });
    t.throws(() => counter.runSkb({ data: frame, dataOutSize: 4 }), { code: 'ENOSPC' });
  });
});

testSince('5.15', 'an XDP program gets metadata in front of the packet', (t) => {
  const shorter = program('xdp', 'ldrinfo_xdp', (p) => {
    const length = p.xdp.dataEnd.get().sub(p.xdp.data.get());
    p.when(length.eq(60), () => p.drop());
    p.pass();
  });
  using xdp = loadProgram(shorter, {});
  const metadata = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const result = xdp.runXdp({ data: frame, metadata });
  t.is(result.returnValue, 1);
  t.deepEqual(result.metadata, metadata);
  t.deepEqual(result.data, frame);
  const other = xdp.runXdp({ data: frame.slice(0, 40), ingressIfindex: 1 });
  t.is(other.returnValue, 2);
  t.is(other.metadata.length, 0);
  t.throws(() => xdp.runXdp({ data: frame, metadata: new Uint8Array(3) }), { code: 'EINVAL' });
});

testSince('5.18', 'live frames are run through the program, as many as wanted', (t) => {
  const { name, ip } = namespace('ldrinfo');
  ip('link add live0 type veth peer name live1');
  ip('link set live0 up');
  const index = json('ip', '-j', '-n', name, 'link', 'show', 'live0')[0].ifindex;
  const passing = program('xdp', 'ldrinfo_live', (p) => {
    const found = p.lookup(seen, 0);
    p.when(found.missing(), () => p.drop());
    p.when(p.xdp.ingressIfindex.get().eq(index), () => {
      found.value.packets.increase(1);
    });
    p.pass();
  });
  using map = BpfMap.create(seen);
  using xdp = loadProgram(passing, { ldrinfo_seen: map });
  withNetns(name, () => {
    xdp.runLive({ data: frame, repeat: 130, batchSize: 10, ingressIfindex: index });
    t.is(map.get(0)?.packets, 130n);
    xdp.runLive({ data: frame, repeat: 3 });
    t.is(map.get(0)?.packets, 130n);
    t.throws(() => xdp.runLive({ data: frame, repeat: 1, batchSize: 1000 }), { code: 'E2BIG' });
  });
});
