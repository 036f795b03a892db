// Mappings of every kind come, stay and go as a whole, with all their entries and marks.

import test from 'ava';
import { parseEndpoint } from '../../../src/nat/endpoint.ts';
import { TABLES } from '../../../src/nat/entries.ts';
import { attach, type Instance, openInstance } from '../../../src/nat/instance/index.ts';
import { formatMapping, parseMapping } from '../../../src/nat/mapping.ts';
import { MappingError } from '../../../src/nat/mapping-error.ts';
import type { Use } from '../../../src/nat/uses.ts';
import { run } from '../../loader/support/commands.ts';
import { idsOf, mapped, type Site, site, standIns } from './support/site.ts';
import { openTable, tableSizes } from './support/tables.ts';

const KINDS = {
  address: '10.0.0.5=203.0.113.5',
  address6: 'fd00::5=2001:db8::5',
  prefix: '10.1.0.0/16=100.64.0.0/16',
  prefix6: 'fd00:1::/48=2001:db8:1::/48',
  neutral6: 'fd00:2::/48=2001:db8:2::/48,neutral',
  port: '10.0.0.6:8080/tcp=203.0.113.9:80/tcp',
  port6: '[fd00::6]:8080/udp=[2001:db8::9]:80/udp',
  block: '10.0.0.7:1000-2047=203.0.113.9:1024-2071',
  block6: '[fd00::7]:0-1=[2001:db8::9]:7-8',
} as const;
const ALL = Object.values(KINDS);

const insideOf = (text: string) => parseEndpoint(text.split('=')[0]!);
const listed = (instance: Instance): string[] =>
  instance
    .listMappings()
    .map(({ mapping }) => formatMapping(mapping))
    .sort();

const NONE = TABLES.map(() => 0);

test('attached with all kinds: listed, counted, replaced by none', (t) => {
  const { context, netns, root } = site(t);
  const status = attach({ interface: 'out0', netns, mappings: mapped(...ALL) }, context);
  t.like(status, { healthy: true, problems: [], mappings: ALL.length });
  using instance = openInstance('out0', context);
  t.deepEqual(listed(instance), ALL.toSorted());
  t.deepEqual(instance.replaceMappings([]), { kept: 0, added: 0, deleted: ALL.length });
  t.deepEqual(tableSizes(root), NONE);
});

for (const [kind, text] of Object.entries(KINDS)) {
  test(`${kind}: added, deleted, replaced, with nothing left over`, (t) => {
    const { context, netns, root } = site(t);
    attach({ interface: 'out0', netns }, context);
    using instance = openInstance('out0', context);
    instance.addMappings(mapped(text));
    t.deepEqual(listed(instance), [text]);
    t.true(instance.status().healthy);
    t.throws(() => instance.addMappings(mapped(text)), { instanceOf: MappingError });
    t.deepEqual(listed(instance), [text]);
    instance.deleteMappings([insideOf(text)]);
    t.deepEqual(tableSizes(root), NONE);
    t.throws(() => instance.deleteMappings([insideOf(text)]), { code: 'EUNMAPPED' });
    t.deepEqual(instance.replaceMappings(mapped(text)), { kept: 0, added: 1, deleted: 0 });
    t.deepEqual(instance.replaceMappings(mapped(text)), { kept: 1, added: 0, deleted: 0 });
    t.deepEqual(listed(instance), [text]);
    t.deepEqual(instance.replaceMappings([]), { kept: 0, added: 0, deleted: 1 });
    t.deepEqual(tableSizes(root), NONE);
    t.true(instance.status().healthy);
  });
}

test('an address keeps its mark until its last port is gone', (t) => {
  const { context, netns, root } = site(t);
  // Neighbours in the trie, before and behind, and the whole range in one entry.
  const others = mapped(
    '10.0.0.5:0-65535=203.0.113.8:0-65535',
    '10.0.0.7:1/tcp=203.0.113.10:1/tcp',
    '10.0.0.6/31=203.0.113.20/31',
  );
  attach({ interface: 'out0', netns, mappings: others }, context);
  using instance = openInstance('out0', context);
  const before = tableSizes(root);
  const texts = [
    '10.0.0.6:80/tcp=203.0.113.9:80/tcp',
    '10.0.0.6:0-7=203.0.113.9:1000-1007',
    '10.0.0.6:65535/udp=203.0.113.9:65535/udp',
  ];
  const marks = (): number[] =>
    (['outbound_net', 'inbound_net'] as const).map((name) => {
      using table = openTable(root, name);
      return [...table].filter(([, { kind }]) => kind === 4).length;
    });
  t.deepEqual(marks(), [2, 2]);
  for (const order of [texts, texts.toReversed()]) {
    for (const text of order) instance.addMappings(mapped(text));
    for (const text of order) {
      t.deepEqual(marks(), [3, 3]);
      t.true(instance.status().healthy);
      instance.deleteMappings([insideOf(text)]);
    }
    t.deepEqual(marks(), [2, 2]);
    t.deepEqual(tableSizes(root), before);
  }
});

/** Context whose programs say what they were made to do. */
function watching(t: Parameters<typeof site>[0]): Site & { readonly made: Use[][] } {
  const made: Use[][] = [];
  const here = site(t, (options) => {
    made.push([...(options.uses ?? [])].sort());
    return standIns(options);
  });
  return { ...here, made };
}

