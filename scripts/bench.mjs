// npm run bench: installs what is missing, builds, measures. Arguments go on to bench/main.ts.

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
if (process.getuid?.() !== 0) fail('the benchmark loads programs and makes namespaces: run it as root');
installDebianPackages(DEBIAN_PACKAGES);
installNodeModules();
mountBpffs();
build();
const bench = join(ROOT, '.build', 'bench', 'main.js');
const { status } = spawnSync(process.execPath, [bench, ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
