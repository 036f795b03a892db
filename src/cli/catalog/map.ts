// The commands about the mappings of an instance.

import type { CommandSpec } from '../spec.ts';
import { NAME } from './arguments.ts';

export const MAP_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'map add',
    summary: 'add mappings to a running instance',
    arguments: [NAME, { name: 'IN=OUT', repeat: true }],
    options: [],
    notes: ['Either all are added or none.'],
    examples: [
      ['map add eth0 10.0.0.6=203.0.113.6', 'translate one more address'],
      ['map add eth0 10.0.0.6:8080/tcp=203.0.113.9:80/tcp', 'and a port'],
      ['map add eth0 172.16.0.2%tap7=203.0.113.7', 'and the slot at tap7, whoever else has its inside'],
    ],
    load: () => import('../command/map-add.ts'),
  },
  {
    name: 'map del',
    summary: 'delete mappings by their insides',
    arguments: [NAME, { name: 'IN', repeat: true }],
    options: [],
    notes: ['IN is what stands left of = in the mapping. Either all are deleted or none.'],
    examples: [
      ['map del eth0 10.0.0.6', 'translate it no longer'],
      ['map del eth0 10.0.0.6:8080/tcp 10.1.0.0/16 172.16.0.2%tap7', 'nor these'],
    ],
    load: () => import('../command/map-del.ts'),
  },
  {
    name: 'map list',
    summary: 'show the mappings and what each has translated',
    arguments: [NAME],
    options: [],
    examples: [['map list eth0 --json', 'for a script']],
    load: () => import('../command/map-list.ts'),
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
    load: () => import('../command/map-replace.ts'),
  },
];
