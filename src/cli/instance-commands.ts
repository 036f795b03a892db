// Commands about instances: what is translated, where.

import { CAPACITY, HOOKS, UNMAPPED } from './options.ts';
import type { ArgumentSpec, CommandSpec } from './spec.ts';

const NAME: ArgumentSpec = { name: 'NAME', offer: 'instance' };

export const INSTANCE_COMMANDS: readonly CommandSpec[] = [
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
        summary: 'inside address IN is outside address OUT',
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
      {
        name: 'netns',
        type: 'text',
        value: 'NETNS',
        offer: 'netns',
        summary: 'the network namespace IFACE is in, by name',
      },
      UNMAPPED,
      CAPACITY,
      { name: 'replace', type: 'flag', summary: 'swap the programs of a running instance, losing no packet' },
    ],
    notes: [
      'IFACE is the outside interface. It may come from the file instead; two that differ are refused.',
      'For everything else the command line wins over the file. Mappings of both are taken together.',
      'Nothing has to stay running: all of it lives in the kernel, held by pins in /sys/fs/bpf/tsnat/NAME.',
      'With --replace and no mappings given, the mappings stay as they are.',
    ],
    examples: [
      ['attach eth0 --map 10.0.0.5=203.0.113.5', '10.0.0.5 is 203.0.113.5 beyond eth0'],
      ['attach --file nat.yaml', 'interface and mappings from a file'],
      ['attach wan --netns gw --unmapped drop', 'in a namespace; nothing leaves untranslated'],
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
    examples: [['map add eth0 10.0.0.6=203.0.113.6', 'translate one more address']],
    load: () => import('./command/map-add.ts'),
  },
  {
    name: 'map del',
    summary: 'delete mappings by their inside address',
    arguments: [NAME, { name: 'IN', repeat: true }],
    options: [],
    notes: ['Either all are deleted or none.'],
    examples: [['map del eth0 10.0.0.6', 'translate it no longer']],
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
];
