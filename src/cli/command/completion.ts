// tsnat completion: the completion script of a shell.

import { completionScript } from '../completion.ts';
import type { Input } from '../input.ts';
import { SHELLS } from '../options.ts';
import type { Output } from '../output.ts';

export function run(input: Input, output: Output): void {
  const shell = SHELLS.find((each) => each === input.required('SHELL'));
  if (shell !== undefined) output.write(completionScript(shell));
}
