// tsnat dump: the programs as text, or as an object file. Pure: no privilege, no kernel.

import {
  formatAsm,
  formatC,
  formatElf,
  formatHex,
  type Program,
  programJson,
  withSources,
} from '../../asm/index.ts';
import { resolveSource } from '../../loader/source-map.ts';
import { FORMATS } from '../commands.ts';
import { writeWhole } from '../file.ts';
import type { Input } from '../input.ts';
import { formatJson, type Output } from '../output.ts';
import { programsFor } from '../programs.ts';
import { UsageError } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const asked = input.choice('format', FORMATS);
  if (output.json && asked !== undefined && asked !== 'json') {
    throw new UsageError(`dump: --json contradicts --format ${asked}: leave one of them out`);
  }
  const format = output.json ? 'json' : (asked ?? 'asm');
  const path = input.text('output');
  if (format === 'elf' && path === undefined && output.terminal) {
    throw new UsageError('dump: an object is nothing to look at: name a file with -o, or use a pipe');
  }
  const programs = (await programsFor(input)).programs.map(({ program }) =>
    withSources(program, resolveSource),
  );
  const text = render(format, programs);
  if (path === undefined) output.write(text);
  else writeWhole(path, text);
}

function render(format: (typeof FORMATS)[number], programs: readonly Program[]): string | Uint8Array {
  switch (format) {
    case 'asm':
      return programs.map(formatAsm).join('\n');
    case 'c':
      return programs.map(formatC).join('\n');
    case 'hex':
      return programs.map((program) => headed(program, programs.length) + formatHex(program)).join('\n');
    case 'elf':
      return formatElf(programs);
    case 'json':
      return formatJson({ programs: programs.map(programJson) });
  }
}

/** Bytes alone do not say where the second program begins. */
function headed({ name }: Program, count: number): string {
  return count > 1 ? `# ${name}\n` : '';
}
