// Help and the version, as a process; and that neither loads more than it needs.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { COMMANDS } from '../../src/cli/commands.ts';
import { COMMON_OPTIONS } from '../../src/cli/options.ts';
import { tsnat, tsnatOk } from '../support/cli.ts';
import { run } from '../support/command.ts';
import { CLI, ROOT } from '../support/root.ts';

test('the overview names every command', async (t) => {
  const help = await tsnatOk(t, ['--help']);
  for (const { name, summary } of COMMANDS) {
    t.true(help.includes(`  ${name} `), name);
    t.true(help.includes(summary), name);
  }
  t.is(await tsnatOk(t, ['help']), help);
});

for (const { name, arguments: args, options } of COMMANDS) {
  test(`${name} --help`, async (t) => {
    const help = await tsnatOk(t, [...name.split(' '), '--help']);
    t.regex(help, new RegExp(`^Usage: tsnat ${name}\\b`, 'm'));
    for (const argument of args) t.true(help.includes(argument.name));
    for (const option of [...options, ...COMMON_OPTIONS]) t.true(help.includes(`--${option.name}`));
    t.true(
      help.split('\n').every((line) => line.length <= 110),
      'fits a terminal',
    );
    t.is(await tsnatOk(t, ['help', ...name.split(' ')]), help);
  });
}

test('a group of commands', async (t) => {
  const help = await tsnatOk(t, ['map', '--help']);
  for (const name of ['map add', 'map del', 'map list']) t.true(help.includes(name));
  t.false(help.includes('attach'));
});

test('nothing asked for is wrong usage, answered with the overview', async (t) => {
  const { status, stdout, stderr } = await tsnat([]);
  t.is(status, 2);
  t.is(stdout, '');
  t.is(stderr, await tsnatOk(t, ['--help']));
});

test('the version is that of the package', async (t) => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  t.is(await tsnatOk(t, ['--version']), `${version}\n`);
  t.deepEqual(JSON.parse(await tsnatOk(t, ['--version', '--json'])), { version });
});

// Tells on stderr which modules were loaded.
const SPY = `data:text/javascript,${encodeURIComponent(`
  import { register } from 'node:module';
  register('data:text/javascript,' + encodeURIComponent(
    "import { writeSync } from 'node:fs';" +
    "export async function resolve(s, c, next) { const r = await next(s, c); writeSync(2, r.url + '\\\\n'); return r; }"
  ));`)}`;

/** Modules, by their place in this checkout, wherever that lies. */
async function loadedBy(args: readonly string[]): Promise<string[]> {
  const { stderr } = await run(process.execPath, ['--import', SPY, CLI, ...args]);
  const here = pathToFileURL(ROOT).href;
  return stderr
    .split('\n')
    .filter((line) => /^(?:file|node):/.test(line))
    .map((url) => url.replace(here, ''));
}

test('help and wrong usage load nothing heavy', async (t) => {
  for (const args of [['--help'], ['attach', '--help'], ['--version'], ['frobnicate'], ['map', 'add']]) {
    const loaded = await loadedBy(args);
    t.true(
      loaded.some((url) => url.endsWith('/cli/parse.js')),
      'the spy sees what is loaded',
    );
    t.deepEqual(
      loaded.filter((url) => /koffi|yaml|\/(?:nat|asm|loader|control)\//.test(url)),
      [],
      args.join(' '),
    );
  }
  t.false((await loadedBy(['map', 'add', 'x', 'bad'])).some((url) => /koffi|yaml|\/loader\//.test(url)));
});
