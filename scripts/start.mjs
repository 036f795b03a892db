// npm start: installs, builds, and shows tsnat at work on real traffic, in namespaces of its own.
// Needs root and BPF, and a ping to send; tsnat itself makes the namespaces and needs no tool at all.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import {
  build,
  installDebianPackages,
  installNodeModules,
  mountBpffs,
  ROOT,
  requireNode,
} from './prepare.mjs';

const DEMO_PACKAGES = ['iputils-ping', 'util-linux'];

requireNode();
installDebianPackages(DEMO_PACKAGES);
installNodeModules();
mountBpffs();
build();
const demo = join(ROOT, '.build', 'scripts', 'demo', 'main.js');
const { status } = spawnSync(process.execPath, [demo, ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
