// Somebody takes the interface, or the namespace's name, away in the middle of a command: a typed error or success,
// and nothing that the next commands do not clear up.

import test, { type ExecutionContext } from 'ava';
import { interpose } from '../../../src/loader/ffi.ts';
import { BpfMap, deleteNetns, LoaderError, netnsInode } from '../../../src/loader/index.ts';
import { encodeMappings } from '../../../src/nat/entries-encode.ts';
import {
  attach,
  detach,
  InstanceError,
  listInstances,
  openInstance,
} from '../../../src/nat/instance/index.ts';
import { instanceMaps } from '../../../src/nat/maps.ts';
import { objectsWith } from './support/objects.ts';
import { many, mapped, type Site, site } from './support/site.ts';
import { openTable, tableSizes } from './support/tables.ts';

/** include/uapi/linux/bpf.h */
const BPF_MAP_UPDATE_ELEM = 2;
/** Every how many calls it happens. */
const STRIDE = 11;
const LIST = many(3);
/** Of the tables of this process, and of no other. */
const CAPACITY = 2000 + process.pid;

/** Runs `run`, and `event` before its call number `step`. @returns whether it came to that */
function interrupted(step: number, event: () => void, run: () => void): { came: boolean; error: unknown } {
  let calls = 0;
  let came = false;
  interpose((_call, go) => {
    if (calls++ === step) {
      came = true;
      interpose(undefined);
      event();
    }
    return go();
  });
  try {
    run();
    return { came, error: undefined };
  } catch (error) {
    return { came, error };
  } finally {
    interpose(undefined);
  }
}

const inbound = (root: string) => BpfMap.openPin(`${root}/out0/maps/inbound`, instanceMaps().inbound)!;

/** Another program that writes to the pinned table, as docs/maps.md invites it to. */
function bind(root: string, outside: number, inside: number): void {
  using map = inbound(root);
  map.set(outside, { address: inside, reserved: 0, packets: 0n, bytes: 0n });
}

function unbind(root: string, outside: number): void {
  using map = inbound(root);
  map.delete(outside);
}

function read(root: string, outside: number): number | undefined {
  using map = inbound(root);
  return map.get(outside)?.address;
}

/** Removes whatever there is, as a user would, and looks whether anything is left. */
function clear(t: ExecutionContext, { context, pins }: Site, what: string): void {
  for (const name of listInstances(context)) {
    using instance = openInstance(name, context);
    t.false(instance.status().healthy, what);
    detach(name, context);
  }
  try {
    openInstance('out0', context).close();
    t.fail(`${what}: it is still there`);
  } catch (error) {
    t.is((error as { code?: unknown }).code, 'ENOENT', what);
  }
  t.deepEqual(pins(), [], what);
}

const OPERATIONS: readonly [string, (here: Site, hook: 'tcx' | 'clsact') => void, boolean][] = [
  [
    'attach',
    ({ context, netns }, hook) =>
      attach({ interface: 'out0', netns, hook, mappings: LIST, capacity: CAPACITY }, context),
    false,
  ],
  [
    'attach --replace',
    ({ context, netns }) => attach({ interface: 'out0', netns, replace: true, mappings: many(2) }, context),
    true,
  ],
  [
    'map replace',
    ({ context }) => {
      using instance = openInstance('out0', context);
      instance.replaceMappings(many(2));
    },
    true,
  ],
  ['detach', ({ context }) => detach('out0', context), true],
];

