// An instance's state as text for people and as JSON for programs.

import type { InstanceStatus, XdpState } from '../nat/instance/types.ts';
import type { InstancePolicy } from '../nat/policy.ts';
import { formatPrefix, type Prefix } from '../nat/prefix.ts';
import { DIRECTIONS, type Direction, type Fate, type Policy, REASONS } from '../nat/reason.ts';
import type { Output } from './output.ts';
import { counted, grouped, readableBytes, table } from './table.ts';

/** `interface eth0 (index 4) in namespace gw, hook tcx, 2 mappings` */
export function placeOf(status: InstanceStatus): string {
  const { ifindex, netns } = status;
  const where = netns === undefined ? '' : ` in namespace ${netns}`;
  return `interface ${status.interface} (index ${ifindex})${where}, hook ${hookText(status)}, ${counted(status.mappings, 'mapping')}`;
}

/** `tcx`, `tcx and native xdp with lan0`, `tcx and native xdp for slots`, or `tcx and redirect with lan0` */
function hookText({ hook, xdp, redirect }: InstanceStatus): string {
  if (redirect !== undefined) return `${hook} and redirect with ${redirect.inside.join(' ')}`;
  if (xdp === undefined) return hook;
  return `${hook} and ${xdp.mode} xdp ${xdp.inside.length === 0 ? 'for slots' : `with ${xdp.inside.join(' ')}`}`;
}

/** What native XDP costs on these interfaces; undefined where nothing. */
export const slowXdp = ({ mode, veths }: XdpState): string | undefined =>
  mode === 'generic' || veths.length === 0
    ? undefined
    : `native XDP on ${veths.join(', ')}: what is at the other end of a veth then sends no super-packets, and TCP that leaves checksums to the device gets slower`;

/** The same as JSON: what a mapping file has a way to write is written that way. */
export function statusJson(status: InstanceStatus): object {
  const { outbound, inbound } = status.unmapped;
  return {
    ...status,
    unmapped: outbound === inbound ? outbound : status.unmapped,
    include: status.include.map(formatPrefix),
    exclude: status.exclude.map(formatPrefix),
  };
}

const OUTCOMES: { readonly [F in Exclude<Fate, 'policy' | 'spoofed'>]: string } = {
  pass: 'passed',
  drop: 'dropped',
  turn: 'turned round',
};

/** Two fates are settings of the instance. */
function outcomeOf({ unmapped, spoofed }: InstancePolicy, direction: Direction, fate: Fate): string {
  if (fate === 'policy') return OUTCOMES[unmapped[direction]];
  return OUTCOMES[fate === 'spoofed' ? spoofed : fate];
}

/** Everything about an instance, in a few small tables. */
export function statusText(status: InstanceStatus, output: Output): string {
  const { name, ifindex, netns, link, programs, mappings, capacity, healthy, problems } = status;
  const ids = DIRECTIONS.flatMap((direction) => {
    const program = programs[direction];
    return program ? [`${direction} ${program.id} (tag ${program.tag})`] : [];
  });
  const facts: [string, string][] = [
    [
      'interface',
      `${status.interface} (index ${ifindex})${netns === undefined ? '' : ` in namespace ${netns}`}`,
    ],
    ['hook', `${hookText(status)}${link === 'none' ? ', no link layer header' : ''}`],
    ['programs', ids.join(', ') || 'none'],
    ...policyFacts(status),
    [
      'mappings',
      `${grouped(mappings)}, room for ${counted(capacity, 'address', 'addresses')} of each family`,
    ],
  ];
  facts.push(...slotFacts(status), ...tunnelFacts(status));
  const width = Math.max(...facts.map(([label]) => label.length));
  return [
    `${output.bold(name)}: ${healthy ? 'attached' : output.alarm('not whole')}\n`,
    ...problems.map((problem) => `  ${output.alarm('problem')}: ${problem}\n`),
    ...facts.map(([label, value]) => `  ${label.padEnd(width)}  ${value}\n`),
    '\n',
    indented(translatedTable(status, output)),
    indented(reasonsTable(status, output)),
  ].join('');
}

/** Where there are none, and they would be translated where they usually are, there is nothing to say. */
function slotFacts({ slots: { place, bound, reserved, xdp } }: InstanceStatus): [string, string][] {
  if (place === 'device' && bound + reserved === 0) return [];
  const where =
    place === 'device' ? 'translated at their own interfaces' : 'translated at the outside interface';
  const byXdp = xdp === undefined ? '' : `; XDP delivers to ${grouped(xdp.delivered)} of them`;
  return [['slots', `${grouped(bound)} bound, ${grouped(reserved)} reserved, ${where}${byXdp}`]];
}

const tunnelFacts = ({ tunnels }: InstanceStatus): [string, string][] =>
  tunnels === undefined
    ? []
    : [['tunnels', `${grouped(tunnels.bound)} bound, ${grouped(tunnels.reserved)} reserved`]];

/** What is as it always is goes without saying, except for what leaks. */
function policyFacts({ unmapped, spoofed, mss, include, exclude }: InstancePolicy): [string, string][] {
  const list = (name: string, prefixes: readonly Prefix[]): [string, string][] =>
    prefixes.length === 0 ? [] : [[name, prefixesText(prefixes)]];
  return [
    ['unmapped', unmappedText(unmapped)],
    ...(spoofed === 'drop' ? [] : [['spoofed', spoofed] satisfies [string, Policy]]),
    ...(mss === undefined ? [] : [['mss', String(mss)] satisfies [string, string]]),
    ...list('include', include),
    ...list('exclude', exclude),
  ];
}

/** As `--unmapped` takes it. */
export const unmappedText = ({ outbound, inbound }: InstancePolicy['unmapped']): string =>
  outbound === inbound ? outbound : `outbound=${outbound},inbound=${inbound}`;

export const prefixesText = (prefixes: readonly Prefix[]): string => prefixes.map(formatPrefix).join(' ');

function translatedTable({ translated }: InstanceStatus, output: Output): string {
  return table(
    [{ heading: 'translated' }, { heading: 'packets', align: 'right' }, { heading: 'bytes', align: 'right' }],
    DIRECTIONS.map((direction) => {
      const { packets, bytes } = translated[direction];
      return [direction, grouped(packets), readableBytes(bytes)];
    }),
    (heading) => output.bold(heading),
  );
}

/** Reasons that have occurred; empty where none has. */
function reasonsTable(status: InstanceStatus, output: Output): string {
  const rows = DIRECTIONS.flatMap((direction) =>
    REASONS.flatMap(({ name, fate, meaning }) => {
      const packets = status.reasons[direction][name];
      const outcome = outcomeOf(status, direction, fate);
      return packets === 0n ? [] : [[direction, grouped(packets), outcome, name, meaning]];
    }),
  );
  if (rows.length === 0) return '';
  const text = table(
    [
      { heading: 'not just translated' },
      { heading: 'packets', align: 'right' },
      { heading: 'outcome' },
      { heading: 'reason' },
      { heading: 'meaning' },
    ],
    rows,
    (heading) => output.bold(heading),
  );
  return `\n${text}`;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
