// What crashes, other people and vanished interfaces leave behind.

import { readdirSync, renameSync, unlinkSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { BpfLink, BpfMap, deleteNetns, loadProgram, RawMap, withNetns } from '../../../src/loader/index.ts';
import { attach, detach, detachAll, listInstances, openInstance } from '../../../src/nat/instance/index.ts';
import { recordMap } from '../../../src/nat/instance/record.ts';
import { returning, TC_ACT_UNSPEC } from '../../loader/support/programs.ts';
import { many, type Site, site } from './support/site.ts';

const HOOKS = ['tcx', 'clsact'] as const;

/** Nothing of ours is on the interface, nor in the folder. */
function gone(t: ExecutionContext, { tcx, tc, pins }: Site): void {
  t.deepEqual([tcx('egress'), tcx('ingress')], [[], []]);
  t.notRegex(tc('qdisc show dev out0'), /clsact/);
  t.deepEqual(pins(), []);
}

for (const hook of HOOKS) {
  const parts = [
    'maps/outbound',
    'maps/reasons',
    'progs/inbound',
    ...(hook === 'tcx' ? ['links/outbound'] : []),
  ];
  for (const part of parts) {
    test(`${hook}: without ${part}: attach refuses, status says it, detach removes the rest`, (t) => {
      const here = site(t);
      const { context, netns, root } = here;
      attach({ interface: 'out0', netns, hook, mappings: many(2) }, context);
      unlinkSync(`${root}/out0/${part}`);
      for (const replace of [false, true]) {
        t.throws(() => attach({ interface: 'out0', netns, replace }, context), {
          code: 'EHALF',
          message: new RegExp(
            `^instance 'out0' lacks ${part}; 'tsnat detach out0' removes what is left of it$`,
          ),
        });
      }
      using instance = openInstance('out0', context);
      const status = instance.status();
      t.false(status.healthy);
      t.regex(status.problems.join('; '), new RegExp(`pins are missing: ${part}`));
      if (part === 'maps/outbound') t.throws(() => instance.addMappings(many(1, 9)), { code: 'EHALF' });
      detach('out0', context);
      gone(t, here);
    });
  }

  test(`${hook}: without a record, or with one of another version`, (t) => {
    const here = site(t);
    const { context, netns, root } = here;
    attach({ interface: 'out0', netns, hook }, context);
    const path = `${root}/out0/maps/instance`;
    const data = (() => {
      using map = BpfMap.openPin(path, recordMap);
      const found = map?.get(0) ?? new Uint8Array();
      map?.set(0, Uint8Array.of(99, ...found.slice(1)));
      return found;
    })();
    t.throws(() => attach({ interface: 'out0', netns }, context), {
      code: 'EHALF',
      message: /another version of tsnat/,
    });
    t.throws(() => openInstance('out0', context).status(), { code: 'EHALF' });
    (() => {
      using map = BpfMap.openPin(path, recordMap);
      map?.set(0, data);
    })();
    unlinkSync(path);
    t.throws(() => attach({ interface: 'out0', netns }, context), {
      code: 'EHALF',
      message: /lacks maps\/instance/,
    });
    detach('out0', context);
    // Who made the qdisc is forgotten with the record, so it stays; the filters are gone.
    t.notRegex(here.tc('filter show dev out0 ingress') + here.tc('filter show dev out0 egress'), /tsnat/);
    t.deepEqual([here.tcx('egress'), here.tcx('ingress')], [[], []]);
    t.deepEqual(here.pins(), []);
  });

  test(`${hook}: an attach that was killed before its end is cleaned by the next command`, (t) => {
    const here = site(t);
    const { context, netns, root } = here;
    const kill = (...missing: string[]): void => {
      attach({ interface: 'out0', netns, hook }, context);
      for (const part of missing) unlinkSync(`${root}/out0/${part}`);
      renameSync(`${root}/out0`, `${root}/out0%new`);
    };
    kill();
    t.deepEqual(listInstances(context), []);
    t.throws(() => openInstance('out0', context), { code: 'ENOENT' });
    gone(t, here);
    kill();
    t.true(attach({ interface: 'out0', netns, hook }, context).healthy);
    detach('out0', context);
    kill(...(hook === 'tcx' ? ['links/outbound'] : []), 'progs/outbound');
    detach('out0', context);
    gone(t, here);
    kill();
    t.deepEqual(detachAll(context), ['out0']);
    gone(t, here);
  });
}

test('a foreign pin in the folder: refused, named, and not removed', (t) => {
  const here = site(t);
  const { context, netns, root } = here;
  attach({ interface: 'out0', netns }, context);
  const paths = [`${root}/out0/maps/theirs`, `${root}/out0/stray`];
  using map = RawMap.create({
    name: 'theirs',
    type: 'hash',
    keySize: 4,
    valueSize: 4,
    maxEntries: 1,
    flags: 0,
  });
  for (const path of paths) map.pin(path);
  t.throws(() => attach({ interface: 'out0', netns, replace: true }, context), {
    code: 'EHALF',
    message: /has foreign pins: maps\/theirs, stray;/,
  });
  t.throws(() => detach('out0', context), {
    code: 'EHALF',
    message: /is detached, but its folder has foreign pins: remove /,
  });
  t.deepEqual([here.tcx('egress'), here.tcx('ingress')], [[], []]);
  t.deepEqual(
    here.pins().filter((pin) => !/^out0(\/(maps|progs|links))?$/.test(pin)),
    ['out0/maps/theirs', 'out0/stray'],
  );
  for (const path of paths) unlinkSync(path);
  detach('out0', context);
  gone(t, here);
});

test('a pin of another kind in the place of ours', (t) => {
  const { context, netns, root } = site(t);
  attach({ interface: 'out0', netns }, context);
  unlinkSync(`${root}/out0/maps/outbound`);
  using program = loadProgram(returning('theirs', TC_ACT_UNSPEC), {});
  program.pin(`${root}/out0/maps/outbound`);
  t.throws(() => openInstance('out0', context).addMappings(many(1)), {
    code: 'EHALF',
    message: /pin maps\/outbound is not ours \(.*is no map but/,
  });
  detach('out0', context);
});

for (const hook of HOOKS) {
  test(`${hook}: an interface that is gone: status says so, detach cleans`, (t) => {
    const { context, netns, ip, pins } = site(t);
    attach({ interface: 'out0', netns, hook, mappings: many(2) }, context);
    ip('link del out0');
    using instance = openInstance('out0', context);
    const status = instance.status();
    t.like(status, { healthy: false, mappings: 2, interface: 'out0' });
    t.regex(status.problems.join(), /interface 'out0' \(index \d+\) is gone/);
    ip('link add out0 type veth peer name out1');
    t.throws(() => attach({ interface: 'out0', netns, replace: true }, context), { code: 'ECONFLICT' });
    t.throws(() => attach({ interface: 'out0', netns }, context), { code: 'EEXIST' });
    detach('out0', context);
    t.deepEqual(pins(), []);
  });

  test(`${hook}: a namespace that is gone: status says so, detach cleans`, (t) => {
    const { context, netns, pins } = site(t);
    attach({ interface: 'out0', netns, hook }, context);
    deleteNetns(netns);
    using instance = openInstance('out0', context);
    t.regex(
      instance.status().problems.join(),
      new RegExp(`its network namespace '${netns}' is gone or cannot be reached`),
    );
    detach('out0', context);
    t.deepEqual(pins(), []);
  });

  test(`${hook}: somebody else took a program off`, (t) => {
    const here = site(t);
    const { context, netns, root, tc } = here;
    const status = attach({ interface: 'out0', netns, hook }, context);
    if (hook === 'tcx') {
      using link = BpfLink.openPin(`${root}/out0/links/inbound`);
      link?.detach();
    } else {
      tc('filter del dev out0 ingress');
      // In its place, by chance, one of theirs: it is not to be deleted.
      const [, pref] = /pref (\d+)/.exec(tc('filter show dev out0 egress')) ?? [];
      tc(`filter add dev out0 ingress pref ${pref} handle 1 bpf bytecode 1,6_0_0_1`);
    }
    using instance = openInstance('out0', context);
    const { healthy, problems, programs } = instance.status();
    t.false(healthy);
    t.regex(problems.join(), /the inbound (program is not attached|hook runs another program)/);
    t.deepEqual(programs, status.programs);
    t.throws(() => attach({ interface: 'out0', netns, replace: true }, context), { code: 'EHALF' });
    detach('out0', context);
    t.deepEqual(here.pins(), []);
    if (hook === 'clsact') t.regex(tc('filter show dev out0 ingress'), /bytecode/);
    else gone(t, here);
  });
}

test('an instance attached from inside a namespace is found from outside', (t) => {
  const { context, netns, tc } = site(t);
  withNetns(netns, () => attach({ interface: 'out0', hook: 'clsact' }, context));
  using instance = openInstance('out0', context);
  t.like(instance.status(), { healthy: true, netns });
  detach('out0', context);
  t.notRegex(tc('qdisc show dev out0'), /clsact/);
});

test('nothing here leaks a descriptor', (t) => {
  const { context, netns } = site(t);
  const count = () => readdirSync('/proc/self/fd').length;
  const cycle = (): void => {
    for (const hook of HOOKS) {
      attach({ interface: 'out0', netns, hook, mappings: many(50) }, context);
      attach({ interface: 'out0', netns, replace: true, mappings: many(40, 20) }, context);
      t.throws(() => attach({ interface: 'out0', netns }, context));
      using instance = openInstance('out0', context);
      instance.addMappings(many(40, 5000));
      instance.status();
      detach('out0', context);
    }
  };
  cycle();
  const before = count();
  cycle();
  t.is(count(), before);
});
