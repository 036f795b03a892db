// `npm start`, past installing and building: the demo does what it says, and leaves nothing behind.

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { run } from '../support/command.ts';
import { EMULATED } from '../support/emulation.ts';
import { PINS } from '../support/registry.ts';
import { needsRootAndBpf } from '../support/requirements.ts';

const DEMO = fileURLToPath(new URL('../../scripts/demo/main.js', import.meta.url));
const NOBODY = '65534';
const MEGABYTES = EMULATED ? 10 : 200;

needsRootAndBpf(test);

const list = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

/** What a demo makes bears this in its name. */
const ofDemos = (): string[] =>
  [...list('/run/netns'), ...list(PINS)].filter((name) => name.includes('demo'));

test.serial('npm start shows ping, TCP and UDP translated, and clears up', async (t) => {
  const before = ofDemos();
  const { status, stdout, stderr } = await run(process.execPath, [DEMO, `${MEGABYTES}`], {
    timeout: 120_000,
  });
  t.is(status, 0, stderr);
  t.regex(stdout, /ping +inside .*: 3 of 3 answered/);
  t.regex(stdout, /ping +outside .*: 3 of 3 answered/);
  t.regex(stdout, new RegExp(`tcp +${MEGABYTES} MiB .*hash equal`));
  t.regex(stdout, /udp +1000 of 1000/);
  t.is(stdout.match(/the server saw 203\.0\.113\.5/g)?.length, 2);
  t.regex(stdout, /tsnat attach eth0/, 'and says how to use it on an interface of one’s own');
  t.deepEqual(
    ofDemos().filter((name) => !before.includes(name)),
    [],
  );
});

test.serial('npm start without root says what is missing', async (t) => {
  const drop = ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', '--inh-caps=-all', '--'];
  const { status, stdout, stderr } = await run('setpriv', [...drop, process.execPath, DEMO]);
  t.not(status, 0);
  t.regex(stderr + stdout, /root/);
  t.notRegex(stderr + stdout, /\n\s+at /);
});
