// tsnat dump: the programs as text, or as an object file. Pure: no privilege, no kernel.

import {
  formatAsm,
  formatC,
  formatElf,
  formatHex,
  type Program,
  programJson,
  type Stage,
  stagesOf,
  withSources,
} from '../../asm/index.ts';
import { resolveSource } from '../../loader/source-map.ts';
import { writeWhole } from '../file.ts';
import type { Input } from '../input.ts';
import { FORMATS, STAGES } from '../options.ts';
import { formatJson, type Output } from '../output.ts';
import { builderFor, objectFor, programsFor } from '../programs.ts';
import { UsageError } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const asked = input.choice('format', FORMATS);
  if (output.json && asked !== undefined && asked !== 'json') {
    throw new UsageError(`dump: --json contradicts --format ${asked}: leave one of them out`);
  }
  const stage = input.choice('stage', STAGES);
  if (stage !== undefined && asked !== undefined && asked !== 'asm' && asked !== 'json') {
    throw new UsageError(`dump: a stage is text or json, not ${asked}: leave --format or --stage out`);
  }
  const format = output.json ? 'json' : (asked ?? 'asm');
  const path = input.text('output');
  const write = (text: string | Uint8Array): void =>
    path === undefined ? output.write(text) : writeWhole(path, text);
  const object = await objectFor(input, 'dump');
  if (object !== undefined && (stage !== undefined || format === 'elf')) {
    const what = stage === undefined ? 'it is an object already' : 'it was not compiled here';
    throw new UsageError(`dump: no ${stage === undefined ? '--format elf' : '--stage'} of a file: ${what}`);
  }
  if (stage !== undefined) {
    const stages = await atStage(input, stage);
    write(format === 'json' ? formatJson({ stages }) : stages.map(({ text }) => text).join('\n'));
    return;
  }
  if (format === 'elf' && path === undefined && output.terminal) {
    throw new UsageError('dump: an object is nothing to look at: name a file with -o, or use a pipe');
  }
  const { programs: found } = object ?? (await programsFor(input));
  const programs = found.map((program) => withSources(program, resolveSource));
  write(render(format, programs));
}

/** The functions of the programs asked for, at that stage. */
async function atStage(input: Input, wanted: (typeof STAGES)[number]): Promise<readonly Stage[]> {
  const build = await builderFor(input);
  const names = new Set<string>();
  const stages = stagesOf(() => {
    for (const { name } of build().programs) names.add(name);
  }, resolveSource);
  return stages.filter(({ stage, program }) => stage === wanted && names.has(program));
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
