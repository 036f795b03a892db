// npm start: installs, builds, and shows tsnat at work on real traffic, in namespaces of its own.
// Needs root and BPF; needs no Debian package beyond what Node itself needs.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { build, installNodeModules, mountBpffs, ROOT, requireNode } from './prepare.mjs';

requireNode();
installNodeModules();
mountBpffs();
build();
const demo = join(ROOT, '.build', 'scripts', 'demo', 'main.js');
const { status } = spawnSync(process.execPath, [demo, ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
