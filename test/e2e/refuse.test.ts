// Bad input and bad circumstances: one line that names the thing, the right exit status, nothing left behind.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import test, { type ExecutionContext } from 'ava';
import { refuses, tsnatOk } from '../support/cli.ts';
import { INSIDE, type Lab, makeLab, ON_LINK } from '../support/lab.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { CLI } from '../support/root.ts';
import { statusOf } from '../support/state.ts';
import { instanceName } from '../support/translate.ts';
import { filtersOn, hasClsact, isPinned } from '../support/witness.ts';

const MAP = `${INSIDE}=${ON_LINK}`;
const NOBODY = '65534';

needsRootAndBpf(test);

async function untouched(t: ExecutionContext, lab: Lab, name: string): Promise<void> {
  t.false(isPinned(name), 'no pins');
  t.false(await hasClsact(lab.gateway, lab.device), 'no qdisc');
  for (const direction of ['ingress', 'egress']) {
    t.deepEqual(await filtersOn(lab.gateway, lab.device, direction).catch(() => []), []);
  }
}

interface Case {
  readonly title: string;
  /** What to attach with, besides `--name` and `--netns`. */
  readonly args: (device: string) => readonly string[];
  readonly netns?: string;
  readonly status: 1 | 2;
  readonly names: readonly (string | RegExp)[];
}

const CASES: readonly Case[] = [
  { title: 'unknown interface', args: () => ['nosuch0', '--map', MAP], status: 1, names: ['nosuch0'] },
  {
    title: 'unknown namespace',
    args: (device) => [device, '--map', MAP],
    netns: 'no-such-netns',
    status: 1,
    names: ['no-such-netns'],
  },
  {
    title: 'bad address',
    args: (device) => [device, '--map', '10.0.0.300=203.0.113.5'],
    status: 2,
    names: ['10.0.0.300'],
  },
  {
    title: 'not a mapping',
    args: (device) => [device, '--map', '10.0.0.5'],
    status: 2,
    names: ['10.0.0.5', /IN=OUT|INSIDE=OUTSIDE/],
  },
  {
    title: 'mixed families',
    args: (device) => [device, '--map', '10.0.0.5=2001:db8::5'],
    status: 2,
    names: ['10.0.0.5', '2001:db8::5'],
  },
  {
    title: 'an inside address twice',
    args: (device) => [device, '--map', MAP, '--map', `${INSIDE}=203.0.113.6`],
    status: 2,
    names: [INSIDE, '203.0.113.6'],
  },
  {
    title: 'an outside address twice',
    args: (device) => [device, '--map', MAP, '--map', `10.0.0.6=${ON_LINK}`],
    status: 2,
    names: [ON_LINK, '10.0.0.6'],
  },
  {
    title: 'the same mapping twice',
    args: (device) => [device, '--map', MAP, '--map', MAP],
    status: 2,
    names: [MAP],
  },
  {
    title: 'more mappings than fit',
    args: (device) => [device, '--capacity', '1', '--map', MAP, '--map', '10.0.0.6=203.0.113.6'],
    status: 1,
    names: [/capacity|full|room|holds/i, /\b1\b/],
  },
  {
    title: 'unknown hook',
    args: (device) => [device, '--hook', 'netfilter', '--map', MAP],
    status: 2,
    names: ['netfilter', /tcx/],
  },
  {
    title: 'unknown option',
    args: (device) => [device, '--mapp', MAP],
    status: 2,
    names: ['--mapp'],
  },
  {
    title: 'a file that is not there',
    args: (device) => [device, '--file', '/nonexistent/nat.yaml'],
    status: 1,
    names: ['/nonexistent/nat.yaml'],
  },
];

for (const { title, args, netns, status, names } of CASES) {
  test.serial(`attach refuses: ${title}`, async (t) => {
    const lab = await makeLab(t);
    const name = instanceName(t);
    await refuses(t, ['attach', ...args(lab.device), '--name', name, '--netns', netns ?? lab.gateway.name], {
      status,
      names,
    });
    await untouched(t, lab, name);
  });
}

test.serial('a mapping file names the lines that are wrong', async (t) => {
  const lab = await makeLab(t);
  const name = instanceName(t);
  const folder = mkdtempSync(join(tmpdir(), 'tsl-file-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'nat.yaml');
  writeFileSync(
    file,
    [
      'version: 1',
      `interface: ${lab.device}`,
      'mappings:',
      `  - { inside: ${INSIDE}, outside: ${ON_LINK} }`,
      `  - { inside: 10.0.0.6, outside: ${ON_LINK} }`,
      '',
    ].join('\n'),
  );
  await refuses(t, ['attach', '--file', file, '--name', name, '--netns', lab.gateway.name], {
    status: 2,
    names: ['nat.yaml:5', 'nat.yaml:4', ON_LINK],
  });
  await untouched(t, lab, name);
});

test.serial('a mapping file attaches', async (t) => {
  const lab = await makeLab(t);
  const name = instanceName(t);
  const folder = mkdtempSync(join(tmpdir(), 'tsl-file-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'nat.json');
  writeFileSync(
    file,
    JSON.stringify({
      version: 1,
      interface: lab.device,
      hook: 'clsact',
      unmapped: 'drop',
      mappings: [{ inside: INSIDE, outside: ON_LINK }],
    }),
  );
  await tsnatOk(t, ['attach', '--file', file, '--name', name, '--netns', lab.gateway.name]);
  t.like(await statusOf(t, name), { interface: lab.device, hook: 'clsact', unmapped: 'drop', mappings: 1 });
});

test.serial('what is not attached', async (t) => {
  const name = instanceName(t);
  for (const args of [
    ['detach', name],
    ['status', name],
    ['map', 'list', name],
    ['map', 'add', name, MAP],
    ['map', 'del', name, INSIDE],
  ]) {
    await refuses(t, args, { status: 1, names: [name] });
  }
  t.false(isPinned(name));
});

test.serial('wrong usage', async (t) => {
  await refuses(t, ['atach', 'eth0'], { status: 2, names: ['atach'] });
  await refuses(t, ['detach'], { status: 2, names: ['NAME'] });
  await refuses(t, ['map', 'frobnicate', 'x'], { status: 2, names: ['frobnicate'] });
  await refuses(t, ['map', 'add', 'x'], { status: 2, names: ['IN=OUT'] });
});

test.serial('without privilege', async (t) => {
  const lab = await makeLab(t);
  const name = instanceName(t);
  const drop = ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', '--inh-caps=-all', '--'];
  const asNobody = (args: readonly string[]) =>
    lab.gateway.run(['setpriv', ...drop, process.execPath, CLI, ...args]);
  const attach = ['attach', lab.device, '--name', name, '--map', MAP];
  for (const args of [attach, ['status'], ['detach', name], ['map', 'list', name], ['verify']]) {
    const { status, stdout, stderr } = await asNobody(args);
    const said = `tsnat ${args.join(' ')}: exit ${status}: ${stderr}${stdout}`;
    t.is(status, 1, said);
    t.is(stderr.trim().split('\n').length, 1, said);
    t.regex(stderr, /root|privilege|permission|CAP_/i, said);
  }
  await untouched(t, lab, name);
  const dump = await asNobody(['dump', 'egress']);
  t.is(dump.status, 0, dump.stderr);
  t.regex(dump.stdout, /call|exit/);
});
