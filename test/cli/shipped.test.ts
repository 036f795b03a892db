// The command line as it is shipped, in few files: which of them a command loads, since that is what most of its time goes
// into; and that commands which start light do all the same what takes the rest.

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { run } from '../support/command.ts';
import { Namespace } from '../support/namespace.ts';
import { BPF_FS, ownFolder, uniqueName } from '../support/registry.ts';
import { ROOT } from '../support/root.ts';

const SHIPPED = join(ROOT, 'dist/cli/main.cjs');

/** An instance on its own bpffs folder, and the shipped command line for it. */
async function site(t: ExecutionContext) {
  const namespace = await Namespace.make('shipped');
  t.teardown(() => namespace.remove());
  await namespace.ip('link add out0 type veth peer name out1', 'link set out0 up', 'link set out1 up');
  await namespace.ip('link add tap1 type veth peer name vm1', 'link set tap1 up', 'link set vm1 up');
  const folder = `${BPF_FS}/${uniqueName('shipped')}`;
  mkdirSync(folder);
  ownFolder(folder);
  const options = { env: { TSNAT_BPFFS: folder } };
  const trace = join(tmpdir(), uniqueName('trace'));
  t.teardown(() => rmSync(trace, { force: true }));
  const tsnat = (args: string) => run(process.execPath, [SHIPPED, ...args.split(' ')], options);
  const done = async (args: string): Promise<string> => {
    const { status, stdout, stderr } = await tsnat(args);
    t.is(status, 0, `tsnat ${args}: ${stderr}`);
    return stdout;
  };
  /** The JavaScript that a command opens, by the names of its files. */
  const loaded = async (args: string): Promise<string[]> => {
    const command = [process.execPath, SHIPPED, ...args.split(' ')];
    const { status, stderr } = await run(
      'strace',
      ['-f', '-e', 'trace=openat', '-o', trace, ...command],
      options,
    );
    t.is(status, 0, `tsnat ${args}: ${stderr}`);
    const opened = readFileSync(trace, 'utf8').matchAll(/openat\([^"]*"([^"]+\.(?:c?js|node))", .* = \d+$/gm);
    return [...new Set([...opened].map(([, path = '']) => basename(path)))].sort();
  };
  await done(`attach out0 --netns ${namespace.name} --name gw --map 10.0.0.1=203.0.113.1`);
  return { folder, tsnat, done, loaded };
}

test('a command that changes tables or only prints loads what it needs and no more', async (t) => {
  const { done, loaded } = await site(t);
  await done('slot reserve gw 172.16.0.2%tap1');
  const tables = (kind: string, command: string) =>
    ['koffi.node', `light-${kind}.cjs`, 'main.cjs', `${command}.cjs`].sort();
  t.deepEqual(await loaded('--help'), ['main.cjs']);
  t.deepEqual(await loaded('--version'), ['main.cjs']);
  t.deepEqual(await loaded('map add gw 10.0.0.2=203.0.113.2'), tables('mappings', 'map-add'));
  t.deepEqual(await loaded('map list gw'), tables('mappings', 'map-list'));
  t.deepEqual(await loaded('map del gw 10.0.0.2'), tables('mappings', 'map-del'));
  t.deepEqual(await loaded('slot bind gw tap1=203.0.113.7'), tables('slots', 'slot-bind'));
  t.deepEqual(await loaded('slot list gw'), tables('slots', 'slot-list'));
  t.deepEqual(await loaded('slot release gw tap1'), tables('slots', 'slot-release'));
});

test('a mapping of a kind that is new brings its programs', async (t) => {
  const { done, loaded } = await site(t);
  const files = await loaded('map add gw 10.1.0.0/16=100.64.0.0/16');
  t.true(files.includes('open-instance.js'), files.join(' '));
  t.regex(await done('map list gw'), /10\.1\.0\.0\/16 +100\.64\.0\.0\/16/);
  t.regex(await done('status gw'), /mappings +2,/);
});

test('so does one of a slot, and its deletion takes the slot away', async (t) => {
  const { done } = await site(t);
  await done('map add gw 172.16.0.2%tap1=203.0.113.7');
  t.regex(await done('slot list gw'), /tap1 +172\.16\.0\.2 +bound +203\.0\.113\.7/);
  await done('map del gw 172.16.0.2%tap1');
  t.is(await done('slot list gw'), 'gw has no slots\n');
});

test('what a killed command has left is made good first', async (t) => {
  const { folder, done, loaded } = await site(t);
  const shadow = `${folder}/tsnat/gw%new`;
  mkdirSync(shadow);
  const files = await loaded('map add gw 10.0.0.2=203.0.113.2');
  t.true(files.includes('open-instance.js'), files.join(' '));
  t.false(existsSync(shadow));
  t.regex(await done('map list gw'), /10\.0\.0\.2 +203\.0\.113\.2/);
});

test('wrong usage is told alike by commands of both bundles', async (t) => {
  const { tsnat } = await site(t);
  for (const args of ['map add gw 10.0.0.1', 'map add gw', 'vni reserve gw seven', 'detach gw --all']) {
    const { status, stderr, stdout } = await tsnat(args);
    t.is(status, 2, `tsnat ${args}: ${stderr}`);
    t.is(stdout, '');
  }
  t.is((await tsnat('map list nosuch')).status, 1);
});

test('what the package exports can be imported as it is shipped', async (t) => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Readonly<Record<string, string | { readonly default: string }>>;
  };
  const files = Object.values(exports).filter((path) => typeof path === 'string' && path.endsWith('.js'));
  t.true(files.length > 3);
  for (const file of files) {
    const { status, stderr } = await run(process.execPath, ['-e', `import('${join(ROOT, String(file))}')`]);
    t.is(status, 0, `${file}: ${stderr}`);
  }
});
