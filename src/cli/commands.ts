// The one table of commands. Parsing, help and shell completion are all made from it.

import { INSTANCE_COMMANDS } from './instance-commands.ts';
import { SHELLS } from './options.ts';
import { PROGRAM_COMMANDS } from './program-commands.ts';
import type { CommandSpec } from './spec.ts';

export const COMMANDS: readonly CommandSpec[] = [
  ...INSTANCE_COMMANDS,
  ...PROGRAM_COMMANDS,
  {
    name: 'doctor',
    summary: 'can this machine do it, and if not, what is missing',
    arguments: [{ name: 'IFACE', optional: true, offer: 'interface' }],
    options: [
      {
        name: 'netns',
        type: 'text',
        value: 'NETNS',
        offer: 'netns',
        summary: 'look into this network namespace',
      },
    ],
    notes: [
      'Looks, and changes nothing. With IFACE also at the interface, and whether packets are forwarded.',
      'Exit status 1 when something that is needed is missing.',
    ],
    examples: [
      ['doctor', 'the kernel, privileges, the place for pins'],
      ['doctor eth0', 'also the interface: settings, offloads, who else is on it'],
    ],
    load: () => import('./command/doctor.ts'),
  },
  {
    name: 'completion',
    summary: 'print the completion script of a shell',
    arguments: [{ name: 'SHELL', choices: SHELLS }],
    options: [],
    examples: [
      ['completion bash > /etc/bash_completion.d/tsnat', 'for bash'],
      ['completion zsh > /usr/local/share/zsh/site-functions/_tsnat', 'for zsh'],
      ['completion fish > ~/.config/fish/completions/tsnat.fish', 'for fish'],
    ],
    load: () => import('./command/completion.ts'),
  },
  {
    name: 'help',
    summary: 'show how a command is used',
    arguments: [{ name: 'COMMAND', optional: true, repeat: true, offer: 'command' }],
    options: [],
    examples: [['help attach', 'the same as tsnat attach --help']],
    load: () => import('./command/help.ts'),
  },
];

/** First words that need a second: `map`. */
export const GROUPS: readonly string[] = [
  ...new Set(COMMANDS.filter(({ name }) => name.includes(' ')).map(({ name }) => name.split(' ')[0]!)),
];

export function findCommand(name: string): CommandSpec | undefined {
  return COMMANDS.find((command) => command.name === name);
}
