// Part of `npm run build`, after tsc: what has to start fast is put into few files. A command that reads 300 small modules
// takes five times as long as Node itself; most of that is opening and compiling them (docs/performance.md).
//
// The assembler becomes one file, still by itself: source lines are told by which frames of a call stack are its own. The
// command line becomes one file for each command and for what they share, with only what they use of the other layers.

import { readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [SRC, DIST] = [join(ROOT, 'src'), join(ROOT, 'dist')];
const ASSEMBLER = join(SRC, 'asm/index.ts');

const COMMON = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  // Comments are a third of what would have to be read.
  minifyWhitespace: true,
  sourcemap: true,
  // The sources are in the package.
  sourcesContent: false,
  logLevel: 'warning',
};

/** Leaves the assembler outside, as the file that it is made into. */
const assemblerOutside = (outdir) => ({
  name: 'assembler outside',
  setup: (builder) => {
    builder.onResolve({ filter: /\/asm\/index\.ts$/ }, ({ path, resolveDir }) => {
      if (join(resolveDir, path) !== ASSEMBLER) return undefined;
      return { path: relative(outdir, join(DIST, 'asm/index.js')), external: true };
    });
  },
});

/** Takes away what tsc has made there, but for the types. */
function clear(folder) {
  for (const { name, parentPath } of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (/\.js(?:\.map)?$/.test(name)) rmSync(join(parentPath, name));
  }
}

const [asm, cli] = [join(DIST, 'asm'), join(DIST, 'cli')];
for (const folder of [asm, cli]) clear(folder);
await build({ ...COMMON, entryPoints: [ASSEMBLER], outdir: asm });
await build({
  ...COMMON,
  entryPoints: [join(SRC, 'cli/main.ts')],
  outdir: cli,
  splitting: true,
  plugins: [assemblerOutside(cli)],
});
