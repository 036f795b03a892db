import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import test from 'ava';
import { be32, type defineMap as Define, defineMap, u32, u64 } from '../../src/asm/index.ts';
import {
  BpfLink,
  BpfMap,
  ensurePinned,
  findBpffs,
  listPins,
  loadProgram,
  openOrCreateMap,
  PinError,
  replacePin,
} from '../../src/loader/index.ts';
import { TCX } from '../support/tcx.ts';
import { atExit } from './support/namespace.ts';
import { returning, TC_ACT_OK, TC_ACT_UNSPEC } from './support/programs.ts';
import { countDescriptors, site } from './support/site.ts';

let count = 0;

/** A folder for pins, gone at the end. */
function folder(): string {
  const path = `${findBpffs()}/ldrp_${process.pid}_${count++}`;
  mkdirSync(path, { mode: 0o700 });
  atExit(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const shape = { name: 'ldrp_table', type: 'hash', key: be32, value: u64, maxEntries: 16 } as const;

test('a map is made once, and found again with what is in it', (t) => {
  const path = `${folder()}/table`;
  const definition = defineMap(shape);
  const descriptors = countDescriptors();
  const first = openOrCreateMap(path, definition);
  t.true(first.created);
  first.map.set(1, 7n);
  const second = openOrCreateMap(path, definition);
  t.false(second.created);
  t.is(second.map.get(1), 7n);
  t.is(second.map.raw.id, first.map.raw.id);
  first.map.close();
  second.map.close();
  t.is(countDescriptors(), descriptors);
});

const OTHERS: readonly (readonly [string, Parameters<typeof Define>[0], RegExp])[] = [
  ['type', { ...shape, type: 'lru_hash' }, /type is lru_hash, not hash/],
  ['key', { ...shape, key: u64 }, /key size is 8, not 4/],
  ['value', { ...shape, value: u32 }, /value size is 4, not 8/],
  ['capacity', { ...shape, maxEntries: 32 }, /max entries is 32, not 16/],
  ['flags', { ...shape, flags: 1 }, /flags is 0x1, not 0x0/],
  ['several', { ...shape, value: u32, maxEntries: 4 }, /value size is 4, not 8; max entries is 4, not 16/],
];

for (const [words, other, expected] of OTHERS) {
  test(`a pinned map of another ${words} is refused, the difference named`, (t) => {
    const path = `${folder()}/table`;
    using theirs = BpfMap.create(defineMap(other));
    theirs.raw.pin(path);
    const descriptors = countDescriptors();
    const error = t.throws(() => openOrCreateMap(path, defineMap(shape)), {
      instanceOf: PinError,
      code: 'EPINNED',
      message: expected,
    });
    t.regex(error?.message ?? '', /^what is pinned at '.*' is not map 'ldrp_table': .*another version/);
    t.is(countDescriptors(), descriptors);
    using still = BpfMap.openPin(path, defineMap(other));
    t.is(still?.raw.id, theirs.raw.id);
  });
}

test('a foreign pin of another kind is refused, and left where it is', (t) => {
  const at = folder();
  using program = loadProgram(returning('ldrp_prog', TC_ACT_UNSPEC), {});
  using map = BpfMap.create(defineMap(shape));
  program.pin(`${at}/table`);
  map.raw.pin(`${at}/prog`);
  mkdirSync(`${at}/sub`);
  const descriptors = countDescriptors();
  const refused = (run: () => unknown, message: RegExp) =>
    t.throws(run, { instanceOf: PinError, code: 'EPINNED', message });
  refused(() => openOrCreateMap(`${at}/table`, defineMap(shape)), /kind is program, not map/);
  refused(() => ensurePinned(map, `${at}/table`), /is not this map: kind is program, not map/);
  refused(() => ensurePinned(program, `${at}/prog`), /is not this program: kind is map, not program/);
  t.throws(() => openOrCreateMap(`${at}/sub`, defineMap(shape)), { code: 'EACCES' });
  t.throws(() => openOrCreateMap('/tmp/ldrp', defineMap(shape)));
  t.is(countDescriptors(), descriptors);
  t.deepEqual(listPins(at), [
    { name: 'prog', kind: 'map', id: map.raw.id },
    { name: 'sub', kind: 'other', id: undefined },
    { name: 'table', kind: 'program', id: program.info.id },
  ]);
  t.is(countDescriptors(), descriptors);
});

test('the same object again is no error, another one is', (t) => {
  const at = folder();
  using place = site('ldrp');
  using first = loadProgram(returning('ldrp_first', TC_ACT_UNSPEC), {});
  using second = loadProgram(returning('ldrp_second', TC_ACT_OK), {});
  using map = BpfMap.create(defineMap(shape));
  using other = BpfMap.create(defineMap(shape));
  using link = TCX ? place.within(() => BpfLink.tcx(first, place.ifindex, 'ingress')) : undefined;
  const descriptors = countDescriptors();
  for (const [name, object] of Object.entries({ first, map, ...(link && { link }) })) {
    t.true(ensurePinned(object, `${at}/${name}`));
    t.false(ensurePinned(object, `${at}/${name}`));
  }
  t.throws(() => ensurePinned(second, `${at}/first`), {
    code: 'EPINNED',
    message: /name is ldrp_first, not ldrp_second; tag is \w+, not \w+; id is/,
  });
  t.throws(() => ensurePinned(other, `${at}/map`), { code: 'EPINNED', message: /: id is \d+, not \d+ / });
  replacePin(second, `${at}/first`);
  t.false(ensurePinned(second, `${at}/first`));
  t.deepEqual(readdirSync(at).sort(), ['first', ...(TCX ? ['link'] : []), 'map']);
  t.throws(() => replacePin(second, `${at}/absent/first`), { code: 'ENOENT' });
  t.is(countDescriptors(), descriptors);
});
