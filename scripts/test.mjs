// npm test: from a fresh checkout to a verdict. `npm test -- PATTERN...` runs part of it, `--tap` reports in
// TAP, `--coverage` measures as it goes; anything else is AVA's. Never skips: what cannot run fails.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import {
  build,
  DEBIAN_PACKAGES,
  installDebianPackages,
  installNodeModules,
  mountBpffs,
  ROOT,
  requireNode,
  say,
} from './prepare.mjs';

const options = process.argv.slice(2);
const coverage = options.includes('--coverage');
const forAva = options.filter((option) => option !== '--coverage');

requireNode();
installDebianPackages(DEBIAN_PACKAGES);
installNodeModules();
mountBpffs();
build();
if (process.getuid?.() !== 0) say('tsnat: not root: whatever attaches or makes a namespace is going to fail');

const ava = [join(ROOT, 'node_modules', 'ava', 'entrypoints', 'cli.mjs'), ...forAva];
const command = coverage ? [join(ROOT, 'node_modules', 'c8', 'bin', 'c8.js'), process.execPath, ...ava] : ava;
const child = spawn(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
child.on('error', (error) => {
  say(`tsnat: ${error.message}`);
  process.exitCode = 1;
});
child.on('exit', (status) => {
  process.exitCode = status ?? 1;
});
// Ctrl-C reaches the child as well; wait for it to clear up its namespaces.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
