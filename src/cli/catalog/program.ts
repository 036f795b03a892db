// The commands about programs: those of instances, and those of object files.

import { FORMATS, OF_THE_DATAPATH, ONLY, PROGRAM_NAMES, STAGES } from '../options.ts';
import type { ArgumentSpec, CommandSpec } from '../spec.ts';

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

export const PROGRAM_COMMANDS: readonly CommandSpec[] = [
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
    load: () => import('../command/dump.ts'),
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
    load: () => import('../command/verify.ts'),
  },
  {
    name: 'run',
    summary: 'interpret a program of an object file on packets; needs no privilege',
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
    load: () => import('../command/run.ts'),
  },
];
