// What `npm publish` would send: everything the package promises is in it, and nothing else is.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { fail, ROOT } from './prepare.mjs';

const MUST = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'dist/index.js', 'dist/index.d.ts'];
/** Folders the package consists of; `src` because the line information points at it. */
const MAY = /^(dist|src|docs)\//;

const npm = process.env.npm_execpath;
const [command, first] = npm ? [process.execPath, [npm]] : ['npm', []];
const output = execFileSync(command, [...first, 'pack', '--dry-run', '--json', '--ignore-scripts'], {
  cwd: ROOT,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
});
const [{ files }] = JSON.parse(output);
const { bin, exports } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8'));
const inside = new Set(files.map(({ path }) => path));
const promised = [...Object.values(bin), ...Object.values(exports)].map((path) => path.replace(/^\.\//, ''));
const missing = [...MUST, ...promised].filter((path) => !inside.has(path));
const stray = [...inside].filter((path) => !MUST.includes(path) && !MAY.test(path));

if (missing.length > 0) fail(`not in the package: ${missing.join(' ')}`);
if (stray.length > 0) fail(`should not be in the package: ${stray.join(' ')}`);
console.log(`${files.length} files, ${files.reduce((sum, { size }) => sum + size, 0)} bytes unpacked`);
