// What an instance does besides translating by its mappings: recorded, kept, shown, and what its programs are made from.

import test, { type ExecutionContext } from 'ava';
import type { DatapathOptions } from '../../../src/nat/datapath/index.ts';
import { attach, type Instance, openInstance } from '../../../src/nat/instance/index.ts';
import type { AttachOptions } from '../../../src/nat/instance/types.ts';
import { parsePrefix } from '../../../src/nat/prefix.ts';
import { mapped, type Site, site, standIns } from './support/site.ts';
import { openTable } from './support/tables.ts';

interface Watched extends Site {
  /** What programs were made from, the last ones at the end. */
  readonly made: DatapathOptions[];
}

function watched(t: ExecutionContext): Watched {
  const made: DatapathOptions[] = [];
  const here = site(t, (options) => {
    made.push(options);
    return standIns(options);
  });
  return { ...here, made };
}

const prefixes = (...texts: string[]) => texts.map(parsePrefix);
const usesOf = ({ uses = new Set() }: DatapathOptions): string[] => [...uses].sort();

const SETTINGS = {
  unmapped: { outbound: 'drop', inbound: 'pass' },
  spoofed: 'pass',
  mss: 1360,
} as const;

for (const hook of ['tcx', 'clsact'] as const) {
  test(`${hook}: settings go into the programs, and stay where they are left out`, (t) => {
    const { context, netns, made } = watched(t);
    const options: AttachOptions = { interface: 'out0', netns, hook };
    t.like(attach({ ...options, ...SETTINGS }, context), { ...SETTINGS, link: 'ethernet', healthy: true });
    t.like(made.at(-1), { ...SETTINGS, link: 'ethernet', capacity: 65_536 });
    t.like(attach({ ...options, replace: true }, context), SETTINGS);
    t.like(made.at(-1), SETTINGS);
    const other = { unmapped: { outbound: 'drop', inbound: 'drop' }, spoofed: 'drop', mss: 1200 } as const;
    t.like(
      attach({ ...options, replace: true, unmapped: 'drop', spoofed: 'drop', mss: 1200 }, context),
      other,
    );
    using instance = openInstance('out0', context);
    instance.addMappings(mapped('10.0.0.6:80/tcp=203.0.113.9:80/tcp'));
    t.like(made.at(-1), other);
    t.deepEqual(usesOf(made.at(-1)!), ['addresses', 'ports']);
    t.like(instance.status(), other);
  });
}

test('what is left out is the default', (t) => {
  const { context, netns } = watched(t);
  const status = attach({ interface: 'out0', netns }, context);
  t.like(status, { unmapped: { outbound: 'pass', inbound: 'pass' }, spoofed: 'drop' });
  t.deepEqual([status.include, status.exclude, status.mss], [[], [], undefined]);
  t.throws(() => attach({ interface: 'out0', netns, name: 'x', mss: 1 }, context), {
    instanceOf: RangeError,
  });
});

/** The lists as the programs see them. */
const listOf = (root: string, name: 'destinations' | 'destinations6'): [string, number][] => {
  using table = openTable(root, name);
  return [...(table as Iterable<[{ prefixLength: number; address: number | number[] }, number]>)]
    .map(([{ address, prefixLength }, value]): [string, number] => [`${address}/${prefixLength}`, value])
    .sort();
};

test('lists of destinations: what is not included, or is excluded, is not translated for', (t) => {
  const { context, netns, root, made } = watched(t);
  const options: AttachOptions = { interface: 'out0', netns, mappings: mapped('10.0.0.5=203.0.113.5') };
  const exclude = prefixes('10.0.0.0/8', '192.168.0.0/16');
  const status = attach({ ...options, exclude }, context);
  t.deepEqual(status.exclude.length, 2);
  t.deepEqual(usesOf(made.at(-1)!), ['addresses', 'destinations']);
  t.deepEqual(listOf(root, 'destinations'), [
    [`${0x0a00_0000}/8`, 0],
    [`${0xc0a8_0000}/16`, 0],
  ]);
  t.deepEqual(listOf(root, 'destinations6'), []);

  // An include list speaks of both families.
  attach({ ...options, replace: true, include: prefixes('10.0.0.0/7') }, context);
  t.deepEqual(usesOf(made.at(-1)!), ['addresses', 'destinations', 'destinations6']);
  t.deepEqual(listOf(root, 'destinations'), [
    ['0/0', 0],
    [`${0x0a00_0000}/7`, 1],
    [`${0x0a00_0000}/8`, 0],
    [`${0xc0a8_0000}/16`, 0],
  ]);
  t.deepEqual(listOf(root, 'destinations6'), [['0,0,0,0/0', 0]]);

  const kept = attach({ ...options, replace: true, unmapped: 'drop' }, context);
  t.deepEqual(kept.include, prefixes('10.0.0.0/7'));
  t.deepEqual(kept.exclude, exclude);
  const gone = attach({ ...options, replace: true, include: [], exclude: [] }, context);
  t.deepEqual([gone.include, gone.exclude], [[], []]);
  t.deepEqual(usesOf(made.at(-1)!), ['addresses']);
  t.throws(() => attach({ ...options, replace: true, include: exclude, exclude }, context), {
    instanceOf: RangeError,
    message: /10\.0\.0\.0\/8 is both included and excluded/,
  });
});

