// The one file that knows of koffi, and of how it lies in its packages.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

type Koffi = Pick<typeof import('koffi'), 'address' | 'errno' | 'load' | 'view'>;

/**
 * koffi's binary. koffi reads five files to find it, Node's own among them, and makes wrappers for all that it can do: a
 * third of what starting Node takes. So it is looked for where it belongs, and koffi asked where it is not there.
 *
 * @throws Error where there is none for this machine.
 */
export function loadKoffi(): Koffi {
  const require = createRequire(import.meta.filename);
  return loadBinary(require) ?? (require('koffi') as Koffi);
}

function loadBinary(require: NodeJS.Require): Koffi | undefined {
  const { arch } = process;
  try {
    // With musl as the C library it is another one, and koffi knows how to tell.
    if (readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-')) return undefined;
    return require(`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`) as Koffi;
  } catch {
    // Installed in another way, or for a machine whose binary has another name.
    return undefined;
  }
}
