import test from 'ava';
import { BPF_LINK_UPDATE } from '../../../src/loader/bpf/abi.ts';
import { interpose } from '../../../src/loader/ffi.ts';
import { explainXdpError } from '../../../src/loader/hook/xdp.ts';
import {
  attach,
  detach,
  ERRNO,
  LoaderError,
  listPrograms,
  loadProgram,
  queryXdp,
  swap,
} from '../../../src/loader/index.ts';
import { permissionHint } from '../../../src/loader/obstacle.ts';
import { json, run } from '../support/commands.ts';
import { XDP_PASS, xdpReturning } from '../support/programs.ts';
import { countDescriptors, type Site, site } from '../support/site.ts';

const XDP_DROP = 1;
const load = (name: string, value: number = XDP_PASS) => loadProgram(xdpReturning(name, value), {});
/** What ip shows of the interface. */
const shown = ({ name }: Site, dev = 'out0') =>
  json('ip', '-n', name, '-j', '-d', 'link', 'show', 'dev', dev)[0];

for (const link of [true, false]) {
  const how = link ? 'by link' : 'by netlink';
  for (const mode of ['native', 'generic'] as const) {
    test(`${mode}, ${how}: attach, swap, list and detach, as ip sees it`, (t) => {
      using place = site('ldrx');
      const { name: netns, socket, ifindex } = place;
      using first = load('ldrx_first');
      using second = load('ldrx_second', XDP_DROP);
      const descriptors = countDescriptors();
      const attachment = attach({ netns, interface: 'out0', hook: 'xdp', program: first, mode, link });
      t.like(attachment, { hook: 'xdp', mode, direction: 'ingress', ifindex, programId: first.info.id });
      t.is(attachment.link !== undefined, link);
      t.like(shown(place).xdp, { mode: mode === 'native' ? 1 : 2, prog: { id: first.info.id } });
      t.deepEqual(queryXdp(socket, ifindex), { [mode]: first.info.id });
      t.like(attachment.link?.info ?? { ifindex }, { ifindex });
      const now = swap(attachment, second);
      t.is(shown(place).xdp.prog.id, second.info.id);
      const listed = listPrograms({ netns, interface: 'out0' });
      t.is(listed.length, 1);
      t.like(listed[0], { hook: 'xdp', mode, programId: second.info.id });
      t.is(listed[0]?.linkId, attachment.link?.info.id);
      if (!link) {
        // As if somebody else had swapped it: no longer ours to change.
        t.false(detach(attachment));
        t.throws(() => swap(attachment, first), { code: 'EEXIST', message: /Active program does not match/ });
        t.is(shown(place).xdp.prog.id, second.info.id);
      }
      t.true(detach(now));
      t.is(shown(place).xdp, undefined);
      t.deepEqual(queryXdp(socket, ifindex), {});
      t.is(countDescriptors(), descriptors);
    });
  }

  test(`${how}: a driver's refusal is explained in its words, with what to do`, (t) => {
    using place = site('ldrx');
    const { name: netns, ip } = place;
    // veth delivers no frame to native XDP that does not fit into a page.
    ip('link set out1 mtu 9000');
    using program = load('ldrx_mtu');
    const descriptors = countDescriptors();
    const refused = t.throws(
      () => attach({ netns, interface: 'out0', hook: 'xdp', program, mode: 'native', link }),
      { instanceOf: LoaderError, code: 'ERANGE' },
    );
    t.regex(refused?.message ?? '', /MTU is too large/i);
    t.regex(refused?.hint ?? '', /lower the MTU.*of its peer.*generic XDP/);
    t.is(shown(place).xdp, undefined);
    t.is(countDescriptors(), descriptors);
    // Where the mode is ours to choose, it is generic.
    const attachment = attach({ netns, interface: 'out0', hook: 'xdp', program, link });
    t.is(attachment.mode, 'generic');
    t.true(detach(attachment));
  });

  test(`${how}: a driver without XDP`, (t) => {
    using place = site('ldrx');
    const { name: netns, ip } = place;
    ip('link add plain0 type ifb');
    using program = load('ldrx_none');
    t.throws(() => attach({ netns, interface: 'plain0', hook: 'xdp', program, mode: 'native', link }), {
      code: 'EOPNOTSUPP',
      message: /does not support XDP in native mode.*this driver has no native XDP.*generic XDP/i,
    });
    const attachment = attach({ netns, interface: 'plain0', hook: 'auto', program, link });
    t.is(attachment.hook === 'xdp' ? attachment.mode : '', 'generic');
    t.true(detach(attachment));
  });
}

