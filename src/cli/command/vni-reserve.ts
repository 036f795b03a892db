// tsnat vni reserve: tunnel slots.

import type { TunnelWish } from '../../nat/instance/tunnels/types.ts';
import type { TunnelMark } from '../../nat/tunnel-layout.ts';
import { TUNNEL_KIND_NAMES, TUNNEL_MARK_NAMES } from '../catalog/vni.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { counted } from '../table.ts';
import { asUsage, UsageError } from '../usage-error.ts';
import { readSlots } from '../vni-numbers.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const placeholders = readSlots(input.rest('PLACEHOLDER'));
  const [kind, port] = [input.choice('kind', TUNNEL_KIND_NAMES), input.count('port')];
  const [remote, local] = [input.text('remote'), input.text('local')];
  const inside = input.texts('inside');
  const by = input.text('by')?.split(',').map(readMark);
  const common: Omit<TunnelWish, 'placeholder'> = {
    ...(kind !== undefined && { kind }),
    ...(port !== undefined && { port }),
    ...(remote !== undefined && { remote }),
    ...(local !== undefined && { local }),
    inside,
  };
  const { openTunnels } = await import('../../nat/instance/tunnels/open.ts');
  using tunnels = openTunnels(name);
  asUsage(() =>
    tunnels.reserve(
      placeholders.map((placeholder) => ({ placeholder, ...common })),
      by && { by },
    ),
  );
  output.result({ name, reserved: placeholders }, () =>
    placeholders.length === 1
      ? `${name}: reserved tunnel slot ${placeholders[0]}\n`
      : `${name}: reserved ${counted(placeholders.length, 'tunnel slot')}\n`,
  );
}

function readMark(text: string): TunnelMark {
  const mark = TUNNEL_MARK_NAMES.find((name) => name === text);
  if (mark !== undefined) return mark;
  throw new UsageError(
    `--by '${text}' is none of ${TUNNEL_MARK_NAMES.join(', ')}, with commas between several`,
  );
}
