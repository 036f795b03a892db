// tsnat vni release: tunnel slots without a VNI again.

import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { readSlots } from '../vni-numbers.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const slots = readSlots(input.rest('SLOT'));
  const { withTunnels } = await import('../../nat/instance/light/tunnels.ts');
  await withTunnels(name, (tunnels) => tunnels.release(slots));
  output.result({ name, released: slots }, () =>
    slots.map((slot) => `${name}: released tunnel slot ${slot}\n`).join(''),
  );
}
