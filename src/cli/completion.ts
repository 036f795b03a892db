// Shell completion scripts, made from the table of commands. The scripts never run tsnat: what they offer besides
// its words they read from /sys and /run, so completing is as fast as the shell.

import { bashScript, zshScript } from './completion-bash.ts';
import { fishScript } from './completion-fish.ts';
import type { SHELLS } from './options.ts';

export function completionScript(shell: (typeof SHELLS)[number]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell]();
}