test("somebody else's program is named, whatever holds it, and left alone", (t) => {
  using place = site('ldrx');
  const { name: netns } = place;
  using program = load('ldrx_ours');
  using theirs = load('ldrx_theirs');
  const tries = [true, false].flatMap((link) =>
    (['native', 'generic', 'auto'] as const).map((mode) => ({ link, mode })),
  );
  for (const byLink of [true, false]) {
    for (const mode of ['native', 'generic'] as const) {
      const other = attach({ netns, interface: 'out0', hook: 'xdp', program: theirs, mode, link: byLink });
      const holder = byLink ? `link ${other.link?.info.id}` : 'netlink';
      for (const options of tries) {
        const descriptors = countDescriptors();
        t.throws(() => attach({ netns, interface: 'out0', hook: 'xdp', program, ...options }), {
          code: 'EBUSY',
          message: new RegExp(`has ${mode} program ${theirs.info.id} 'ldrx_theirs', attached by ${holder} `),
        });
        t.is(countDescriptors(), descriptors);
      }
      t.is(shown(place).xdp.prog.id, theirs.info.id);
      t.true(detach(other));
    }
  }
});

test('a link is swapped only if it runs what is expected', (t) => {
  using place = site('ldrx');
  const { name: netns, socket, ifindex } = place;
  using first = load('ldrx_one');
  using second = load('ldrx_two');
  const { link } = attach({ netns, interface: 'out0', hook: 'xdp', program: first, mode: 'generic' });
  t.throws(() => link?.update(second, second), {
    code: 'ESTALE',
    message: new RegExp(`runs program ${first.info.id}, not program ${second.info.id} as expected`),
  });
  t.deepEqual(queryXdp(socket, ifindex), { generic: first.info.id });
  // The same answer where the program is the one expected: then it is about privilege.
  interpose((call, run, [command]) => (call === 'bpf' && command === BPF_LINK_UPDATE ? -ERRNO.EPERM : run()));
  try {
    const error = t.throws<LoaderError>(() => link?.update(second, first), { code: 'EPERM' });
    t.is(error?.hint, permissionHint());
  } finally {
    interpose(undefined);
  }
  link?.update(second, first);
  t.deepEqual(queryXdp(socket, ifindex), { generic: second.info.id });
  link?.close();
  t.deepEqual(queryXdp(socket, ifindex), {});
});

test('what drivers say, and what to do about it', (t) => {
  using place = site('ldrx');
  const { socket, ifindex } = place;
  const cases: readonly (readonly [string, RegExp])[] = [
    ['MTU too large for XDP', /lower the MTU.*\(MTU 1500, veth\), or use generic XDP/],
    ['XDP is not supported with LRO enabled', /switch it off \('ethtool -K DEV lro off/],
    ["can't enable XDP: not enough TX queues", /number of queues/],
    ['underlying driver does not support XDP in native mode', /this driver has no native XDP/],
    ['no idea', /the driver refuses it/],
  ];
  for (const [words, hint] of cases) {
    const said = new LoaderError(`cannot attach: ${words} (EINVAL)`, { code: 'EINVAL' });
    const explained = explainXdpError(socket, ifindex, 'native', said) as LoaderError;
    t.regex(explained.hint ?? '', hint);
    t.true(explained.message.startsWith(said.message));
    t.is(explained.code, 'EINVAL');
  }
});

test('what ip attached is seen', (t) => {
  using place = site('ldrx');
  const { name: netns } = place;
  using program = load('ldrx_ip');
  const pin = `/sys/fs/bpf/ldrx_${process.pid}`;
  program.pin(pin);
  try {
    run(
      'nsenter',
      `--net=/run/netns/${netns}`,
      'ip',
      'link',
      'set',
      'dev',
      'out0',
      'xdpgeneric',
      'pinned',
      pin,
    );
  } finally {
    run('rm', pin);
  }
  const [found] = listPrograms({ netns, interface: 'out0' });
  t.deepEqual(found, { hook: 'xdp', direction: 'ingress', programId: program.info.id, mode: 'generic' });
});

test('XDP sees incoming packets only', (t) => {
  using place = site('ldrx');
  using program = load('ldrx_dir');
  t.throws(
    () => attach({ netns: place.name, interface: 'out0', hook: 'auto', direction: 'egress', program }),
    { instanceOf: TypeError, message: /incoming packets only/ },
  );
});
