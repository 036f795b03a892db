// docs/maps.md: what it tells other programs to do is done, and is what it says.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { attach, openInstance } from '../../../src/nat/instance/index.ts';
import { formatMapping } from '../../../src/nat/mapping.ts';
import { instanceMaps } from '../../../src/nat/maps.ts';
import { REASONS } from '../../../src/nat/reason.ts';
import { run } from '../../loader/support/commands.ts';
import { ROOT } from '../../support/root.ts';
import { site } from './support/site.ts';

const TEXT = readFileSync(join(ROOT, 'docs/maps.md'), 'utf8');
const BLOCKS = [...TEXT.matchAll(/```sh\n(.*?)```/gs)].map(([, code = '']) => code);
const FOLDER = '/sys/fs/bpf/tsnat/eth0/maps';

test('what is bound by hand is a mapping', (t) => {
  const { context, netns, root } = site(t);
  attach({ interface: 'out0', netns }, context);
  t.is(BLOCKS.length, 2);
  for (const block of BLOCKS) {
    t.true(block.includes(FOLDER));
    run('bash', '-euc', block.replace(FOLDER, `${root}/out0/maps`));
  }
  using instance = openInstance('out0', context);
  t.deepEqual(
    instance
      .listMappings()
      .map(({ mapping }) => formatMapping(mapping))
      .sort(),
    [
      '10.0.0.5=203.0.113.5',
      '10.0.0.6:8080/tcp=203.0.113.9:80/tcp',
      '10.1.0.0/16=100.64.0.0/16',
      'fd00::5=2001:db8::5',
    ],
  );
  t.deepEqual(instance.status().problems, []);
});

test('maps and reasons are all there are', (t) => {
  const rows = (pattern: RegExp): string[] => [...TEXT.matchAll(pattern)].map(([, name = '']) => name);
  const [maps = ''] = /\| map \|.*?\n\n/s.exec(TEXT) ?? [];
  t.deepEqual(
    [...maps.matchAll(/^\| (.*?) \|/gm)]
      .flatMap(([, names = '']) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name))
      .sort(),
    [...Object.keys(instanceMaps()), 'instance'].sort(),
  );
  t.deepEqual(
    rows(/^\| \d+ \| `(\w+)` \| (?:passed|dropped|policy|turned):/gm),
    REASONS.map(({ name }) => name),
  );
  t.true(TEXT.includes(`direction * ${REASONS.length} + reason`));
  const { outbound_net6: nets, interface: device } = instanceMaps();
  t.true(TEXT.includes(`${nets.keySize} bytes | ${nets.valueSize} bytes`));
  t.true(TEXT.includes(`${device.valueSize} bytes, [the interface]`));
});
