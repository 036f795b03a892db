// The commands about whole instances.

import { CAPACITY, HOOKS, INSIDE, MSS, NETNS, SLOTS, SPOOFED, UNMAPPED, XDP_MODE } from '../options.ts';
import type { CommandSpec } from '../spec.ts';
import { NAME } from './arguments.ts';

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
      SLOTS,
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
      'Slots, insides that are only unique at their interface: 172.16.0.2%tap7=203.0.113.7.',
      'Nothing has to stay running: all of it lives in the kernel, held by pins in /sys/fs/bpf/tsnat/NAME.',
      'With --replace, mappings and settings that are not given stay as they are.',
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
    load: () => import('../command/attach.ts'),
  },
  {
    name: 'detach',
    summary: 'remove exactly what attach added',
    arguments: [{ ...NAME, optional: true }],
    options: [{ name: 'all', type: 'flag', summary: 'every instance, instead of NAME' }],
    examples: [['detach eth0', 'stop translating on eth0']],
    load: () => import('../command/detach.ts'),
  },
  {
    name: 'status',
    summary: 'show what is attached where, and the counters',
    arguments: [{ ...NAME, optional: true }],
    options: [],
    notes: ['Exit status 1 when an instance is not whole; what is wrong with it is named.'],
    examples: [['status', 'every instance']],
    load: () => import('../command/status.ts'),
  },
];
