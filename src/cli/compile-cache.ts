// Keeps the compiled form of our modules on disk, where Node can (22.8 and later). In the package's own folder,
// not in Node's default below /tmp: this runs as root, and there anybody could leave code for it.

import { statSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

/** The types are those of the oldest Node we run on, which has no such function. */
interface Caching {
  readonly enableCompileCache?: (directory: string) => unknown;
}

/** Does nothing where the package is somebody else's, who could not remove what we leave there. */
export function enableCompileCache(): void {
  const { enableCompileCache: enable } = module as Caching;
  if (enable === undefined) return;
  const parent = fileURLToPath(new URL('../../', import.meta.url));
  if (statSync(parent).uid === process.getuid?.()) enable(`${parent}.cache/compile`);
}
