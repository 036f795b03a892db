// docs/tunnels.md: a slot bound by hand, as it says for other languages, is one.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { attach, openTunnels } from '../../../src/nat/instance/index.ts';
import { instanceMaps } from '../../../src/nat/maps.ts';
import { run } from '../../loader/support/commands.ts';
import { ROOT } from '../../support/root.ts';
import { site } from './support/site.ts';

const [, BLOCK = ''] = /```sh\n(.*?)```/s.exec(readFileSync(join(ROOT, 'docs/tunnels.md'), 'utf8')) ?? [];
const FOLDER = '/sys/fs/bpf/tsnat/eth0/maps';

test('what is bound by hand is bound', (t) => {
  const { context, netns, root } = site(t);
  attach({ interface: 'out0', netns }, context);
  using tunnels = openTunnels('out0', context);
  tunnels.reserve([{ placeholder: 9_000_001, remote: '192.0.2.7' }]);
  t.true(BLOCK.includes(FOLDER));
  run('bash', '-euc', BLOCK.replace(FOLDER, `${root}/out0/maps`));
  t.like(tunnels.list()[0], { state: 'bound', vni: 5001, remote: 0xc000_0207, inside: [], outside: [] });
  // It is found on the way in: nobody else may have this VNI with this remote.
  tunnels.reserve([{ placeholder: 9_000_002, remote: '192.0.2.7' }]);
  t.throws(() => tunnels.bind(9_000_002, 5001), { message: /could not be told apart/ });
  tunnels.release([9_000_001]);
  tunnels.bind(9_000_002, 5001);
});

test('the sizes are those in docs/maps.md', (t) => {
  const { tunnels, tunnel_ports: ports } = instanceMaps();
  const text = readFileSync(join(ROOT, 'docs/maps.md'), 'utf8');
  t.true(text.includes(`| \`tunnels\` | hash | ${tunnels.keySize} bytes | ${tunnels.valueSize} bytes`));
  t.true(text.includes(`| \`tunnel_ports\` | array | ${ports.keySize} bytes | ${ports.valueSize} bytes`));
});
