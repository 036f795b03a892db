// Slots as text for people and as JSON for programs (docs/slots.md).

import { formatAddress } from '../nat/address.ts';
import type { QuarantinedOutside, SlotState } from '../nat/instance/slots/types.ts';
import { formatPrefix } from '../nat/prefix.ts';
import type { Output } from './output.ts';
import { counted, grouped, readableBytes, readableTime, table } from './table.ts';

export function slotJson(slot: SlotState): object {
  const { inside, outside, policy } = slot;
  return {
    ...slot,
    inside: formatAddress(inside),
    ...(outside !== undefined && { outside: formatAddress(outside) }),
    policy: { ...policy, ...(policy.allow && { allow: policy.allow.map(formatPrefix) }) },
  };
}

export const quarantineJson = (quarantined: QuarantinedOutside): object => ({
  ...quarantined,
  outside: formatAddress(quarantined.outside),
  inside: formatAddress(quarantined.inside),
});

/** All of them in a table, outsides in quarantine in another, what is wrong, and how many there are of each kind. */
export function slotsText(
  name: string,
  slots: readonly SlotState[],
  quarantined: readonly QuarantinedOutside[],
  output: Output,
): string {
  return [
    ...(slots.length === 0 ? [] : [slotTable(slots, output), '\n']),
    ...(quarantined.length === 0 ? [] : [quarantineTable(quarantined, output), '\n']),
    ...new Set(
      slots.flatMap(({ state, problem }) =>
        problem === undefined
          ? []
          : [`${output.alarm(state === 'stale' ? 'stale' : 'changed')}: ${problem}\n`],
      ),
    ),
    summary(name, slots, quarantined),
  ].join('');
}

function slotTable(slots: readonly SlotState[], output: Output): string {
  const hasStation = slots.some(({ station }) => station !== undefined);
  const hasPolicy = slots.some((slot) => policyText(slot) !== '');
  return table(
    [
      { heading: 'interface' },
      { heading: 'inside' },
      { heading: 'state' },
      { heading: 'outside' },
      { heading: 'for', align: 'right' },
      { heading: 'packets out', align: 'right' },
      { heading: 'bytes out', align: 'right' },
      { heading: 'packets in', align: 'right' },
      { heading: 'bytes in', align: 'right' },
      ...(hasStation ? [{ heading: 'station' }] : []),
      ...(hasPolicy ? [{ heading: 'policy' }] : []),
    ],
    slots.map((slot) => [
      slot.interface,
      formatAddress(slot.inside),
      slot.state,
      slot.outside === undefined ? '' : formatAddress(slot.outside),
      readableTime(slot.age),
      grouped(slot.outbound.packets),
      readableBytes(slot.outbound.bytes),
      grouped(slot.inbound.packets),
      readableBytes(slot.inbound.bytes),
      ...(hasStation ? [slot.station ?? ''] : []),
      ...(hasPolicy ? [policyText(slot)] : []),
    ]),
    (heading) => output.bold(heading),
  );
}

/** What is not as it is where nothing is said. */
function policyText({ policy: { antiSpoof, denyLinkLocal, allow } }: SlotState): string {
  return [
    ...(antiSpoof ? [] : ['any source']),
    ...(denyLinkLocal ? ['no link-local'] : []),
    ...(allow === undefined ? [] : [`only ${allow.map(formatPrefix).join(' ')}`]),
  ].join(', ');
}

function quarantineTable(quarantined: readonly QuarantinedOutside[], output: Output): string {
  return table(
    [{ heading: 'in quarantine' }, { heading: 'was' }, { heading: 'left', align: 'right' }],
    quarantined.map(({ outside, inside, interface: device, left }) => [
      formatAddress(outside),
      `${formatAddress(inside)}%${device}`,
      readableTime(left),
    ]),
    (heading) => output.bold(heading),
  );
}

function summary(
  name: string,
  slots: readonly SlotState[],
  quarantined: readonly QuarantinedOutside[],
): string {
  if (slots.length === 0 && quarantined.length === 0) return `${name} has no slots\n`;
  const count = (state: SlotState['state']): string[] => {
    const number = slots.filter((slot) => slot.state === state).length;
    return number === 0 ? [] : [`${grouped(number)} ${state}`];
  };
  const states = [...count('bound'), ...count('reserved'), ...count('stale')];
  const waiting = quarantined.length === 0 ? '' : `; ${counted(quarantined.length, 'outside')} in quarantine`;
  const parts = states.length === 0 ? '' : `: ${states.join(', ')}`;
  return `${name}: ${counted(slots.length, 'slot')}${parts}${waiting}\n`;
}
