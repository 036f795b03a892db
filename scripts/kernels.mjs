// npm run kernels -- [KERNEL...] [TEST...]: boots stock Debian kernels in QEMU and runs the tests in each.
// Installs what is missing and builds first; scripts/kernels/main.ts does the rest.

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
} from './prepare.mjs';

/** For the guests, besides what the tests need; what runs in them is this machine's. */
const EMULATOR_PACKAGES = ['kmod'];

requireNode();
installDebianPackages([...DEBIAN_PACKAGES, ...EMULATOR_PACKAGES]);
installNodeModules();
mountBpffs();
build();
const main = join(ROOT, '.build', 'scripts', 'kernels', 'main.js');
const child = spawn(process.execPath, [main, ...process.argv.slice(2)], { cwd: ROOT, stdio: 'inherit' });
child.on('exit', (status) => {
  process.exitCode = status ?? 1;
});
// Ctrl-C reaches the child as well, which ends its guest.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
