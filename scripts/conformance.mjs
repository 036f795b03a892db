// npm run conformance -- [DIR]: every case of the conformance suite in DIR, in the interpreter and, as root, in the
// kernel. Installs what is missing and builds first.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { build, installNodeModules, ROOT, requireNode } from './prepare.mjs';

requireNode();
installNodeModules();
build();
const main = join(ROOT, '.build', 'scripts', 'conformance', 'main.js');
const { status } = spawnSync(process.execPath, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exitCode = status ?? 1;
