// A kernel out of memory at each call of attaching, one after the other: it works nevertheless, or fails with a typed
// error and nothing is left: no program, no qdisc, no descriptor, no pin.

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { be32, defineMap, u64 } from '../../../src/asm/index.ts';
import { interpose } from '../../../src/loader/ffi.ts';
import {
  type Attachment,
  attach,
  attachMany,
  attachShared,
  deleteClsact,
  detach,
  detachMany,
  detachShared,
  ERRNO,
  ensurePinned,
  findBpffs,
  findClsact,
  findInterface,
  joinShared,
  LoaderError,
  listPrograms,
  loadProgram,
  netnsInode,
  openOrCreateMap,
  replacePin,
  swap,
  swapMany,
  swapShared,
} from '../../../src/loader/index.ts';
import { TCX } from '../../support/tcx.ts';
import { returning, TC_ACT_UNSPEC, XDP_PASS, xdpReturning } from '../support/programs.ts';
import { countDescriptors, site } from '../support/site.ts';

/**
 * Runs `run` with call number `at` answering ENOMEM; what a thread does to come home is left alone.
 *
 * @returns what it gave or threw, and whether there was such a call.
 */
function faulty<T>(at: number, run: () => T): { value?: T; error?: unknown; hit: boolean } {
  let count = 0;
  let entered = 0;
  let hit = false;
  interpose((call, really) => {
    const homeward = call === 'setns' && ++entered % 2 === 0;
    if (homeward || count++ !== at) return really();
    hit = true;
    return -ERRNO.ENOMEM;
  });
  try {
    return { value: run(), hit };
  } catch (error) {
    return { error, hit };
  } finally {
    interpose(undefined);
  }
}

interface Step<T> {
  readonly run: () => T;
  /** Undoes it where it worked. */
  readonly undo: (value: T) => void;
}

const MOST_CALLS = 2_000;

function everyFault<T>(t: ExecutionContext, { run, undo }: Step<T>, clean: (words: string) => void) {
  const home = netnsInode();
  let [failed, worked] = [0, 0];
  for (let at = 0; at < MOST_CALLS; at++) {
    const descriptors = countDescriptors();
    const { value, error, hit } = faulty(at, run);
    if (error === undefined) {
      worked++;
      undo(value as T);
    } else {
      failed++;
      t.true(error instanceof LoaderError, `call ${at}: ${error}`);
    }
    clean(`call ${at}: ${error}`);
    t.is(netnsInode(), home);
    t.is(countDescriptors(), descriptors, `call ${at}: ${error}`);
    if (!hit) {
      t.true(failed > 0);
      t.log(`${at} calls: ${failed} faults reported, ${worked - 1} of no consequence`);
      return;
    }
  }
  t.fail('it does not end');
}

const HOOKS = [
  ...(TCX
    ? ([
        ['tcx', true],
        ['tcx', false],
      ] as const)
    : []),
  ['clsact', undefined],
  ['xdp', true],
  ['xdp', false],
] as const;

for (const [hook, link] of HOOKS) {
  const words = `${hook}${link === undefined ? '' : link ? ' by link' : ' without link'}`;
  test(`${words}: attach and swap`, (t) => {
    using place = site('ldrm');
    const { name: netns, socket, ifindex } = place;
    const make = (name: string) =>
      hook === 'xdp'
        ? loadProgram(xdpReturning(name, XDP_PASS), {})
        : loadProgram(returning(name, TC_ACT_UNSPEC), {});
    using first = make('ldrm_first');
    using second = make('ldrm_second');
    const options = { netns, interface: 'out0', hook, ...(link !== undefined && { link }) };
    const ids = () => listPrograms({ netns, interface: 'out0' }).map(({ programId }) => programId);
    const clean = (why: string) => {
      t.deepEqual(ids(), [], why);
      t.is(findClsact(socket, ifindex), undefined, why);
    };
    everyFault(
      t,
      { run: () => attach({ ...options, program: first }), undo: (it) => t.true(detach(it)) },
      clean,
    );
    const there: Attachment = attach({ ...options, program: first });
    everyFault(
      t,
      {
        run: () => swap(there, second),
        undo: (it) => {
          t.deepEqual(ids(), [second.info.id]);
          swap(it, first);
        },
      },
      (why) => t.deepEqual(ids(), [first.info.id], why),
    );
    t.true(detach(there));
    clean('at the end');
  });
}

