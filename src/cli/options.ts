// Options that several commands have, and the values that are offered for them.

import type { StageName } from '../asm/index.ts';
import type { OptionSpec } from './spec.ts';

/** Understood by every command. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: 'json', type: 'flag', summary: 'print one JSON document on stdout' },
  { name: 'verbose', type: 'flag', summary: "when it fails, say all: causes, the verifier's whole log" },
  {
    name: 'bpffs',
    type: 'text',
    value: 'DIR',
    offer: 'file',
    summary: 'folder on a bpffs for the pins (TSNAT_BPFFS, /sys/fs/bpf)',
  },
  { name: 'help', short: 'h', type: 'flag', summary: 'show this help' },
];

/** How a program may be called; each means a direction. */
export const PROGRAM_NAMES: Readonly<Record<string, 'outbound' | 'inbound'>> = {
  egress: 'outbound',
  ingress: 'inbound',
  outbound: 'outbound',
  inbound: 'inbound',
};

export const FORMATS: readonly ['asm', 'hex', 'c', 'json', 'elf'] = ['asm', 'hex', 'c', 'json', 'elf'];
/** As the assembler's own STAGES, which is not loaded for every command line. */
export const STAGES: readonly StageName[] = [
  'record',
  'check',
  'simplify',
  'split',
  'lower',
  'allocate',
  'arrange',
  'emit',
];
export const HOOKS: readonly ['auto', 'tcx', 'clsact'] = ['auto', 'tcx', 'clsact'];
export const POLICIES: readonly ['pass', 'drop'] = ['pass', 'drop'];
export const SHELLS: readonly ['bash', 'zsh', 'fish'] = ['bash', 'zsh', 'fish'];
export const ISA_LEVELS: readonly ['1', '2', '3', '4'] = ['1', '2', '3', '4'];

export const UNMAPPED: OptionSpec = {
  name: 'unmapped',
  type: 'text',
  value: 'POLICY',
  choices: POLICIES,
  summary: 'what becomes of packets that no mapping names (pass)',
};
export const CAPACITY: OptionSpec = {
  name: 'capacity',
  type: 'count',
  value: 'N',
  summary: 'most mappings it can hold (65536)',
};
