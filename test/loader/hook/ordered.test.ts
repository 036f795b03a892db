import { mkdirSync, rmSync } from 'node:fs';
import test from 'ava';
import {
  type Anchor,
  attach,
  BpfLink,
  BpfProgram,
  detach,
  findBpffs,
  hasTcx,
  listPrograms,
  loadProgram,
  queryOrdered,
  queryTcx,
  swap,
} from '../../../src/loader/index.ts';
import { TCX, testTcx } from '../../support/tcx.ts';
import { json } from '../support/commands.ts';
import { returning, TC_ACT_OK, TC_ACT_UNSPEC } from '../support/programs.ts';
import { countDescriptors, site } from '../support/site.ts';

testTcx('TCX: probe, attach, swap, pin, detach', (t) => {
  using place = site('ldrt');
  const { ifindex, within, name: netns } = place;
  const folder = `${findBpffs()}/ldrt_${process.pid}`;
  using first = loadProgram(returning('ldrt_first', TC_ACT_UNSPEC), {});
  using second = loadProgram(returning('ldrt_second', TC_ACT_OK), {});
  t.true(within(() => hasTcx(ifindex)));
  t.throws(() => within(() => hasTcx(4711)), { code: 'ENODEV' });
  const attachment = attach({ netns, interface: 'out0', hook: 'tcx', program: first });
  const ids = () => within(() => queryTcx(ifindex, 'ingress'));
  t.deepEqual(ids(), [first.info.id]);
  t.deepEqual(
    within(() => queryTcx(ifindex, 'egress')),
    [],
  );
  const swapped = swap(attachment, second);
  t.is(swapped.programId, second.info.id);
  t.deepEqual(ids(), [second.info.id]);
  mkdirSync(folder, { mode: 0o700 });
  try {
    attachment.link?.pin(`${folder}/link`);
    attachment.link?.close();
    t.deepEqual(ids(), [second.info.id]);
    t.throws(() => BpfProgram.openPin(`${folder}/link`), { code: 'EKIND' });
    using link = BpfLink.openPin(`${folder}/link`);
    t.like(link?.info, { ifindex, programId: second.info.id });
    const shown = json('bpftool', '-j', 'link', 'show', 'id', String(link?.info.id));
    t.is(shown.prog_id, second.info.id);
    t.throws(() => link?.update(second, first), {
      code: 'ESTALE',
      message: new RegExp(`runs program ${second.info.id}, not program ${first.info.id} as expected`),
    });
    t.true(detach({ ...swapped, link }));
    t.deepEqual(ids(), []);
    t.is(BpfLink.openPin(`${folder}/link`)?.info.ifindex, 0);
    t.is(BpfLink.openPin(`${folder}/absent`), undefined);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

testTcx('a link that nobody holds comes off by itself, a program without a link stays', (t) => {
  using place = site('ldrt');
  const { ifindex, within, name: netns } = place;
  using program = loadProgram(returning('ldrt_gone', TC_ACT_UNSPEC), {});
  const options = { netns, interface: ifindex, hook: 'tcx', direction: 'egress', program } as const;
  const ids = () => within(() => queryTcx(ifindex, 'egress'));
  attach(options).link?.close();
  t.deepEqual(ids(), []);
  const stays = attach({ ...options, link: false });
  t.is(stays.link, undefined);
  t.deepEqual(ids(), [program.info.id]);
  t.throws(() => attach(options), { code: 'EEXIST', message: /this program is there already/ });
  t.true(detach(stays));
  t.false(detach(stays));
  t.deepEqual(ids(), []);
});

testTcx('before, after and instead of another, by program, by link and by identifier', (t) => {
  using place = site('ldrt');
  const { ifindex, name: netns, within } = place;
  const programs = Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => [name, loadProgram(returning(`ldrt_${name}`, -1), {})]),
  );
  const of = (name: string): BpfProgram => programs[name] as BpfProgram;
  const put = (name: string, anchor?: Anchor, link = true) =>
    attach({ netns, interface: 'out0', hook: 'tcx', program: of(name), link, ...(anchor && { anchor }) });
  const order = () =>
    (within(() => queryTcx(ifindex, 'ingress')) ?? [])
      .map((id) => Object.keys(programs).find((name) => of(name).info.id === id))
      .join('');
  const a = put('a');
  if (a.link === undefined) throw new Error('unreachable');
  put('b', { before: { link: a.link } });
  t.is(order(), 'ba');
  const c = put('c', { after: { program: of('b') } }, false);
  t.is(order(), 'bca');
  put('d', { before: { program: of('c').info.id } });
  t.is(order(), 'bdca');
  put('e', { after: { link: a.link.info.id } });
  t.is(order(), 'bdcae');
  put('f', { before: 'all' });
  t.is(order(), 'fbdcae');
  const g = put('g', { replace: { program: of('c') } }, false);
  t.is(order(), 'fbdgae');
  t.false(detach(c), 'its place is taken');
  t.true(detach(g));
  t.is(order(), 'fbdae');
  const instead = put('c', { replace: { link: a.link.info.id } });
  t.is(order(), 'fbdce');
  t.is(instead.link?.info.id, a.link.info.id, 'the same link with another program');
  put('a', { after: 'all' });
  t.is(order(), 'fbdcea');
  t.deepEqual(
    listPrograms({ netns, interface: 'out0' }).map(({ hook, programId }) => [hook, programId]),
    [...'fbdcea'].map((name) => ['tcx', of(name).info.id]),
  );
  // Refused, and nothing changes.
  const descriptors = countDescriptors();
  t.throws(() => put('g', { before: { program: 4_000_000 } }), {
    code: 'ENOENT',
    message: /the program or link it shall be placed by is not there/,
  });
  t.throws(() => put('g', { replace: { link: 4_000_000 } }), { code: 'ENOENT', message: /link 4000000/ });
  t.throws(() => put('g', { replace: { program: of('f') } }, false), {
    code: 'EBUSY',
    message: /held by a link/,
  });
  t.throws(() => put('g', { replace: { program: of('f') } }), { instanceOf: TypeError });
  t.is(order(), 'fbdcea');
  t.is(countDescriptors(), descriptors);
});

testTcx('an expected revision: who comes too late is told so', (t) => {
  using place = site('ldrt');
  const { ifindex, name: netns, within } = place;
  using first = loadProgram(returning('ldrt_rev1', TC_ACT_UNSPEC), {});
  using second = loadProgram(returning('ldrt_rev2', TC_ACT_UNSPEC), {});
  const revision = () =>
    within(() => queryOrdered({ hook: 'tcx', ifindex, direction: 'ingress' }))?.revision ?? 0;
  const seen = revision();
  const options = { netns, interface: ifindex, hook: 'tcx', expectedRevision: seen } as const;
  const link = attach({ ...options, program: first });
  t.is(revision(), seen + 1);
  t.throws(() => attach({ ...options, program: second }), {
    code: 'ESTALE',
    message: new RegExp(`changed since revision ${seen}`),
  });
  t.throws(() => attach({ ...options, link: false, program: second }), { code: 'ESTALE' });
  const next = attach({ ...options, expectedRevision: revision(), program: second });
  t.true(detach(next));
  t.true(detach(link));
});

testTcx('a program without a link is swapped if it is still there', (t) => {
  using place = site('ldrt');
  const { ifindex, name: netns, within } = place;
  using first = loadProgram(returning('ldrt_one', TC_ACT_UNSPEC), {});
  using second = loadProgram(returning('ldrt_two', TC_ACT_UNSPEC), {});
  const attachment = attach({ netns, interface: ifindex, hook: 'tcx', link: false, program: first });
  const now = swap(attachment, second);
  t.deepEqual(
    within(() => queryTcx(ifindex, 'ingress')),
    [second.info.id],
  );
  t.throws(() => swap(attachment, first), { code: 'ENOENT' });
  t.true(detach(now));
});

if (!TCX) {
  test('a kernel without TCX says so, and takes clsact', (t) => {
    using place = site('ldrt');
    const { name: netns, ifindex, within } = place;
    using program = loadProgram(returning('ldrt_first', TC_ACT_UNSPEC), {});
    t.false(within(() => hasTcx(ifindex)));
    t.is(
      within(() => queryTcx(ifindex, 'ingress')),
      undefined,
    );
    t.throws(() => attach({ netns, interface: 'out0', hook: 'tcx', program }), { message: /clsact/ });
    const attachment = attach({ netns, interface: 'out0', hook: 'auto', program });
    t.is(attachment.hook, 'clsact');
    t.true(detach(attachment));
  });
}

test('netkit: this kernel or this interface has none, and says so', (t) => {
  using place = site('ldrt');
  const { ifindex, name: netns, within } = place;
  using program = loadProgram(returning('ldrt_netkit', TC_ACT_UNSPEC), {});
  t.is(
    within(() => queryOrdered({ hook: 'netkit', ifindex, direction: 'egress' })),
    undefined,
  );
  const descriptors = countDescriptors();
  for (const link of [true, false]) {
    t.throws(() => attach({ netns, interface: 'out0', hook: 'netkit', direction: 'egress', program, link }), {
      code: 'ENOTSUP',
      message: /no netkit here.*use TCX or clsact$/,
    });
  }
  t.is(countDescriptors(), descriptors);
});

test('what does not go together is refused before the kernel is asked', (t) => {
  using place = site('ldrt');
  const { name: netns } = place;
  using program = loadProgram(returning('ldrt_kind', TC_ACT_UNSPEC), {});
  const options = { netns, interface: 'out0', program } as const;
  const wrong = (more: object) =>
    t.throws(() => attach({ ...options, hook: 'auto', ...more }), { instanceOf: TypeError });
  t.throws(() => attach({ ...options, hook: 'xdp' }), {
    code: 'EPROGTYPE',
    message: /'ldrt_kind' is of type sched_cls, xdp takes xdp/,
  });
  t.regex(wrong({ hook: 'clsact', anchor: { after: 'all' } }).message, /'anchor' is of tcx, netkit/);
  wrong({ hook: 'tcx', priority: 7 });
  wrong({ hook: 'tcx', mode: 'native' });
  wrong({ hook: 'clsact', link: false });
});
