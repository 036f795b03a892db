// Reads a C twin's instructions and map references out of its object file, by llvm's own tools.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../test/support/command.ts';
import type { Code } from './interpreter.ts';

const SECTION = 'tc';
const INSN_SIZE = 8;

export async function codeOf(object: string): Promise<Code> {
  const folder = mkdtempSync(join(tmpdir(), 'tsl-object-'));
  try {
    const file = join(folder, 'code');
    await must('llvm-objcopy-19', [`--dump-section=${SECTION}=${file}`, object, join(folder, 'copy.o')]);
    const listing = await must('llvm-readelf-19', ['--relocs', object]);
    // The table of our section ends with an empty line.
    const own = listing.split(/\n\n/).find((table) => table.includes(`'.rel${SECTION}'`)) ?? '';
    const maps = new Map<number, string>();
    for (const [, offset = '', name = ''] of own.matchAll(/^([0-9a-f]{16}) .* R_BPF_64_64 +\S+ +(\S+)$/gm)) {
      maps.set(Number.parseInt(offset, 16) / INSN_SIZE, name);
    }
    return { code: readFileSync(file), maps };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
