// Options that every command has or several share, and the values that some can take. What the model knows as well is
// said again, held to it by its type: the model is not loaded for every command line.

import type { StageName } from '../asm/index.ts';
import type { LEAST_MSS, MOST_MSS } from '../nat/policy.ts';
import type { USES } from '../nat/uses.ts';
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
/** As the assembler's own STAGES. */
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
const KINDS: typeof USES = [
  'addresses',
  'prefixes',
  'ports',
  'addresses6',
  'prefixes6',
  'ports6',
  'neutral6',
  'destinations',
  'destinations6',
  'slots',
  'slots6',
  'slot_lists',
  'slot_lists6',
  'tunnels',
  'tunnels6',
  'tunnel_inner',
];
const MSS_RANGE: readonly [least: typeof LEAST_MSS, most: typeof MOST_MSS] = [536, 65_495];
export const HOOKS: readonly ['auto', 'tcx', 'clsact', 'xdp'] = ['auto', 'tcx', 'clsact', 'xdp'];
export const XDP_MODES: readonly ['auto', 'native', 'generic'] = ['auto', 'native', 'generic'];
export const POLICIES: readonly ['pass', 'drop'] = ['pass', 'drop'];
export const SHELLS: readonly ['bash', 'zsh', 'fish'] = ['bash', 'zsh', 'fish'];
export const ISA_LEVELS: readonly ['1', '2', '3', '4'] = ['1', '2', '3', '4'];
/** Where slots are translated. */
export const SLOT_PLACES: readonly ['device', 'uplink'] = ['device', 'uplink'];
/** What packets begin with on an interface. */
export const LINKS: readonly ['ethernet', 'none'] = ['ethernet', 'none'];

export const ONLY: OptionSpec = {
  name: 'only',
  type: 'text',
  value: 'SYMBOL',
  summary: 'of an object file, this program alone',
};
export const NETNS: OptionSpec = {
  name: 'netns',
  type: 'text',
  value: 'NETNS',
  offer: 'netns',
  summary: 'the network namespace IFACE is in, by name',
};
export const UNMAPPED: OptionSpec = {
  name: 'unmapped',
  type: 'text',
  value: 'POLICY',
  choices: POLICIES,
  also: {
    form: 'outbound=P,inbound=P',
    pattern: /^(outbound|inbound)=(?:pass|drop),(?!\1)(?:outbound|inbound)=(?:pass|drop)$/,
  },
  summary: 'what becomes of packets that no mapping names (pass)',
};
export const SPOOFED: OptionSpec = {
  name: 'spoofed',
  type: 'text',
  value: 'POLICY',
  choices: POLICIES,
  summary: 'and of those that leave with an outside as their own (drop)',
};
export const MSS: OptionSpec = {
  name: 'mss',
  type: 'count',
  range: MSS_RANGE,
  value: 'N',
  summary: 'greatest TCP segment that may be announced (as it is)',
};
export const SLOTS: OptionSpec = {
  name: 'slots',
  type: 'text',
  value: 'PLACE',
  choices: SLOT_PLACES,
  summary: 'where slots are translated: their devices, or IFACE (device)',
};
export const CAPACITY: OptionSpec = {
  name: 'capacity',
  type: 'count',
  value: 'N',
  summary: 'most address mappings of each family (65536)',
};
const ISA: OptionSpec = {
  name: 'isa',
  type: 'text',
  value: 'LEVEL',
  choices: ISA_LEVELS,
  summary: 'no instructions newer than this level has (4)',
};
const USED: OptionSpec = {
  name: 'uses',
  type: 'text',
  value: 'KIND',
  choices: ['all', ...KINDS],
  repeat: true,
  summary: 'what the programs can do besides IPv4 addresses',
};
const LINK: OptionSpec = {
  name: 'link',
  type: 'text',
  value: 'LINK',
  choices: LINKS,
  summary: 'what packets begin with: a link header or none (ethernet)',
};
export const INSIDE: OptionSpec = {
  name: 'inside',
  type: 'text',
  value: 'IFACE',
  repeat: true,
  offer: 'interface',
  summary: 'with redirect or xdp: an interface of the inside; slots are without',
};
export const REDIRECT: OptionSpec = {
  name: 'redirect',
  type: 'flag',
  summary: 'send on what can be past the stack, between IFACE and --inside',
};
export const NO_REDIRECT: OptionSpec = {
  name: 'no-redirect',
  type: 'flag',
  summary: 'with --replace: no longer',
};
export const XDP_MODE: OptionSpec = {
  name: 'xdp-mode',
  type: 'text',
  value: 'MODE',
  choices: XDP_MODES,
  summary: 'with xdp: native, generic, or the better one (auto)',
};
/** What the programs of the datapath are made to be, and nothing of an object file. */
export const OF_THE_DATAPATH: readonly OptionSpec[] = [USED, UNMAPPED, SPOOFED, MSS, LINK, CAPACITY, ISA];