for (const hook of ['tcx', 'clsact'] as const) {
  for (const [title, run, attached] of OPERATIONS) {
    test(`${hook}: the interface goes in the middle of ${title}`, (t) => {
      t.timeout(200_000);
      const here = site(t);
      const { context, netns, ip } = here;
      const home = netnsInode();
      for (let step = 0, came = true; came; step += STRIDE) {
        if (attached) attach({ interface: 'out0', netns, hook, mappings: LIST, capacity: CAPACITY }, context);
        const result = interrupted(
          step,
          () => ip('link del out0'),
          () => run(here, hook),
        );
        came = result.came;
        const what = `call ${step}: ${result.error}`;
        const { error } = result;
        t.true(error === undefined || error instanceof LoaderError || error instanceof InstanceError, what);
        t.is(netnsInode(), home, what);
        if (!came) break;
        clear(t, here, what);
        t.deepEqual(objectsWith(CAPACITY), [], what);
        ip('link add out0 type veth peer name out1');
        ip('link set out0 up');
      }
    });
  }

  test(`${hook}: the namespace loses its name in the middle of attach`, (t) => {
    t.timeout(200_000);
    for (let step = 0, came = true; came; step += 5 * STRIDE) {
      const here = site(t);
      const { context, netns } = here;
      const result = interrupted(
        step,
        () => deleteNetns(netns),
        () => attach({ interface: 'out0', netns, hook, mappings: LIST, capacity: CAPACITY }, context),
      );
      came = result.came;
      const what = `call ${step}: ${result.error}`;
      const { error } = result;
      t.true(error === undefined || error instanceof LoaderError || error instanceof InstanceError, what);
      if (!came) break;
      clear(t, here, what);
    }
  });
}

test('who binds an address at the same time, without the lock, is noticed: nothing of the batch stays', (t) => {
  const { context, netns, root } = site(t);
  attach({ interface: 'out0', netns, mappings: many(2) }, context);
  using instance = openInstance('out0', context);
  instance.addMappings(many(1, 900));
  for (const count of [20, 200]) {
    // After all was found free, when a part of it is written.
    const list = many(count, 5000);
    const taken = list[Math.floor(count / 2)]!;
    let updates = 0;
    interpose((call, go, [command]) => {
      if (call === 'bpf' && command === BPF_MAP_UPDATE_ELEM && updates++ === count / 2) {
        interpose(undefined);
        bind(root, taken.outside, 0x0a0a_0a0a);
      }
      return go();
    });
    try {
      t.throws(() => instance.addMappings(list), {
        name: 'MappingError',
        message: /is already that of 10\.10\.10\.10/,
      });
    } finally {
      interpose(undefined);
    }
    t.deepEqual(instance.listMappings().length, 3, 'what was written of it is gone');
    t.is(read(root, taken.outside), 0x0a0a_0a0a, "and what is somebody else's is not");
    unbind(root, taken.outside);
    t.true(instance.status().healthy);
  }
});

test('who binds a port at the same time is noticed too, as are marks that others need', (t) => {
  const { context, netns, root } = site(t);
  const [first] = mapped('10.0.0.6:9/tcp=203.0.113.9:9/tcp');
  attach({ interface: 'out0', netns, mappings: [first!] }, context);
  using instance = openInstance('out0', context);
  const before = tableSizes(root);
  const list = Array.from({ length: 20 }, (_, i) => `10.0.1.${i}:80/tcp=203.0.113.9:${1000 + i}/tcp`);
  const theirs = encodeMappings(mapped('10.10.10.10:80/tcp=203.0.113.9:1010/tcp')).inbound_net;
  let updates = 0;
  interpose((call, go, [command]) => {
    if (call === 'bpf' && command === BPF_MAP_UPDATE_ELEM && updates++ === 5) {
      interpose(undefined);
      using table = openTable(root, 'inbound_net');
      table.raw.setBatch(theirs);
    }
    return go();
  });
  try {
    t.throws(() => instance.addMappings(mapped(...list)), {
      name: 'MappingError',
      message: /another program bound one of these on instance 'out0' at the same time/,
    });
  } finally {
    interpose(undefined);
  }
  // Their port is there, and nothing of ours: the mark of the outside was there before.
  const after = tableSizes(root);
  t.is(
    after.reduce((sum, size) => sum + size, 0),
    before.reduce((sum, size) => sum + size, 0) + 1,
  );
  t.regex(instance.status().problems.join(), /in one direction only.*: 1;/);
  t.is(instance.replaceMappings([first!]).kept, 1);
  t.deepEqual(tableSizes(root), before);
  instance.addMappings(mapped(...list));
  t.true(instance.status().healthy);
});
