// What the micro-VMs boot: Debian's cloud kernel, the module of its network card, and one program.

import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchKernel } from '../../../scripts/kernels/archive.ts';
import { Archive } from '../../../scripts/kernels/cpio.ts';
import { KERNELS } from '../../../scripts/kernels/kernels.ts';
import { orderedModules } from '../../../scripts/kernels/modules.ts';
import { must } from '../command.ts';
import { ROOT } from '../root.ts';

const KERNEL = '6.12';
/** As `npm run kernels` has it. */
const CACHE = join(ROOT, '.cache', 'kernels');
const SOURCE = join(ROOT, 'test/support/vm/clone.c');

export interface Image {
  readonly vmlinuz: string;
  readonly initrd: string;
}

/** Fetches the kernel unless it is in the cache, and packs the rest into `folder`. */
export async function makeImage(folder: string): Promise<Image> {
  const kernel = KERNELS.find(({ name }) => name === KERNEL)!;
  mkdirSync(CACHE, { recursive: true });
  const { vmlinuz, modules } = fetchKernel(kernel, CACHE);
  const program = join(folder, 'clone');
  await must('clang', ['-O2', '-static', '-Wall', '-Wextra', '-Werror', SOURCE, '-o', program]);
  const initrd = join(folder, 'initrd.cpio');
  const archive = new Archive(initrd);
  archive.directory('/dev');
  archive.device('/dev/console', 5, 1);
  // By their numbers they are inserted in order.
  let number = 0;
  for (const [name, data] of orderedModules(modules, ['virtio_net'])) {
    archive.data(`/modules/${String(number++).padStart(2, '0')}-${name}`, data);
  }
  archive.data('/init', await readFile(program), 0o755);
  archive.close();
  return { vmlinuz, initrd };
}
