// Part of `npm run build`, after tsc: what has to start fast is put into few files. A command that reads 300 small modules
// takes five times as long as Node itself; most of that is opening and compiling them (docs/performance.md).
//
// The assembler becomes few files, still by itself: source lines are told by which frames of a call stack are its own.
//
// The command line becomes one file that parses, one for each command that changes tables or only prints, and one for the
// tables of each kind, with what it uses of the other layers and nothing that builds programs: such a command loads three.
// They are CommonJS, which Node loads faster than modules, and each has all that it needs, at the price of a class in two
// of them not being the same. The commands that take all of tsnat share modules, and so does what the others fall back to.

import { chmodSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [SRC, DIST] = [join(ROOT, 'src'), join(ROOT, 'dist')];
const [ASM, CLI] = [join(DIST, 'asm'), join(DIST, 'cli')];
/** Its doors: all of it, and what data looks like. */
const ASSEMBLER = { index: join(SRC, 'asm/index.ts'), data: join(SRC, 'asm/data.ts') };

const COMMANDS = join(SRC, 'cli/command');
const command = (name) => [name, join(COMMANDS, `${name}.ts`)];
const LIGHT_COMMANDS = [
  'completion',
  'help',
  'map-add',
  'map-del',
  'map-list',
  'slot-bind',
  'slot-list',
  'slot-rebind',
  'slot-release',
  'vni-bind',
  'vni-list',
  'vni-rebind',
  'vni-release',
];
const WHOLE_COMMANDS = readdirSync(COMMANDS)
  .map((file) => basename(file, '.ts'))
  .filter((name) => !LIGHT_COMMANDS.includes(name));
/** What is loaded by `import()` alone, and what it is called in the bundle. First what takes all of tsnat. */
const WHOLE = {
  ...Object.fromEntries(WHOLE_COMMANDS.map(command)),
  'open-instance': join(SRC, 'nat/instance/open.ts'),
  'open-slots': join(SRC, 'nat/instance/slots/open.ts'),
  'open-tunnels': join(SRC, 'nat/instance/tunnels/open.ts'),
};
const light = (name) => [`light-${name}`, join(SRC, `nat/instance/light/${name}.ts`)];
const LIGHT = {
  ...Object.fromEntries(LIGHT_COMMANDS.map(command)),
  ...Object.fromEntries(['mappings', 'slots', 'tunnels'].map(light)),
};
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

/** Leaves doors of the assembler outside, as the files that they are made into. */
const assemblerOutside = (...doors) => ({
  name: 'assembler outside',
  setup: (builder) => {
    builder.onResolve({ filter: /\/asm\/\w+\.ts$/ }, ({ path, resolveDir }) => {
      const door = doors.find((each) => ASSEMBLER[each] === resolve(resolveDir, path));
      return door && { path: relative(CLI, join(ASM, `${door}.js`)), external: true };
    });
  },
});

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

async function buildLight() {
  const { outputFiles, metafile } = await build({
    ...COMMON,
    // Shorter names are read faster, too: 2 ms.
    minify: true,
    format: 'cjs',
    entryPoints: { main: join(SRC, 'cli/main.ts'), ...LIGHT },
    outdir: CLI,
    outExtension: { '.js': '.cjs' },
    plugins: [assemblerOutside('index'), othersOutside],
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
await build({ ...COMMON, entryPoints: ASSEMBLER, outdir: ASM, splitting: true });
await build({
  ...COMMON,
  entryPoints: WHOLE,
  outdir: CLI,
  splitting: true,
  plugins: [assemblerOutside('index', 'data')],
});
await buildLight();
