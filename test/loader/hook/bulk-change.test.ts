// Programs on many interfaces, swapped and taken off, where not all of it can be done.

import test from 'ava';
import { LITTLE_ENDIAN } from '../../../src/asm/index.ts';
import { interpose } from '../../../src/loader/ffi.ts';
import {
  type Attachment,
  attachMany,
  BulkError,
  detachMany,
  ERRNO,
  loadProgram,
  swapMany,
} from '../../../src/loader/index.ts';
import { NLMSG_ERROR, RTM_NEWTFILTER } from '../../../src/loader/netlink/abi.ts';
import { crowd } from '../support/crowd.ts';
import { returning, TC_ACT_UNSPEC } from '../support/programs.ts';
import { countDescriptors } from '../support/site.ts';

/** struct nlmsghdr: its type, and behind it the error of struct nlmsgerr. */
const TYPE_AT = 4;
const ERROR_AT = 16;

const load = (name: string) => loadProgram(returning(name, TC_ACT_UNSPEC), {});

test('what runs another program by now is not ours any more', (t) => {
  using site = crowd(3);
  const { names, name: netns, programsOf } = site;
  using ours = load('ldrb_ours');
  using theirs = load('ldrb_theirs');
  using next = load('ldrb_next');
  const { attachments } = attachMany({
    interfaces: names,
    netns,
    hook: 'clsact',
    programs: { ingress: ours },
  });
  // Somebody else swaps that of v1, in its place.
  const taken = attachments.slice(1, 2);
  swapMany(taken, theirs);
  t.throws(() => swapMany(attachments, next), { code: 'ENOENT', message: /of 1 of 3 interfaces/ });
  t.deepEqual(programsOf('v0'), [`clsact ${ours.info.id}`]);
  t.deepEqual(detachMany(attachments), { detached: 2, failures: [] });
  t.deepEqual(programsOf('v1'), [`clsact ${theirs.info.id}`]);
});

test('a swap that fails somewhere puts the old program back everywhere else', (t) => {
  using site = crowd(5);
  const { names, name: netns, programsOf, tc, ip } = site;
  using first = load('ldrb_old');
  using second = load('ldrb_new');
  const { attachments } = attachMany({
    interfaces: names,
    netns,
    hook: 'clsact',
    programs: { ingress: first },
  });
  tc('filter del dev v2 ingress');
  const error = t.throws(() => swapMany(attachments, second), { instanceOf: BulkError, code: 'ENOENT' });
  t.regex(
    error?.message ?? '',
    /swap the program of 1 of 5 interfaces \(the others run the old program again\)/,
  );
  for (const each of ['v0', 'v4']) t.deepEqual(programsOf(each), [`clsact ${first.info.id}`]);
  // Interfaces that are gone are no failure of detaching.
  ip('link del v3');
  t.deepEqual(detachMany(attachments), { detached: 3, failures: [] });
});

for (const call of ['send', 'recv']) {
  test(`a swap that breaks off at a ${call}: the old program is back, even if nobody else holds it`, (t) => {
    // Several batches.
    using site = crowd(150);
    const { names, name: netns, programsOf } = site;
    const first = load('ldrb_old');
    const { id } = first.info;
    using second = load('ldrb_new');
    const { attachments } = attachMany({
      interfaces: names,
      netns,
      hook: 'clsact',
      programs: { ingress: first },
    });
    first.close();
    const descriptors = countDescriptors();
    let swapped: Attachment[] | undefined;
    let broken = 0;
    while (swapped === undefined) {
      let count = 0;
      interpose((name, run) => (name === call && count++ === broken ? -ERRNO.EIO : run()));
      try {
        swapped = swapMany(attachments, second);
      } catch (error) {
        broken++;
        t.true(error instanceof BulkError, String(error));
        t.regex(String(error), /\(the others run the old program again\)/);
        for (const each of ['v0', 'v127', 'v128', 'v149']) t.deepEqual(programsOf(each), [`clsact ${id}`]);
      } finally {
        interpose(undefined);
      }
    }
    t.true(broken > 5);
    t.is(countDescriptors(), descriptors);
    t.is(detachMany(swapped).detached, 150);
  });
}

test('what could not be looked at is no filter that is gone', (t) => {
  using site = crowd(3);
  const { names, name: netns, programsOf } = site;
  using first = load('ldrb_first');
  using second = load('ldrb_second');
  const { attachments } = attachMany({
    interfaces: names,
    netns,
    hook: 'clsact',
    programs: { ingress: first },
  });
  /** The kernel has no memory for its first answer about a filter. */
  const withoutAnswer = <T>(run: () => T): T => {
    let answers = 0;
    interpose((call, receive, [, buffer]) => {
      const size = receive();
      if (call !== 'recv' || size < 0) return size;
      const { buffer: memory, byteOffset } = buffer as Uint8Array;
      const message = new DataView(memory, byteOffset, size);
      if (message.getUint16(TYPE_AT, LITTLE_ENDIAN) === RTM_NEWTFILTER && answers++ === 0) {
        message.setUint16(TYPE_AT, NLMSG_ERROR, LITTLE_ENDIAN);
        message.setInt32(ERROR_AT, -ERRNO.ENOMEM, LITTLE_ENDIAN);
      }
      return size;
    });
    try {
      return run();
    } finally {
      interpose(undefined);
    }
  };
  t.throws(() => withoutAnswer(() => swapMany(attachments, second)), { code: 'ENOMEM', message: /1 of 3/ });
  for (const each of names) t.deepEqual(programsOf(each), [`clsact ${first.info.id}`]);
  const { detached, failures } = withoutAnswer(() => detachMany(attachments));
  t.is(detached, 2);
  t.deepEqual(
    failures.map(({ error: { code } }) => code),
    ['ENOMEM'],
  );
  t.is(detachMany(attachments).detached, 1);
});
