// An instance's state as text for people. As JSON it is the plain data of src/nat/instance/types.ts.

import { formatIpv4 } from '../nat/address.ts';
import type { InstanceStatus, MappingState } from '../nat/instance/types.ts';
import type { Mapping } from '../nat/mapping.ts';
import { DIRECTIONS, type Fate, REASONS } from '../nat/reason.ts';
import type { Output } from './output.ts';
import { counted, grouped, readableBytes, table } from './table.ts';

/** `interface eth0 (index 4) in namespace gw, hook tcx, 2 mappings` */
export function placeOf(status: InstanceStatus): string {
  const { ifindex, netns, hook } = status;
  const where = netns === undefined ? '' : ` in namespace ${netns}`;
  return `interface ${status.interface} (index ${ifindex})${where}, hook ${hook}, ${counted(status.mappings, 'mapping')}`;
}

const OUTCOMES: { readonly [F in Fate]: string } = {
  pass: 'passed',
  drop: 'dropped',
  answer: 'answered',
  policy: '',
};

/** Everything about an instance, in a few small tables. */
export function statusText(status: InstanceStatus, output: Output): string {
  const { name, ifindex, netns, hook, unmapped, programs, mappings, capacity, healthy, problems } = status;
  const ids = DIRECTIONS.flatMap((direction) => {
    const program = programs[direction];
    return program ? [`${direction} ${program.id} (tag ${program.tag})`] : [];
  });
  const facts: [string, string][] = [
    [
      'interface',
      `${status.interface} (index ${ifindex})${netns === undefined ? '' : ` in namespace ${netns}`}`,
    ],
    ['hook', hook],
    ['programs', ids.join(', ') || 'none'],
    ['unmapped', unmapped],
    ['mappings', `${grouped(mappings)} of ${grouped(capacity)}`],
  ];
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
function reasonsTable({ reasons, unmapped }: InstanceStatus, output: Output): string {
  const rows = DIRECTIONS.flatMap((direction) =>
    REASONS.flatMap(({ name, fate, meaning }) => {
      const packets = reasons[direction][name];
      const outcome = OUTCOMES[fate] || OUTCOMES[unmapped];
      return packets === 0n ? [] : [[direction, grouped(packets), outcome, name, meaning]];
    }),
  );
  if (rows.length === 0) return '';
  const text = table(
    [
      { heading: 'not translated' },
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

/** A mapping as it appears in JSON. */
export function mappingJson({ inside, outside }: Mapping): { inside: string; outside: string } {
  return { inside: formatIpv4(inside), outside: formatIpv4(outside) };
}

export function mappingsTable(states: readonly MappingState[], output: Output): string {
  return table(
    [
      { heading: 'inside' },
      { heading: 'outside' },
      { heading: 'packets out', align: 'right' },
      { heading: 'bytes out', align: 'right' },
      { heading: 'packets in', align: 'right' },
      { heading: 'bytes in', align: 'right' },
    ],
    states.map(({ mapping, outbound, inbound }) => [
      formatIpv4(mapping.inside),
      formatIpv4(mapping.outside),
      grouped(outbound.packets),
      readableBytes(outbound.bytes),
      grouped(inbound.packets),
      readableBytes(inbound.bytes),
    ]),
    (heading) => output.bold(heading),
  );
}
