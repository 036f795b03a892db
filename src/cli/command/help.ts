// tsnat help: the same as --help with a command.

import { findCommand, GROUPS } from '../commands.ts';
import { helpText } from '../help.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { unknownCommand } from '../parse.ts';

export function run(input: Input, output: Output): void {
  const words = input.rest('COMMAND');
  const topic = words.join(' ');
  if (words.length > 0 && findCommand(topic) === undefined && !GROUPS.includes(topic)) {
    throw unknownCommand(words[0]!, words[1]);
  }
  output.write(helpText(topic));
}
