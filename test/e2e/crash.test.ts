// What a crash, or somebody's rm, leaves behind: attach says so in one line, detach clears it up.

import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { refuses, tsnat, tsnatOk } from '../support/cli.ts';
import { Running, run, sleep } from '../support/command.ts';
import { EMULATED, PATIENCE } from '../support/emulation.ts';
import { INSIDE, makeLab, ON_LINK } from '../support/lab.ts';
import { PINS } from '../support/registry.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { CLI, ROOT } from '../support/root.ts';
import { brokenStatusOf, statusOf } from '../support/state.ts';
import { pingOk } from '../support/traffic.ts';
import { HOOKS, instanceName, translate } from '../support/translate.ts';
import { filtersOn, hasClsact, isPinned, nothingLeft } from '../support/witness.ts';

const LOCK_HOLDER = join(ROOT, '.build/test/loader/support/lock-holder.js');
const MAP = ['--map', `${INSIDE}=${ON_LINK}`];

needsRootAndBpf(test);

/** Ways to lose half an instance. */
const LOSSES: readonly { readonly title: string; readonly lose: (folder: string) => void }[] = [
  { title: 'links', lose: (folder) => rmSync(join(folder, 'links'), { recursive: true, force: true }) },
  { title: 'programs', lose: (folder) => rmSync(join(folder, 'progs'), { recursive: true }) },
  { title: 'maps', lose: (folder) => rmSync(join(folder, 'maps'), { recursive: true }) },
  { title: 'one map', lose: (folder) => rmSync(join(folder, 'maps/inbound')) },
  {
    title: 'everything but the folder',
    lose: (folder) => {
      for (const entry of readdirSync(folder)) rmSync(join(folder, entry), { recursive: true });
    },
  },
];

for (const hook of HOOKS) {
  for (const { title, lose } of LOSSES) {
    if (hook === 'clsact' && title === 'links') continue;
    test.serial(`an instance that has lost its ${title}, ${hook}`, async (t) => {
      const lab = await makeLab(t);
      const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
      const { programs } = await statusOf(t, name);
      lose(join(PINS, name));
      const attach = ['attach', lab.device, '--name', name, '--netns', lab.gateway.name, ...MAP];
      await refuses(t, attach, { status: 1, names: [name, 'detach'] });
      await tsnatOk(t, ['detach', name]);
      t.false(isPinned(name));
      if (title !== 'everything but the folder') {
        await nothingLeft(t, {
          name,
          programs: [programs.outbound?.id ?? 0, programs.inbound?.id ?? 0],
          maps: [],
        });
      }
      // With nothing left that says where it was, a filter cannot be found again: it goes on translating, and to it what
      // the next instance makes looks like somebody who poses as an outside. It has to be taken away by hand.
      if (title === 'everything but the folder' && hook === 'clsact') {
        for (const direction of ['ingress', 'egress']) {
          await lab.gateway.must(['tc', 'filter', 'del', 'dev', lab.device, direction]);
        }
      }
      await tsnatOk(t, [...attach, '--hook', hook]);
      await pingOk(t, lab.inside, lab.server);
    });
  }
}

test.serial('a folder that is half built is no instance, and is cleared up', async (t) => {
  const lab = await makeLab(t);
  const name = instanceName(t);
  mkdirSync(join(PINS, name, 'maps'), { recursive: true, mode: 0o700 });
  const attach = ['attach', lab.device, '--name', name, '--netns', lab.gateway.name, ...MAP];
  await refuses(t, attach, { status: 1, names: [name, 'detach'] });
  await tsnatOk(t, ['detach', name]);
  t.false(isPinned(name));
  await tsnatOk(t, attach);
  await pingOk(t, lab.inside, lab.server);
});

test.serial('somebody has taken the filter away', async (t) => {
  const lab = await makeLab(t);
  const { name, detach } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook: 'clsact' });
  await lab.gateway.must(['tc', 'filter', 'del', 'dev', lab.device, 'egress']);
  const { healthy, problems } = await brokenStatusOf(t, name);
  t.false(healthy);
  t.regex(problems.join('\n'), /egress|outbound/);
  await detach();
  t.false(isPinned(name));
  t.deepEqual(await filtersOn(lab.gateway, lab.device, 'ingress').catch(() => []), []);
  t.false(await hasClsact(lab.gateway, lab.device));
});