test('a device without a link layer header', (t) => {
  const { context, netns, ip, made } = watched(t);
  ip('tuntap add tun9 mode tun');
  t.like(attach({ interface: 'tun9', netns }, context), { link: 'none', healthy: true });
  t.is(made.at(-1)?.link, 'none');
});

test('the real programs take every kind and setting, on both kinds of links', (t) => {
  const { context, netns, ip } = site(t, 'real');
  ip('tuntap add tun9 mode tun');
  const mappings = mapped(
    '10.0.0.5=203.0.113.5',
    'fd00::5=2001:db8::5',
    '10.1.0.0/16=100.64.0.0/16',
    'fd00:1::/48=2001:db8:1::/48',
    'fd00:2::/48=2001:db8:2::/48,neutral',
    '10.0.0.6:8080/tcp=203.0.113.9:80/tcp',
    '[fd00::7]:0-1023=[2001:db8::9]:0-1023',
  );
  const lists = { include: prefixes('::/0', '0.0.0.0/0'), exclude: prefixes('10.0.0.0/8', 'fd00::/8') };
  for (const device of ['out0', 'tun9']) {
    const options: AttachOptions = { interface: device, netns, ...SETTINGS, ...lists };
    t.like(attach(options, context), { healthy: true, problems: [] });
    using instance = openInstance(device, context);
    instance.addMappings(mappings);
    t.like(instance.status(), { healthy: true, problems: [], mappings: mappings.length });
    t.deepEqual(instance.replaceMappings(mappings.slice(1)), {
      kept: mappings.length - 1,
      added: 0,
      deleted: 1,
    });
  }
});

const interfaceOf = (root: string) => {
  using map = openTable(root, 'interface');
  return map.get(0)!;
};

test('subnets of both families, and an address that comes later', (t) => {
  const { context, netns, ip, root } = watched(t);
  ip('addr add 2001:db8:5::1/64 dev out0 nodad');
  ip('addr add 2001:db8:5::2/64 dev out0 nodad');
  ip('addr add 2001:db8:6::1/128 dev out0 nodad');
  attach({ interface: 'out0', netns }, context);
  const { subnets, subnets6 } = interfaceOf(root);
  t.deepEqual(subnets.slice(0, 2), [
    { network: 0xc000_0200, mask: 0xffff_ff00 },
    { network: 0, mask: 0 },
  ]);
  t.deepEqual(subnets6.slice(0, 2), [
    { network: [0x2001_0db8, 0x0005_0000, 0, 0], mask: [0xffff_ffff, 0xffff_ffff, 0, 0] },
    { network: [0, 0, 0, 0], mask: [0, 0, 0, 0] },
  ]);
  using instance = openInstance('out0', context);
  t.true(instance.status().healthy);
  ip('addr add 2001:db8:7::1/64 dev out0 nodad');
  t.regex(instance.status().problems.join(), /addresses have changed/);
  t.true(attach({ interface: 'out0', netns, replace: true }, context).healthy);
  t.deepEqual(interfaceOf(root).subnets6[1]?.network, [0x2001_0db8, 0x0007_0000, 0, 0]);
});

test('the programs know where outsides can be: more of it with each mapping, less with each replacement', (t) => {
  const { context, netns, root } = watched(t);
  attach({ interface: 'out0', netns }, context);
  using instance: Instance = openInstance('out0', context);
  const outsides = () => {
    const { outsides: four, outsides6: six } = interfaceOf(root);
    return [four.network, four.mask, six.network, six.mask];
  };
  const ONES = 0xffff_ffff;
  const none6 = [
    [ONES, ONES, ONES, ONES],
    [0, 0, 0, 0],
  ];
  t.deepEqual(outsides(), [ONES, 0, ...none6]);
  instance.addMappings(mapped('10.0.0.5=203.0.113.5'));
  t.deepEqual(outsides(), [0xcb00_7105, ONES, ...none6]);
  instance.addMappings(mapped('10.0.0.6:80/tcp=203.0.113.6:80/tcp'));
  t.deepEqual(outsides(), [0xcb00_7104, 0xffff_fffc, ...none6]);
  instance.addMappings(mapped('10.1.0.0/16=203.1.0.0/16', 'fd00:1::/48=2001:db8:1::/48'));
  const net6 = [
    [0x2001_0db8, 0x0001_0000, 0, 0],
    [ONES, 0xffff_0000, 0, 0],
  ];
  t.deepEqual(outsides(), [0xcb00_0000, 0xfffe_0000, ...net6]);
  instance.addMappings(mapped('fd00::5=2001:db8::5'));
  t.deepEqual(outsides().slice(2), [
    [0x2001_0db8, 0, 0, 0],
    [ONES, 0xfffe_0000, 0, 0],
  ]);
  // What goes is forgotten when all are replaced.
  instance.replaceMappings(mapped('10.0.0.5=203.0.113.5', 'fd00:1::/48=2001:db8:1::/48'));
  t.deepEqual(outsides(), [0xcb00_7105, ONES, ...net6]);
  instance.addMappings(mapped('10.0.0.9=1.0.0.1'));
  t.deepEqual(outsides().slice(0, 2), [0, 0]);
  t.true(attach({ interface: 'out0', netns, replace: true, mappings: [] }, context).healthy);
  t.deepEqual(outsides(), [ONES, 0, ...none6]);
});
