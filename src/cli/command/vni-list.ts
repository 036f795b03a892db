// tsnat vni list: the tunnel slots of an instance.

import { formatAddress } from '../../nat/address.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { grouped, readableBytes, table } from '../table.ts';

const MS_IN_SECOND = 1000;

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const { withTunnels } = await import('../../nat/instance/light/tunnels.ts');
  const listed = await withTunnels(name, (tunnels) => tunnels.list());
  const slots = listed.map(({ remote, local, inside, outside, since: _, ...rest }) => ({
    ...rest,
    ...(remote !== undefined && { remote: formatAddress(remote) }),
    ...(local !== undefined && { local: formatAddress(local) }),
    inside: inside.map(formatAddress),
    outside: outside.map(formatAddress),
  }));
  output.result({ name, slots }, () => {
    if (slots.length === 0) return `${name} has no tunnel slots\n`;
    return table(
      [
        { heading: 'slot', align: 'right' },
        { heading: 'tunnel' },
        { heading: 'state' },
        { heading: 'vni', align: 'right' },
        { heading: 'remote' },
        { heading: 'local' },
        { heading: 'inner' },
        { heading: 'since', align: 'right' },
        { heading: 'packets out', align: 'right' },
        { heading: 'bytes out', align: 'right' },
        { heading: 'packets in', align: 'right' },
        { heading: 'bytes in', align: 'right' },
      ],
      slots.map((slot) => [
        `${slot.placeholder}`,
        `${slot.kind} ${slot.port}`,
        slot.state,
        `${slot.vni ?? '-'}`,
        slot.remote ?? 'any',
        slot.local ?? 'any',
        slot.inside.map((inside, i) => `${inside}=${slot.outside[i] ?? '?'}`).join(' ') || '-',
        `${Math.floor(slot.age / MS_IN_SECOND)} s`,
        grouped(slot.outbound.packets),
        readableBytes(slot.outbound.bytes),
        grouped(slot.inbound.packets),
        readableBytes(slot.inbound.bytes),
      ]),
      (heading) => output.bold(heading),
    );
  });
}
