// Interfaces in other network namespaces, and the process that stays in its own whatever happens.

import { spawn } from 'node:child_process';
import { closeSync, openSync, readlinkSync } from 'node:fs';
import test from 'ava';
import {
  attach,
  createNetns,
  deleteNetns,
  detach,
  listPrograms,
  loadProgram,
  type NetnsRef,
  netnsInode,
  swap,
  withNetns,
} from '../../../src/loader/index.ts';
import { TC_HOOKS, TCX } from '../../support/tcx.ts';
import { namespace } from '../support/namespace.ts';
import { returning, TC_ACT_UNSPEC, XDP_PASS, xdpReturning } from '../support/programs.ts';
import { countDescriptors, site } from '../support/site.ts';

const own = () => readlinkSync('/proc/thread-self/ns/net');

test('by name, by path, by process and by descriptor', async (t) => {
  using place = site('ldrw');
  const { name } = place;
  const path = `/run/netns/${name}`;
  const child = spawn('nsenter', [`--net=${path}`, 'sleep', '60']);
  try {
    const fd = openSync(path, 'r');
    const pid = child.pid ?? 0;
    // nsenter has to get there first.
    while (readlinkSync(`/proc/${pid}/ns/net`) === own()) await new Promise((done) => setTimeout(done, 5));
    using program = loadProgram(returning('ldrw_where', TC_ACT_UNSPEC), {});
    const home = own();
    const refs: NetnsRef[] = [name, path, { pid }, { fd }];
    for (const netns of refs) {
      for (const hook of TC_HOOKS) {
        const attachment = attach({ interface: 'out0', netns, hook, program });
        t.is(own(), home);
        t.is(attachment.netnsInode, netnsInode(name));
        t.deepEqual(
          listPrograms({ interface: 'out0', netns }).map((found) => found.programId),
          [program.info.id],
        );
        t.true(detach(swap(attachment, program)));
        t.is(own(), home);
      }
    }
    closeSync(fd);
    t.throws(() => attach({ interface: 'out0', netns: { fd }, hook: 'auto', program }), { code: 'ENOENT' });
  } finally {
    child.kill('SIGKILL');
  }
});

test('after every kind of error the thread is in its own namespace, and no descriptor is left', (t) => {
  using place = site('ldrw');
  const { name, tc } = place;
  tc('qdisc add dev out1 ingress');
  using program = loadProgram(returning('ldrw_error', TC_ACT_UNSPEC), {});
  using xdp = loadProgram(xdpReturning('ldrw_error', XDP_PASS), {});
  const home = own();
  const descriptors = countDescriptors();
  const base = { netns: name, interface: 'out0', hook: 'auto', program } as const;
  const attempts: (() => unknown)[] = [
    () => attach({ ...base, netns: 'ldrw-absent' }),
    () => attach({ ...base, netns: '/etc/passwd' }),
    () => attach({ ...base, netns: { pid: 4_194_303 } }),
    () => attach({ ...base, netns: { pid: -1 } }),
    () => attach({ ...base, netns: { fd: 9_999 } }),
    () => attach({ ...base, netns: { fd: 0 } }),
    () => attach({ ...base, interface: 'absent' }),
    () => attach({ ...base, interface: 4_000_000 }),
    () => attach({ ...base, interface: 4_000_000, hook: 'clsact' }),
    () => attach({ ...base, interface: 'no/name' }),
    () => attach({ ...base, interface: 'out1', hook: 'clsact', direction: 'egress' }),
    () => attach({ ...base, hook: 'netkit' }),
    () => attach({ ...base, hook: 'xdp' }),
    () => attach({ ...base, program: xdp, hook: 'tcx' }),
    () => attach({ ...base, program: xdp, interface: 'lo', mode: 'native' }),
    () => attach({ ...base, priority: 7, handle: 0 }),
    () => attach({ ...base, anchor: { before: { link: 4_000_000 } } }),
    () => listPrograms({ interface: 'absent', netns: name }),
    () => withNetns(name, () => withNetns('ldrw-absent', () => 0)),
  ];
  for (const [i, attempt] of attempts.entries()) {
    t.throws(attempt, undefined, `attempt ${i}`);
    t.is(own(), home, `attempt ${i}`);
    t.is(countDescriptors(), descriptors, `attempt ${i}`);
  }
  t.deepEqual(listPrograms({ interface: 'out0', netns: name }), []);
});

test('a namespace that is gone, or another with its name, is not mistaken for it', (t) => {
  const name = `ldrw-gone-${process.pid}`;
  createNetns(name);
  using program = loadProgram(returning('ldrw_gone', TC_ACT_UNSPEC), {});
  const clsact = attach({ interface: 'lo', netns: name, hook: 'clsact', program });
  const tcx = TCX ? attach({ interface: 'lo', netns: name, hook: 'tcx', program }) : undefined;
  // Lives on without its name: the next one would get the same inode otherwise, where the kernel is quick.
  const former = openSync(`/run/netns/${name}`, 'r');
  deleteNetns(name);
  const missing = { code: 'ENOENT', message: new RegExp(`there is no network namespace '${name}'`) };
  t.throws(() => detach(clsact), missing);
  t.throws(() => swap(clsact, program), missing);
  t.throws(() => attach({ interface: 'lo', netns: name, hook: 'auto', program }), missing);
  createNetns(name);
  try {
    const other = { code: 'ENETNS', message: /is not the one it was attached in/ };
    t.throws(() => detach(clsact), other);
    t.throws(() => swap(clsact, program), other);
    t.deepEqual(listPrograms({ interface: 'lo', netns: name }), []);
  } finally {
    deleteNetns(name);
    closeSync(former);
  }
  // A link needs no namespace to come off; it may be off already.
  t.notThrows(() => tcx && detach(tcx));
});

test('inside withNetns the thread is where it is said to be', (t) => {
  const [a, b] = [namespace('ldrw').name, namespace('ldrw').name];
  using program = loadProgram(returning('ldrw_here', TC_ACT_UNSPEC), {});
  const attachment = withNetns(a, () => attach({ interface: 'lo', hook: 'clsact', program }));
  t.is(attachment.netns, undefined);
  t.throws(() => detach(attachment), { code: 'ENETNS', message: /calling thread's network namespace/ });
  t.throws(() => withNetns(b, () => detach(attachment)), { code: 'ENETNS' });
  t.true(withNetns(a, () => detach(attachment)));
});
