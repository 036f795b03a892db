// The version of this package, out of its package.json, wherever the compiled files lie below it.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export function version(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (name === 'tsnat' && version !== undefined) return version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    if (folder === dirname(folder))
      throw new Error('the package.json of tsnat is not where it was installed');
  }
}
