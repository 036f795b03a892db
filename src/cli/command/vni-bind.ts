// tsnat vni bind: a VNI for a tunnel slot.

import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { asUsage } from '../usage-error.ts';
import { readVni } from '../vni-numbers.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const [slot, vni] = [readVni(input.required('SLOT'), 'SLOT'), readVni(input.required('VNI'), 'VNI')];
  const outside = input.texts('outside');
  const { withTunnels } = await import('../../nat/instance/light/tunnels.ts');
  await withTunnels(name, (tunnels) => asUsage(() => tunnels.bind(slot, vni, { outside })));
  output.result({ name, slot, vni, outside }, () => `${name}: tunnel slot ${slot} has VNI ${vni}\n`);
}
