// npm run density -- [SLOTS]: thousands of namespaces with the same address behind one gateway, every packet checked.
// Installs what is missing and builds first; scripts/density/main.ts does the rest.

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import {
  build,
  fail,
  installDebianPackages,
  installNodeModules,
  mountBpffs,
  ROOT,
  requireNode,
} from './prepare.mjs';

/** What it is measured against. */
const PEERS = ['iproute2', 'iptables', 'nftables'];

requireNode();
if (process.getuid?.() !== 0) fail('the density run makes namespaces: run it as root');
if (!process.argv.includes('--no-peers')) installDebianPackages(PEERS);
installNodeModules();
mountBpffs();
build();
const main = join(ROOT, '.build', 'scripts', 'density', 'main.js');
const child = spawn(process.execPath, [main, ...process.argv.slice(2)], { cwd: ROOT, stdio: 'inherit' });
child.on('exit', (status, signal) => {
  // Killed, it could not clear up.
  if (signal !== null) spawnSync(process.execPath, [main, '--sweep'], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
});
// Ctrl-C reaches the child as well, which clears up.
for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
