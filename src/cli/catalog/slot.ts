// The commands about the slots of an instance.

import type { ArgumentSpec, CommandSpec, OptionSpec } from '../spec.ts';
import { NAME } from './arguments.ts';

const SLOTS: ArgumentSpec = { name: 'SLOT', repeat: true, offer: 'interface' };
const BINDINGS: ArgumentSpec = { name: 'SLOT=OUT', repeat: true };
const QUARANTINE: OptionSpec = {
  name: 'quarantine',
  type: 'count',
  range: [1, 31_536_000],
  value: 'SECONDS',
  summary: 'for so long the outside that is given up reaches nobody, and nobody gets it',
};
const SLOT_NOTE = 'SLOT is the name of its interface, or INSIDE%INTERFACE where that has several.';
const ALL_NOTE = 'Either all is done or nothing.';

export const SLOT_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'slot reserve',
    summary: 'make slots: insides that are only unique on their interface',
    arguments: [NAME, { name: 'IN%PATTERN', repeat: true }],
    options: [
      {
        name: 'count',
        type: 'count',
        value: 'N',
        summary: 'so many of the interfaces that each PATTERN matches, or none',
      },
      {
        name: 'station',
        type: 'text',
        value: 'MAC',
        summary: 'what the slots are reached by; needed on ports of a bridge (the kernel asks)',
      },
      {
        name: 'any-source',
        type: 'flag',
        summary: 'let what has another source pass, instead of dropping it',
      },
      {
        name: 'deny-link-local',
        type: 'flag',
        summary: 'drop what goes to link-local addresses, metadata services among them',
      },
      {
        name: 'allow',
        type: 'text',
        value: 'PREFIX',
        repeat: true,
        summary: 'drop what goes to anything but this',
      },
    ],
    notes: [
      'PATTERN is the name of an interface in the network namespace of the instance, or one with * and ? in it, which',
      'takes all that match and have no such slot yet, tap2 before tap10. Quote it, or the shell may read it.',
      'What a slot sends is dropped until it is bound. Its interface needs no address, and no route leads to it.',
      'A slot whose interface was made anew is reserved again to take the new one; its outside stays with it.',
      ALL_NOTE,
    ],
    examples: [
      ["slot reserve eth0 '172.16.0.2%tap*'", 'a slot on every tap'],
      ["slot reserve eth0 '172.16.0.2%tap*' --count 100 --deny-link-local", 'on a hundred of them'],
      ['slot reserve eth0 172.16.0.2%tap7 fd00::2%tap7', 'both families on one'],
      ['slot reserve eth0 172.16.0.2%vm3 --station 52:54:00:12:34:56', 'on a port of a bridge'],
    ],
    load: () => import('../command/slot-reserve.ts'),
  },
  {
    name: 'slot bind',
    summary: 'give slots their outside addresses',
    arguments: [NAME, BINDINGS],
    options: [],
    notes: ['One write into a map, however many; nothing else of the machine changes.', SLOT_NOTE, ALL_NOTE],
    examples: [
      ['slot bind eth0 tap7=203.0.113.7', 'what sits on tap7 is 203.0.113.7 outside'],
      ['slot bind eth0 172.16.0.2%tap7=203.0.113.7 fd00::2%tap7=2001:db8::7', 'in both families'],
    ],
    load: () => import('../command/slot-bind.ts'),
  },
  {
    name: 'slot rebind',
    summary: 'give bound slots other outside addresses',
    arguments: [NAME, BINDINGS],
    options: [QUARANTINE],
    notes: ['Each packet meets the old outside or the new one.', SLOT_NOTE, ALL_NOTE],
    examples: [['slot rebind eth0 tap7=203.0.113.8 --quarantine 60', 'nobody gets the old one for a minute']],
    load: () => import('../command/slot-rebind.ts'),
  },
  {
    name: 'slot release',
    summary: 'take slots their outside addresses; they stay reserved',
    arguments: [NAME, SLOTS],
    options: [QUARANTINE],
    notes: [SLOT_NOTE, ALL_NOTE],
    examples: [['slot release eth0 tap7 --quarantine 60', 'late packets of its tenant reach nobody']],
    load: () => import('../command/slot-release.ts'),
  },
  {
    name: 'slot list',
    summary: 'show the slots, what each is bound to, and what went by it',
    arguments: [NAME],
    options: [],
    notes: [
      'A stale slot is one whose interface is gone or another than it was; what to do is said with it.',
      'Counters begin anew with each bind.',
    ],
    examples: [['slot list eth0 --json', 'for a script']],
    load: () => import('../command/slot-list.ts'),
  },
  {
    name: 'slot remove',
    summary: 'give slots up, bound or not',
    arguments: [NAME, SLOTS],
    options: [],
    notes: ['An interface that has no slot any more is as it was before the first.', SLOT_NOTE, ALL_NOTE],
    examples: [['slot remove eth0 tap7 tap8', 'these are no slots any more']],
    load: () => import('../command/slot-remove.ts'),
  },
];
