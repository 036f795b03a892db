// The commands about the tunnel slots of an instance.

import type { TunnelKind, TunnelMark } from '../../nat/tunnel-layout.ts';
import type { ArgumentSpec, CommandSpec, OptionSpec } from '../spec.ts';
import { NAME } from './arguments.ts';

const SLOT: ArgumentSpec = { name: 'SLOT' };
const OUTSIDE: OptionSpec = {
  name: 'outside',
  type: 'text',
  value: 'ADDRESS',
  repeat: true,
  summary: "what the other end knows the slot's inside by (itself)",
};

/** As the layout's, which is not loaded for every command line. */
export const TUNNEL_KIND_NAMES: readonly TunnelKind[] = ['vxlan', 'geneve'];
/** As the layout's, too. */
export const TUNNEL_MARK_NAMES: readonly TunnelMark[] = ['remote', 'local', 'inner', 'vni'];

export const VNI_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'vni reserve',
    summary: 'make tunnel slots: tunnels whose VNI is decided late',
    arguments: [NAME, { name: 'PLACEHOLDER', repeat: true }],
    options: [
      {
        name: 'kind',
        type: 'text',
        value: 'KIND',
        choices: TUNNEL_KIND_NAMES,
        summary: 'what they are (vxlan)',
      },
      {
        name: 'port',
        type: 'count',
        range: [1, 0xffff],
        value: 'PORT',
        summary: 'their UDP port (vxlan 4789, geneve 6081)',
      },
      { name: 'remote', type: 'text', value: 'ADDRESS', summary: "the other end's underlay address" },
      { name: 'local', type: 'text', value: 'ADDRESS', summary: "this end's underlay address" },
      {
        name: 'inside',
        type: 'text',
        value: 'ADDRESS',
        repeat: true,
        summary: "the slot's own inner address, one of each family",
      },
      {
        name: 'by',
        type: 'text',
        value: 'MARKS',
        summary: `what tells slots apart: ${TUNNEL_MARK_NAMES.join(', ')} (vni, and what is given)`,
      },
    ],
    notes: [
      'PLACEHOLDER is the VNI that the tunnel has on this host, and what the slot is called by; FIRST-LAST is many.',
      'NAME is the instance on the interface that the tunnels run over. Until a slot is bound nothing leaves it.',
      'Slots that may have the same VNI at the same time need something else that tells them apart: with --by remote',
      'each has a remote of its own, and any VNI does; with --by inner,vni each has an outside of its own.',
    ],
    examples: [
      ['vni reserve eth0 9000001 --remote 192.0.2.7', 'a VXLAN tunnel to 192.0.2.7, made with id 9000001'],
      ['vni reserve eth0 9000001-9004000 --kind geneve --by vni', '4,000 Geneve tunnels to anywhere'],
    ],
    load: () => import('../command/vni-reserve.ts'),
  },
  {
    name: 'vni bind',
    summary: 'give a tunnel slot its VNI',
    arguments: [NAME, SLOT, { name: 'VNI' }],
    options: [OUTSIDE],
    notes: [
      'From one packet to the next, in both directions: what leaves has VNI, and what arrives with it gets in.',
    ],
    examples: [
      ['vni bind eth0 9000001 5001', 'its packets have VNI 5001 on the wire'],
      ['vni bind eth0 9000001 5001 --outside 10.7.0.9', 'and its inside is 10.7.0.9 there'],
    ],
    load: () => import('../command/vni-bind.ts'),
  },
  {
    name: 'vni rebind',
    summary: 'give a bound tunnel slot another VNI',
    arguments: [NAME, SLOT, { name: 'VNI' }],
    options: [OUTSIDE],
    examples: [['vni rebind eth0 9000001 5002', '5002 instead of what it had']],
    load: () => import('../command/vni-rebind.ts'),
  },
  {
    name: 'vni release',
    summary: 'take tunnel slots their VNIs',
    arguments: [NAME, { ...SLOT, repeat: true }],
    options: [],
    notes: ['They stay reserved, and nothing leaves or reaches them.'],
    examples: [['vni release eth0 9000001', 'until it is bound again']],
    load: () => import('../command/vni-release.ts'),
  },
  {
    name: 'vni remove',
    summary: 'give tunnel slots up',
    arguments: [NAME, { ...SLOT, repeat: true }],
    options: [],
    notes: [
      'Remove the tunnel itself first: its packets are those of any tunnel afterwards, and its VNI is what they have.',
    ],
    examples: [['vni remove eth0 9000001-9004000', 'all of them']],
    load: () => import('../command/vni-remove.ts'),
  },
  {
    name: 'vni list',
    summary: 'show tunnel slots, their VNIs and counters',
    arguments: [NAME],
    options: [],
    examples: [['vni list eth0 --json', 'for a script']],
    load: () => import('../command/vni-list.ts'),
  },
];
