// The commands about the machine, the shell, and the commands themselves.

import { NETNS, SHELLS } from '../options.ts';
import type { CommandSpec } from '../spec.ts';

export const MACHINE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'doctor',
    summary: 'can this machine do it, and if not, what is missing',
    arguments: [{ name: 'IFACE', optional: true, offer: 'interface' }],
    options: [NETNS],
    notes: [
      'Looks, and changes nothing. With IFACE also at the interface, and whether packets are forwarded.',
      'Exit status 1 when something that is needed is missing.',
    ],
    examples: [
      ['doctor', 'the kernel, privileges, the place for pins'],
      ['doctor eth0', 'also the interface: settings, offloads, who else is on it'],
    ],
    load: () => import('../command/doctor.ts'),
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
    load: () => import('../command/completion.ts'),
  },
  {
    name: 'help',
    summary: 'show how a command is used',
    arguments: [{ name: 'COMMAND', optional: true, repeat: true, offer: 'command' }],
    options: [],
    examples: [['help attach', 'the same as tsnat attach --help']],
    load: () => import('../command/help.ts'),
  },
];