for (const hook of HOOKS) {
  test.serial(`the interface is gone, ${hook}`, async (t) => {
    const lab = await makeLab(t);
    const { name, detach } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    await lab.gateway.ip(`link del ${lab.device}`);
    const { healthy, problems } = await brokenStatusOf(t, name);
    t.false(healthy);
    t.true(problems.length > 0 && problems.every((problem) => problem.length > 0));
    await detach();
    t.false(isPinned(name));
  });

  test.serial(`the namespace is gone, ${hook}`, async (t) => {
    const lab = await makeLab(t);
    const { name, detach } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    await lab.gateway.remove();
    const { healthy } = await brokenStatusOf(t, name);
    t.false(healthy);
    await detach();
    t.false(isPinned(name));
  });
}

test.serial('killed at any moment of attach, the next commands put it right', async (t) => {
  t.timeout(280_000 * PATIENCE);
  const lab = await makeLab(t);
  const name = instanceName(t);
  const attach = [
    'attach',
    lab.device,
    '--name',
    name,
    '--netns',
    lab.gateway.name,
    '--hook',
    'clsact',
    ...MAP,
  ];
  // Processes of their own, even where others are saved: they are the ones to be killed.
  const begun = performance.now();
  const { status: first } = await run(process.execPath, [CLI, ...attach]);
  t.is(first, 0);
  const whole = performance.now() - begun;
  const rounds = EMULATED ? 6 : 16;
  await tsnatOk(t, ['detach', name]);
  const outcomes = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const running = new Running(process.execPath, [CLI, ...attach]);
    await sleep(whole * (0.25 + (0.75 * round) / rounds));
    running.kill('SIGKILL');
    await running.ended;
    const again = await tsnat(attach);
    outcomes.add(`${again.status}`);
    if (again.status !== 0) {
      t.is(again.status, 1, again.stderr);
      t.regex(again.stderr, new RegExp(name));
      const status = await tsnat(['status', name]);
      if (status.status !== 0) {
        await tsnatOk(t, ['detach', name]);
        await tsnatOk(t, attach);
      }
    }
    await pingOk(t, lab.inside, lab.server);
    await tsnatOk(t, ['detach', name]);
    t.false(isPinned(name));
    t.deepEqual(await filtersOn(lab.gateway, lab.device, 'egress').catch(() => []), []);
  }
  t.log(`attach after the kill: exit ${[...outcomes].join(' or ')}`);
});

test.serial('a folder of somebody else with the name of ours is not emptied', async (t) => {
  const lab = await makeLab(t);
  const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  const foreign = join(PINS, name, 'maps', 'theirs');
  renameSync(join(PINS, name, 'maps', 'reasons'), foreign);
  const { status, stderr } = await tsnat(['detach', name]);
  t.is(status, 1, stderr);
  t.regex(stderr, /theirs/);
  renameSync(foreign, join(PINS, name, 'maps', 'reasons'));
  await tsnatOk(t, ['detach', name]);
  t.false(isPinned(name));
});

test.serial('commands at the same time wait for each other, and each does all of its work', async (t) => {
  const lab = await makeLab(t);
  const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  const numbers = [1, 2, 3, 4, 5, 6];
  await Promise.all([
    ...numbers.map((i) =>
      tsnatOk(t, ['map', 'add', name, `10.9.${i}.1=198.51.${i}.1`, `10.9.${i}.2=198.51.${i}.2`]),
    ),
    tsnatOk(t, ['attach', lab.device, '--netns', lab.gateway.name, '--name', name, '--replace']),
    tsnatOk(t, ['status', name]),
  ]);
  t.like(await statusOf(t, name), { healthy: true, problems: [], mappings: 1 + 2 * numbers.length });
  await pingOk(t, lab.inside, lab.server);
  const other = instanceName(t);
  const attach = ['attach', lab.device, '--netns', lab.gateway.name, '--name', other];
  const both = await Promise.all([tsnat(attach), tsnat(attach)]);
  t.deepEqual(both.map(({ status }) => status).sort(), [0, 1], 'one of two attaches is refused');
  t.regex(both.find(({ status }) => status === 1)?.stderr ?? '', /already attached/);
});

test.serial('a command takes over from one that was killed in the middle of its work', async (t) => {
  const lab = await makeLab(t);
  const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  // It holds the lock and waits for nothing but the end.
  const holder = new Running(process.execPath, [LOCK_HOLDER, PINS, '-', '600000', '5000']);
  t.teardown(() => holder.stop('SIGKILL'));
  await holder.says(/has$/m);
  // A process of its own too: this one has to go on while it waits.
  const waiting = run(process.execPath, [CLI, 'map', 'add', name, '10.9.0.1=198.51.100.9']);
  await sleep(500 * PATIENCE);
  holder.kill('SIGKILL');
  const { status, stderr } = await waiting;
  t.is(status, 0, stderr);
  t.is((await statusOf(t, name)).mappings, 2);
});
