// LLVM 19 as a second opinion on encodings: its assembler turns text into bytes, its disassembler bytes into text.
// Neither knows anything of src/asm. Both fail, never skip, where LLVM is missing.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LITTLE_ENDIAN } from '../../../src/asm/index.ts';

const TRIPLE = LITTLE_ENDIAN ? 'bpfel' : 'bpfeb';
/** The newest instruction set LLVM knows: store immediate, byte swaps, sign extension. */
const CPU = 'v4';

/** The bytes of the `.text` that `lines` of assembly make. */
export function llvmAssemble(lines: readonly string[]): Uint8Array {
  return inFolder((folder) => {
    const object = assembled(folder, lines);
    const binary = join(folder, 'text.bin');
    run('llvm-objcopy-19', ['-O', 'binary', '--only-section=.text', object, binary]);
    return new Uint8Array(readFileSync(binary));
  });
}

/** What LLVM reads in `code`: one line for each instruction, as `llvm-objdump-19 -d` words it. */
export function llvmDisassemble(code: Uint8Array): string[] {
  return inFolder((folder) => {
    const object = assembled(folder, [`.byte ${[...code].join(',')}`]);
    const listing = run('llvm-objdump-19', ['-d', `--mcpu=${CPU}`, '--no-show-raw-insn', object]);
    return listing.split('\n').flatMap((line) => /^ +\d+:\t(.*)$/.exec(line)?.[1] ?? []);
  });
}

function assembled(folder: string, lines: readonly string[]): string {
  const [source, object] = [join(folder, 'text.s'), join(folder, 'text.o')];
  writeFileSync(source, `${lines.join('\n')}\n`);
  run('llvm-mc-19', [`-triple=${TRIPLE}`, `-mcpu=${CPU}`, '-filetype=obj', source, '-o', object]);
  return object;
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
}

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'tsnat-llvm-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
