// Completion for fish: one declaration for each thing that may stand somewhere.

import { COMMANDS } from './commands.ts';
import { FOLDERS, families, firstWords, optionsOf } from './completion-words.ts';
import type { OptionSpec } from './spec.ts';

export function fishScript(): string {
  const lines = ['# Completion of tsnat for fish. Made by: tsnat completion fish', 'complete -c tsnat -f'];
  const quote = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;
  const add = (condition: string, ...rest: string[]): void => {
    lines.push(['complete -c tsnat -n', quote(condition), ...rest].join(' '));
  };
  const all = families();
  for (const [first, seconds] of all) {
    const summary = COMMANDS.find(({ name }) => name === first)?.summary ?? seconds.join(', ');
    add('__fish_use_subcommand', '-a', first, '-d', quote(summary));
  }
  for (const command of COMMANDS) {
    const [first, second] = command.name.split(' ');
    const others = all.get(first!)!;
    let seen = `__fish_seen_subcommand_from ${first}`;
    if (second !== undefined) {
      add(
        `${seen}; and not __fish_seen_subcommand_from ${others.join(' ')}`,
        '-a',
        second,
        '-d',
        quote(command.summary),
      );
      seen += `; and __fish_seen_subcommand_from ${second}`;
    }
    const [argument] = command.arguments;
    const names = argument && fishValues(argument);
    if (names !== undefined) add(seen, '-a', quote(names));
    for (const option of optionsOf(command)) {
      const parts = [`-l ${option.name}`, ...(option.short ? [`-s ${option.short}`] : [])];
      if (option.type !== 'flag') parts.push(option.offer === 'file' ? '-r -F' : '-x');
      const values = fishValues(option);
      if (values !== undefined) parts.push(`-a ${quote(values)}`);
      add(seen, ...parts, '-d', quote(option.summary));
    }
  }
  return `${lines.join('\n')}\n`;
}

function fishValues({ choices, offer }: Pick<OptionSpec, 'choices' | 'offer'>): string | undefined {
  if (choices) return choices.join(' ');
  if (offer === 'command') return firstWords().join(' ');
  const folder = offer && FOLDERS[offer];
  return folder && `(command ls ${folder} 2>/dev/null)`;
}
