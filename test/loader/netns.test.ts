import { readdirSync, readlinkSync } from 'node:fs';
import test from 'ava';
import { createNetns, deleteNetns, LoaderError, netnsInode, withNetns } from '../../src/loader/index.ts';
import { run } from './support/commands.ts';
import { namespace } from './support/namespace.ts';

const own = () => readlinkSync('/proc/thread-self/ns/net');

test('there and back again, also when the function throws', (t) => {
  const { name } = namespace('ldrt');
  const home = own();
  const descriptors = readdirSync('/proc/self/fd').length;
  t.is(
    withNetns(name, () => own()),
    `net:[${netnsInode(name)}]`,
  );
  t.is(own(), home);
  t.throws(
    () =>
      withNetns(name, () => {
        throw new Error('from inside');
      }),
    { message: 'from inside' },
  );
  t.is(own(), home);
  t.is(
    withNetns(undefined, () => own()),
    home,
  );
  t.is(readdirSync('/proc/self/fd').length, descriptors);
});

test('a promise is refused: it would be fulfilled outside', (t) => {
  const { name } = namespace('ldrt');
  const home = own();
  t.throws(() => withNetns(name, async () => 0), { instanceOf: TypeError });
  t.is(own(), home);
});

test('namespaces nest', (t) => {
  const [a, b] = [namespace('ldrt').name, namespace('ldrt').name];
  withNetns(a, () => {
    const inA = own();
    t.not(
      withNetns(b, () => own()),
      inA,
    );
    t.is(own(), inA);
  });
});

test('ip lists what we make, and we enter what ip makes', (t) => {
  const name = `ldrt-named-${process.pid}`;
  createNetns(name);
  t.regex(run('ip', 'netns', 'list'), new RegExp(`^${name}\\b`, 'm'));
  t.regex(run('ip', 'netns', 'exec', name, 'ip', 'link'), /^1: lo/);
  t.throws(() => createNetns(name), { instanceOf: LoaderError, code: 'EEXIST' });
  deleteNetns(name);
  t.notRegex(run('ip', 'netns', 'list'), new RegExp(`^${name}\\b`, 'm'));
  run('ip', 'netns', 'add', name);
  t.notThrows(() => withNetns(name, () => 0));
  run('ip', 'netns', 'delete', name);
});

test('an unknown name is a clear error', (t) => {
  t.throws(() => withNetns('ldrt-absent', () => 0), {
    code: 'ENOENT',
    message: /^there is no network namespace 'ldrt-absent' \(ENOENT\); 'ip netns list' shows the names/,
  });
  t.throws(() => withNetns('..', () => 0), { instanceOf: RangeError });
  t.throws(() => withNetns('/etc/passwd', () => 0), {
    code: 'EINVAL',
    message: /'\/etc\/passwd' is no network namespace/,
  });
});

test('a namespace by path', (t) => {
  const { name } = namespace('ldrt');
  const inode = netnsInode(name);
  t.is(
    withNetns(`/run/netns/${name}`, () => own()),
    `net:[${inode}]`,
  );
});
