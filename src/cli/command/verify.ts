// tsnat verify: put the programs through this kernel's verifier, without attaching them.

import { EXIT_FAILED, LOG_HINT } from '../failure.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { print, STDERR } from '../print.ts';
import { objectFor, programsFor } from '../programs.ts';
import { counted, grouped } from '../table.ts';
import type { Accepted } from '../verdict.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const object = await objectFor(input, 'verify');
  const { verify, verifyObject } = await import('../verdict.ts');
  const asked = object ? undefined : await programsFor(input);
  const verdicts = object ? verifyObject(object) : verify(asked!.programs, asked!.maps);
  const refused = verdicts.filter((each) => each.verdict === 'refused');
  const accepted = verdicts.filter((each) => each.verdict === 'accepted');
  output.result({ programs: verdicts }, () => accepted.map(acceptedText).join(''));
  if (refused.length === 0) return;
  process.exitCode = EXIT_FAILED;
  for (const each of refused) {
    const verbose = input.flag('verbose');
    print(STDERR, `tsnat: ${each.message}${verbose ? '' : LOG_HINT}\n`);
    if (verbose) print(STDERR, `${each.log.trimEnd()}\n`);
  }
}

function acceptedText({ name, instructions, processed, peakStates, jitedSize }: Accepted): string {
  const figures = [
    counted(instructions, 'instruction'),
    ...(processed === undefined ? [] : [`${grouped(processed)} verified`]),
    ...(peakStates === undefined ? [] : [`${grouped(peakStates)} states at most`]),
    jitedSize === 0 ? 'no JIT' : `${grouped(jitedSize)} bytes of machine code`,
  ];
  return `${name}: accepted: ${figures.join(', ')}\n`;
}