test('many at once', (t) => {
  using place = site('ldrm');
  const { name: netns, socket } = place;
  using first = loadProgram(returning('ldrm_first', TC_ACT_UNSPEC), {});
  using second = loadProgram(returning('ldrm_second', TC_ACT_UNSPEC), {});
  const names = ['out0', 'out1'];
  const interfaces = { interfaces: names, netns } as const;
  const programs = { ingress: first, egress: first };
  const ids = () =>
    names.flatMap((each) => listPrograms({ netns, interface: each }).map(({ programId }) => programId));
  const indexOf = (each: string) => findInterface(socket, each)?.index ?? 0;
  const clean = (why: string) => {
    t.deepEqual(ids(), [], why);
    const kinds = names.map((each) => findClsact(socket, indexOf(each)));
    t.deepEqual(kinds, [undefined, undefined], why);
  };
  const many = { ...interfaces, hook: 'clsact', programs } as const;
  everyFault(
    t,
    { run: () => attachMany(many).attachments, undo: (all) => t.is(detachMany(all).detached, 4) },
    clean,
  );
  const there = attachMany(many).attachments;
  const old = Array.from({ length: 4 }, () => first.info.id);
  everyFault(t, { run: () => swapMany(there, second), undo: (all) => void swapMany(all, first) }, (why) =>
    t.deepEqual(ids(), old, why),
  );
  t.is(detachMany(there).detached, 4);
  everyFault(
    t,
    { run: () => attachShared({ ...interfaces, programs }), undo: (it) => t.true(detachShared(it)) },
    clean,
  );
  const shared = attachShared({ interfaces: ['out0'], netns, programs });
  everyFault(
    t,
    {
      run: () => joinShared(shared, ['out1']),
      undo: () => {
        t.is(ids().length, 4);
        deleteClsact(socket, indexOf('out1'));
      },
    },
    (why) => {
      t.is(ids().length, 2, why);
      t.is(findClsact(socket, indexOf('out1')), undefined, why);
    },
  );
  everyFault(
    t,
    {
      run: () => swapShared(shared, { ingress: second, egress: second }),
      undo: (it) => void swapShared(it, { ingress: first, egress: first }),
    },
    (why) => t.deepEqual(ids(), old.slice(2), why),
  );
  t.true(detachShared(shared));
  clean('at the end');
});

test('pins', (t) => {
  const folder = `${findBpffs()}/ldrm_${process.pid}`;
  mkdirSync(folder, { mode: 0o700 });
  try {
    using program = loadProgram(returning('ldrm_pin', TC_ACT_UNSPEC), {});
    using other = loadProgram(returning('ldrm_other', TC_ACT_UNSPEC), {});
    const definition = defineMap({ name: 'ldrm_map', type: 'hash', key: be32, value: u64, maxEntries: 4 });
    const empty = (why: string) => t.deepEqual(readdirSync(folder), [], why);
    const unpin = () => rmSync(`${folder}/it`);
    everyFault(t, { run: () => ensurePinned(program, `${folder}/it`), undo: unpin }, empty);
    everyFault(
      t,
      {
        run: () => openOrCreateMap(`${folder}/it`, definition),
        undo: ({ map }) => {
          map.close();
          unpin();
        },
      },
      empty,
    );
    ensurePinned(program, `${folder}/it`);
    everyFault(
      t,
      { run: () => replacePin(other, `${folder}/it`), undo: () => replacePin(program, `${folder}/it`) },
      (why) => {
        t.deepEqual(readdirSync(folder), ['it'], why);
        t.false(ensurePinned(program, `${folder}/it`), why);
      },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
