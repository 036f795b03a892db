// Objects of clang, loaded by our own loader and run: they compute what their C says.

import test from 'ava';
import { type ElfObject, parseElf } from '../../../src/asm/index.ts';
import { type BpfProgram, LoaderError, loadProgram, RawMap } from '../../../src/loader/index.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { compiled } from './support/compile.ts';

needsRootAndBpf(test);

/** Loads everything; closes it behind `use`. */
function loaded(
  object: ElfObject,
  use: (programs: BpfProgram[], maps: Record<string, RawMap>) => void,
): void {
  const open: Disposable[] = [];
  const keep = <T extends Disposable>(each: T): T => {
    open.push(each);
    return each;
  };
  try {
    const maps: Record<string, RawMap> = {};
    for (const map of object.maps) {
      const inner = map.inner && keep(RawMap.create(map.inner));
      maps[map.name] = keep(RawMap.create(map, inner ? { innerMapFd: inner.fd } : {}));
    }
    const programs = object.programs.map((program) => keep(loadProgram(program, maps)));
    use(programs, maps);
  } finally {
    for (const each of open.reverse()) each[Symbol.dispose]();
  }
}

const LENGTH = 64;
const data = new Uint8Array(LENGTH);

for (const cpu of ['v1', 'v2', 'v3'] as const) {
  test(`subprograms, a callback and global data, -mcpu=${cpu}`, (t) => {
    loaded(parseElf(compiled('elf/calls.c', cpu)), ([compute, refuse], maps) => {
      // 0 + 1 + ... + 6, four times the length, the first prime.
      t.is(compute?.testRun({ data }).returnValue, 21 + 4 * LENGTH + 2);
      t.is(refuse?.testRun({ data }).returnValue, 1);
      const key = new Uint8Array(4);
      // `calls` began as 5.
      t.is(new DataView(maps['.data']!.get(key)!.buffer).getUint32(0, true), 6);
      const bss = new DataView(maps['.bss']!.get(key)!.buffer);
      t.is(bss.getBigUint64(16, true), BigInt(2 * LENGTH + 7));
    });
  });

  test(`maps of many types, -mcpu=${cpu}`, (t) => {
    loaded(parseElf(compiled('elf/maps.c', cpu)), ([use]) => {
      t.is(use?.testRun({ data }).returnValue, 0 + 0 + 10 + 100);
    });
  });
}

test('maps of the old fashion', (t) => {
  loaded(parseElf(compiled('elf/legacy.c')), ([count]) => {
    t.is(count?.testRun({ data }).returnValue, 2);
  });
});

for (const twin of ['egress', 'ingress']) {
  test(`the twin ${twin} is loaded with its types`, (t) => {
    loaded(parseElf(compiled(`twin/${twin}.c`)), ([program]) => {
      t.is(program?.testRun({ data }).returnValue, 0xffff_ffff);
    });
  });
}

test('refused: what is not resolved', (t) => {
  const { programs } = parseElf(compiled('elf/core.c'));
  const error = t.throws(() => loadProgram(programs[0]!, {}), {
    instanceOf: LoaderError,
    code: 'EUNRESOLVED',
  });
  t.regex(error?.message ?? '', /instruction \d+ needs the .* \(CO-RE\), and 4 more/);
});