test('a mapping of a new kind brings new programs; those of known kinds do not', (t) => {
  const { context, netns, made } = watching(t);
  const first = attach({ interface: 'out0', netns, mappings: mapped(KINDS.address) }, context);
  using instance = openInstance('out0', context);
  instance.addMappings(mapped('10.0.0.9=203.0.113.19'));
  t.deepEqual(idsOf(instance.status()), idsOf(first));
  instance.addMappings(mapped(KINDS.port, KINDS.neutral6));
  const second = instance.status();
  t.notDeepEqual(idsOf(second), idsOf(first));
  t.true(second.healthy);
  instance.addMappings(mapped(KINDS.block, KINDS.prefix6));
  t.deepEqual(idsOf(instance.status()), idsOf(second));
  t.deepEqual(made, [['addresses'], ['addresses', 'neutral6', 'ports', 'prefixes6']]);
  instance.replaceMappings(mapped(KINDS.address));
  t.deepEqual(made.at(-1), ['addresses']);
  t.notDeepEqual(idsOf(instance.status()), idsOf(second));
});

test('an addition that is refused leaves the programs alone', (t) => {
  const { context, netns, made } = watching(t);
  attach({ interface: 'out0', netns, mappings: mapped(KINDS.address) }, context);
  using instance = openInstance('out0', context);
  t.throws(() => instance.addMappings(mapped(KINDS.port, '10.0.0.77=203.0.113.5')), {
    instanceOf: MappingError,
    message: /outside 203\.0\.113\.5 is already that of 10\.0\.0\.5/,
  });
  t.is(made.length, 1);
});

test('what overlaps, or would take the answers of others, is refused', (t) => {
  const { context, netns, root } = site(t);
  attach({ interface: 'out0', netns, mappings: mapped(KINDS.block, KINDS.prefix, KINDS.port) }, context);
  using instance = openInstance('out0', context);
  const sizes = tableSizes(root);
  const cases: [string, RegExp][] = [
    ['10.0.0.7:2047-2050=203.0.113.77:2047-2050', /inside .* overlaps 10\.0\.0\.7:1000-2047/],
    ['10.0.0.77:2071-2072=203.0.113.9:2071-2072', /outside .* overlaps 203\.0\.113\.9:1024-2071/],
    ['10.0.0.66:80/tcp=203.0.113.9:80/tcp', /outside 203\.0\.113\.9:80\/tcp is already that of/],
    [
      '10.1.0.0/16=203.0.112.0/16'.replace('203.0.112.0', '198.51.0.0'),
      /inside 10\.1\.0\.0\/16 already maps/,
    ],
    ['10.9.0.1=100.64.0.1', /answers going to/],
  ];
  for (const [text, message] of cases) {
    t.throws(() => instance.addMappings([parseMapping(text)]), { instanceOf: MappingError, message }, text);
  }
  t.deepEqual(tableSizes(root), sizes);
  // Beside what is there on the same addresses there is room.
  instance.addMappings(
    mapped('10.0.0.7:2048-2050=203.0.113.9:2072-2074', '10.0.0.8:80/udp=203.0.113.9:80/udp'),
  );
  t.true(instance.status().healthy);
});

test('counters of a port block are those of all its parts, and stay with it', (t) => {
  const { context, netns, root } = site(t);
  attach({ interface: 'out0', netns, mappings: mapped(KINDS.block, KINDS.block6, KINDS.neutral6) }, context);
  let expected = 0n;
  (() => {
    using table = openTable(root, 'outbound_net');
    for (const [key, value] of [...table].filter(([, { kind }]) => kind === 3)) {
      expected += BigInt(key.port);
      table.set(key, { ...value, packets: BigInt(key.port), bytes: 0n });
    }
  })();
  using instance = openInstance('out0', context);
  const packets = (): bigint =>
    instance.listMappings().find(({ mapping }) => formatMapping(mapping) === KINDS.block)!.outbound.packets;
  t.is(expected, 1000n + 1008n + 1024n);
  t.is(packets(), expected);
  instance.addMappings(mapped(KINDS.port));
  t.is(packets(), expected);
  instance.replaceMappings(mapped(KINDS.block, KINDS.address6));
  t.is(packets(), expected);
});

test('a port that another program wrote in one direction, or without its mark, is noticed', (t) => {
  const { context, netns, root } = site(t);
  attach({ interface: 'out0', netns, mappings: mapped(KINDS.port, KINDS.prefix6) }, context);
  using instance = openInstance('out0', context);
  const cut = (...key: number[]): void => {
    const path = `${root}/out0/maps/inbound_net`;
    run('bpftool', 'map', 'delete', 'pinned', path, 'key', ...key.map(String));
  };
  const keys = [
    [56, 0, 0, 0, 203, 0, 113, 9, 0, 80, 6, 0],
    [56, 0, 0, 0, 203, 0, 113, 9, 0, 0, 0, 0],
  ];
  for (const key of keys) {
    cut(...key);
    t.regex(instance.status().problems.join(), /^mappings in one direction only, .*: 1; /);
    t.is(instance.replaceMappings(mapped(KINDS.port, KINDS.prefix6)).kept, 2);
    t.true(instance.status().healthy);
  }
  // It can also be deleted.
  cut(...keys[0]!);
  instance.deleteMappings([insideOf(KINDS.port)]);
  t.true(instance.status().healthy);
  t.is(instance.listMappings().length, 1);
});
