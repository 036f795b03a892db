// Part of `npm run build`, after tsc: what has to start fast is put into few files. A command that reads 300 small modules
// takes five times as long as Node itself; most of that is opening and compiling them (docs/performance.md).
//
// The assembler becomes one file, still by itself: source lines are told by which frames of a call stack are its own.
//
// The command line becomes one file that parses, and one for each command that changes tables or only prints, with all that
// it uses of the other layers and nothing that builds programs: a command loads two files. They are CommonJS, which Node
// loads faster than modules. The commands that take all of tsnat share modules, and so does what the others fall back to.

import { chmodSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [SRC, DIST] = [join(ROOT, 'src'), join(ROOT, 'dist')];
const [ASM, CLI] = [join(DIST, 'asm'), join(DIST, 'cli')];
const ASSEMBLER = join(SRC, 'asm/index.ts');

const command = (name) => [name, join(SRC, `cli/command/${name}.ts`)];
/** What is loaded by `import()` alone, and what it is called in the bundle. First what takes all of tsnat. */
const WHOLE = {
  ...Object.fromEntries(
    ['attach', 'detach', 'doctor', 'dump', 'map-replace', 'run', 'slot-remove', 'slot-reserve', 'status']
      .concat(['verify', 'vni-remove', 'vni-reserve'])
      .map(command),
  ),
  'open-instance': join(SRC, 'nat/instance/open.ts'),
  'open-slots': join(SRC, 'nat/instance/slots/open.ts'),
  'open-tunnels': join(SRC, 'nat/instance/tunnels/open.ts'),
};
const LIGHT = Object.fromEntries(
  ['completion', 'help', 'map-add', 'map-del', 'map-list', 'slot-bind', 'slot-list', 'slot-rebind']
    .concat(['slot-release', 'vni-bind', 'vni-list', 'vni-rebind', 'vni-release'])
    .map(command),
);
/** What builds programs: nothing of it is in the light bundle. */
const BUILDERS = /^src\/nat\/datapath\/|asm\/index\.js$/;

const COMMON = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  packages: 'external',
  // Comments are a third of what would have to be read.
  minifyWhitespace: true,
  sourcemap: true,
  // The sources are in the package.
  sourcesContent: false,
  logLevel: 'warning',
};

/** Leaves the assembler outside, as the file that it is made into. */
const assemblerOutside = {
  name: 'assembler outside',
  setup: (builder) => {
    builder.onResolve({ filter: /\/asm\/index\.ts$/ }, ({ path, resolveDir }) => {
      if (resolve(resolveDir, path) !== ASSEMBLER) return undefined;
      return { path: relative(CLI, join(ASM, 'index.js')), external: true };
    });
  },
};

/** Leaves outside what has a file of its own. */
const othersOutside = {
  name: 'others outside',
  setup: (builder) => {
    const files = new Map([
      ...Object.entries(WHOLE).map(([name, path]) => [path, `./${name}.js`]),
      ...Object.entries(LIGHT).map(([name, path]) => [path, `./${name}.cjs`]),
    ]);
    builder.onResolve({ filter: /\.ts$/ }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined;
      const file = files.get(resolve(resolveDir, path));
      if (file === undefined) throw new Error(`${path} is imported dynamically and has no file: give it one`);
      return { path: file, external: true };
    });
  },
};

/** Takes away what tsc or an earlier bundle has made there, but for the types. */
function clear(folder) {
  for (const { name, parentPath } of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (/\.c?js(?:\.map)?$/.test(name)) rmSync(join(parentPath, name));
  }
}

async function light() {
  const { outputFiles, metafile } = await build({
    ...COMMON,
    format: 'cjs',
    entryPoints: { main: join(SRC, 'cli/main.ts'), ...LIGHT },
    outdir: CLI,
    outExtension: { '.js': '.cjs' },
    plugins: [assemblerOutside, othersOutside],
    define: { 'import.meta.filename': '__filename', 'import.meta.dirname': '__dirname' },
    metafile: true,
    write: false,
    absWorkingDir: ROOT,
  });
  const used = Object.values(metafile.outputs).flatMap(({ inputs, imports }) => [
    ...Object.keys(inputs).filter((input) => inputs[input].bytesInOutput > 0),
    ...imports.map(({ path }) => path),
  ]);
  const builders = used.filter((path) => BUILDERS.test(path));
  if (builders.length > 0) throw new Error(`what is to start fast builds programs: ${builders.join(', ')}`);
  for (const { path, text } of outputFiles) {
    // What is CommonJS as well needs no loader of modules.
    writeFileSync(path, text.replace(/\bimport\(("\.\/[^"]+\.cjs")\)/g, 'require($1)'));
  }
  chmodSync(join(CLI, 'main.cjs'), 0o755);
}

for (const folder of [ASM, CLI]) clear(folder);
await build({ ...COMMON, entryPoints: [ASSEMBLER], outdir: ASM });
await build({ ...COMMON, entryPoints: WHOLE, outdir: CLI, splitting: true, plugins: [assemblerOutside] });
await light();
