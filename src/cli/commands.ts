// The one table of commands. Parsing, help and shell completion are all made from it.

import {
  CAPACITY,
  FORMATS,
  HOOKS,
  INSIDE,
  MSS,
  NETNS,
  NO_REDIRECT,
  OF_THE_DATAPATH,
  ONLY,
  PROGRAM_NAMES,
  REDIRECT,
  SHELLS,
  SPOOFED,
  STAGES,
  UNMAPPED,
  XDP_MODE,
} from './options.ts';
import type { ArgumentSpec, CommandSpec } from './spec.ts';

const NAME: ArgumentSpec = { name: 'NAME', offer: 'instance' };
const PROGRAM: ArgumentSpec = {
  name: 'PROGRAM',
  optional: true,
  choices: Object.keys(PROGRAM_NAMES),
  object: true,
};
const PROGRAM_NOTES = [
  'PROGRAM is egress (also: outbound) or ingress (also: inbound); both where left out.',
  'It may be an object file as well, such as clang makes: whatever has a slash in it or ends in .o.',
];

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'attach',
    summary: 'translate on an interface from now on',
    arguments: [{ name: 'IFACE', optional: true, offer: 'interface' }],
    options: [
      {
        name: 'map',
        type: 'text',
        value: 'IN=OUT',
        repeat: true,
        summary: 'inside IN is outside OUT',
      },
      {
        name: 'file',
        type: 'text',
        value: 'FILE',
        offer: 'file',
        summary: 'mappings and settings from a YAML or JSON file',
      },
      { name: 'name', type: 'text', value: 'NAME', summary: 'name of the instance (IFACE)' },
      {
        name: 'hook',
        type: 'text',
        value: 'HOOK',
        choices: HOOKS,
        summary: 'where in the kernel (auto: tcx if it has that)',
      },
      REDIRECT,
      NO_REDIRECT,
      INSIDE,
      XDP_MODE,
      NETNS,
      UNMAPPED,
      SPOOFED,
      {
        name: 'include',
        type: 'text',
        value: 'PREFIX',
        repeat: true,
        summary: 'translate only traffic with these other ends',
      },
      {
        name: 'exclude',
        type: 'text',
        value: 'PREFIX',
        repeat: true,
        summary: 'leave traffic with these as it is',
      },
      MSS,
      CAPACITY,
      { name: 'replace', type: 'flag', summary: 'swap the programs of a running instance, losing no packet' },
    ],
    notes: [
      'IFACE is the outside interface. It may come from the file instead; two that differ are refused.',
      'For everything else the command line wins over the file. Mappings of both are taken together, and so are',
      'includes and excludes. Of those two the longest prefix decides.',
      'Mappings: 10.0.0.5=203.0.113.5, fd00::5=2001:db8::5, 10.1.0.0/16=100.64.0.0/16,',
      '10.0.0.6:8080/tcp=203.0.113.9:80/tcp, [fd00::7]:1024-2047=[2001:db8::9]:1024-2047, and prefixes that are',
      'checksum-neutral: fd00:1::/48=2001:db8:1::/48,neutral. Where they nest the narrowest goes first.',
      'Nothing has to stay running: all of it lives in the kernel, held by pins in /sys/fs/bpf/tsnat/NAME.',
      'With --replace, mappings and settings that are not given stay as they are.',
      '--redirect takes packets between IFACE and the interfaces named by --inside past the stack, and past its firewall,',
      'on TC, where it can; what it leaves is translated as without it (docs/redirect.md).',
      'Hook xdp is auto, and XDP on top of it: most packets between IFACE and the interfaces named by --inside',
      'go past the stack, and past its firewall. What XDP leaves is translated as without it (docs/xdp.md).',
    ],
    examples: [
      ['attach eth0 --map 10.0.0.5=203.0.113.5', '10.0.0.5 is 203.0.113.5 beyond eth0'],
      ['attach --file nat.yaml', 'interface and mappings from a file'],
      ['attach wan --netns gw --unmapped drop', 'in a namespace; nothing leaves or enters untranslated'],
      [
        'attach eth0 --file nat.yaml --unmapped outbound=drop,inbound=pass',
        'only what leaves has to be translated',
      ],
    ],
    load: () => import('./command/attach.ts'),
  },
  {
    name: 'detach',
    summary: 'remove exactly what attach added',
    arguments: [{ ...NAME, optional: true }],
    options: [{ name: 'all', type: 'flag', summary: 'every instance, instead of NAME' }],
    examples: [['detach eth0', 'stop translating on eth0']],
    load: () => import('./command/detach.ts'),
  },
  {
    name: 'map add',
    summary: 'add mappings to a running instance',
    arguments: [NAME, { name: 'IN=OUT', repeat: true }],
    options: [],
    notes: ['Either all are added or none.'],
    examples: [
      ['map add eth0 10.0.0.6=203.0.113.6', 'translate one more address'],
      ['map add eth0 10.0.0.6:8080/tcp=203.0.113.9:80/tcp', 'and a port'],
    ],
    load: () => import('./command/map-add.ts'),
  },
  {
    name: 'map del',
    summary: 'delete mappings by their insides',
    arguments: [NAME, { name: 'IN', repeat: true }],
    options: [],
    notes: ['IN is what stands left of = in the mapping. Either all are deleted or none.'],
    examples: [
      ['map del eth0 10.0.0.6', 'translate it no longer'],
      ['map del eth0 10.0.0.6:8080/tcp 10.1.0.0/16', 'nor these'],
    ],
    load: () => import('./command/map-del.ts'),
  },
  {
    name: 'map list',
    summary: 'show the mappings and what each has translated',
    arguments: [NAME],
    options: [],
    examples: [['map list eth0 --json', 'for a script']],
    load: () => import('./command/map-list.ts'),
  },
  {
    name: 'map replace',
    summary: 'make the mappings exactly those of a file',
    arguments: [NAME, { name: 'FILE', offer: 'file' }],
    options: [],
    notes: [
      'Each packet meets either the old mappings or the new ones, in both directions from the same moment on.',
      'Mappings that stay keep their counters.',
    ],
    examples: [['map replace eth0 nat.yaml', 'no more and no less than what nat.yaml says']],
    load: () => import('./command/map-replace.ts'),
  },
  {
    name: 'status',
    summary: 'show what is attached where, and the counters',
    arguments: [{ ...NAME, optional: true }],
    options: [],
    notes: ['Exit status 1 when an instance is not whole; what is wrong with it is named.'],
    examples: [['status', 'every instance']],
    load: () => import('./command/status.ts'),
  },
  {
    name: 'dump',
    summary: 'print the programs; needs no privilege',
    arguments: [PROGRAM],
    options: [
      { name: 'format', type: 'text', value: 'FORMAT', choices: FORMATS, summary: 'how (asm)' },
      {
        name: 'stage',
        type: 'text',
        value: 'STAGE',
        choices: STAGES,
        summary: 'as this leaves them',
      },
      { name: 'output', short: 'o', type: 'text', value: 'FILE', offer: 'file', summary: 'into a file' },
      ONLY,
      ...OF_THE_DATAPATH,
    ],
    notes: [
      ...PROGRAM_NOTES,
      '--json is short for --format json.',
      'Stages are for people to read; v0, v1, ... are values before they have registers.',
      'An object (elf) loads with bpftool, tc, ip and libbpf. tc takes its first program: make one for each.',
    ],
    examples: [
      ['dump egress', 'the program of the way out, with its TypeScript lines'],
      ['dump ingress --format c -o ingress.h', 'as a C array'],
      [
        'dump egress --format elf -o egress.o',
        'for tc filter add dev eth0 egress bpf da obj egress.o sec tc',
      ],
      ['dump egress --stage allocate', 'which value is in which register'],
      ['dump filter.bpf.o --only ingress', "a program of somebody else's, with its C lines"],
    ],
    load: () => import('./command/dump.ts'),
  },
  {
    name: 'verify',
    summary: "put the programs through this kernel's verifier, without attaching",
    arguments: [PROGRAM],
    options: [ONLY, ...OF_THE_DATAPATH],
    notes: PROGRAM_NOTES,
    examples: [
      ['verify --uses all', 'does this kernel take both, whatever is mapped?'],
      ['verify filter.bpf.o', "does it take somebody else's?"],
    ],
    load: () => import('./command/verify.ts'),
  },
  {
    name: 'run',
    summary: 'run a program of an object file on packets in the interpreter; needs no privilege',
    arguments: [{ name: 'FILE', offer: 'file' }],
    options: [
      {
        name: 'packet',
        type: 'text',
        value: 'HEX',
        repeat: true,
        summary: 'bytes of a packet, from the link layer on; @PATH reads them from a file',
      },
      { name: 'only', type: 'text', value: 'SYMBOL', summary: 'the program, where FILE has several' },
      {
        name: 'limit',
        type: 'count',
        value: 'N',
        summary: 'most instructions a packet may take (100000000)',
      },
      { name: 'trace', type: 'flag', summary: 'every instruction on stderr, with its line and registers' },
      {
        name: 'lcov',
        type: 'text',
        value: 'FILE',
        offer: 'file',
        summary: 'the coverage of lines and branches, for genhtml',
      },
    ],
    notes: [
      'Packets run one after the other, on the same maps; without --packet one of 64 zero bytes runs.',
      '--json holds what is in the maps afterwards, too.',
      'Exit status 1 when the program does what no program may; the line that does it is named.',
    ],
    examples: [
      ['run filter.bpf.o --packet ffffffffffff0242ac1100020806', 'what becomes of this packet?'],
      ['run filter.bpf.o --packet @syn.bin --trace', 'why?'],
    ],
    load: () => import('./command/run.ts'),
  },
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
