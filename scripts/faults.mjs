// npm run faults: installs what is missing, builds, and breaks instances at every step. See scripts/faults/main.ts.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import {
  build,
  DEBIAN_PACKAGES,
  fail,
  installDebianPackages,
  installNodeModules,
  mountBpffs,
  ROOT,
  requireNode,
} from './prepare.mjs';

requireNode();
if (process.getuid?.() !== 0) fail('faults are made in namespaces and in the kernel: run it as root');
installDebianPackages(DEBIAN_PACKAGES);
installNodeModules();
mountBpffs();
build();
const main = join(ROOT, '.build', 'scripts', 'faults', 'main.js');
const { status } = spawnSync(process.execPath, [main, ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
