// Binds, binds anew and releases the tunnel slots of an instance until it is killed.

import { openTunnels } from '../../../../src/nat/instance/index.ts';

const [root = '', name = '', ...slots] = process.argv.slice(2);
using tunnels = openTunnels(name, { root });
const placeholders = slots.map(Number);
process.stdout.write('ready\n');
for (let round = 0; ; round++) {
  const placeholder = placeholders[round % placeholders.length]!;
  const { vni } = tunnels.list().find((slot) => slot.placeholder === placeholder)!;
  if (vni === undefined) tunnels.bind(placeholder, 1000 + (round % 7) * 10 + placeholder);
  else if (round % 3 === 0) tunnels.rebind(placeholder, 2000 + (round % 5) * 10 + placeholder);
  else tunnels.release([placeholder]);
}
