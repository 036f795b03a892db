import test from 'ava';
import { parseEndpoint } from '../../../src/nat/endpoint.ts';
import { attach, detach, type Instance, openInstance } from '../../../src/nat/instance/index.ts';
import { formatMapping } from '../../../src/nat/mapping.ts';
import { MappingError } from '../../../src/nat/mapping-error.ts';
import { json, run } from '../../loader/support/commands.ts';
import { insides, many, mapped, site } from './support/site.ts';

const listed = (instance: Instance) =>
  instance
    .listMappings()
    .map(({ mapping }) => formatMapping(mapping))
    .sort();

test('mappings come and go, in both maps', (t) => {
  const { context, netns, root } = site(t);
  attach({ interface: 'out0', netns, mappings: mapped('10.0.0.1=203.0.113.1') }, context);
  using instance = openInstance('out0', context);
  instance.addMappings(mapped('10.0.0.2=203.0.113.2', '10.0.0.3=203.0.113.3'));
  t.deepEqual(listed(instance), ['10.0.0.1=203.0.113.1', '10.0.0.2=203.0.113.2', '10.0.0.3=203.0.113.3']);
  const keys = (map: string) =>
    json('bpftool', '-j', 'map', 'dump', 'pinned', `${root}/out0/maps/${map}`)
      .map(({ key }: { key: string[] }) => key.map(Number).join('.'))
      .sort();
  t.deepEqual(keys('outbound'), ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  t.deepEqual(keys('inbound'), ['203.0.113.1', '203.0.113.2', '203.0.113.3']);
  instance.deleteMappings(['10.0.0.1', '10.0.0.3'].map(parseEndpoint));
  t.deepEqual(keys('outbound'), ['10.0.0.2']);
  t.deepEqual(keys('inbound'), ['203.0.113.2']);
  const [state] = instance.listMappings();
  t.deepEqual(
    [state?.outbound, state?.inbound],
    [
      { packets: 0n, bytes: 0n },
      { packets: 0n, bytes: 0n },
    ],
  );
});

for (const [size, extra] of [
  ['few', []],
  ['many', many(100, 50_000)],
] as const) {
  test(`${size}: what is taken is named, and nothing is added`, (t) => {
    const { context, netns } = site(t);
    attach(
      { interface: 'out0', netns, mappings: mapped('10.0.0.1=203.0.113.1', '10.0.0.2=203.0.113.2') },
      context,
    );
    using instance = openInstance('out0', context);
    const before = listed(instance);
    const error = t.throws(
      () => instance.addMappings([...extra, ...mapped('10.0.0.9=203.0.113.9', '10.0.0.8=203.0.113.2')]),
      { instanceOf: MappingError },
    );
    t.deepEqual(
      error?.complaints.map(({ code, message }) => [code, message]),
      [
        [
          'outside_taken',
          "mapping '10.0.0.8=203.0.113.2': outside 203.0.113.2 is already that of 10.0.0.2 at instance 'out0': an outside has one inside; 'tsnat map del out0 INSIDE' frees it",
        ],
      ],
    );
    t.deepEqual(listed(instance), before);
    const other = t.throws(() => instance.addMappings([...extra, ...mapped('10.0.0.1=203.0.113.7')]), {
      instanceOf: MappingError,
    });
    t.regex(other?.message ?? '', /inside 10\.0\.0\.1 already maps to 203\.0\.113\.1/);
    t.throws(
      () => instance.addMappings([...extra, ...mapped('10.0.0.7=203.0.113.7', '10.0.0.7=203.0.113.8')]),
      {
        instanceOf: MappingError,
      },
    );
    t.deepEqual(listed(instance), before);
  });

  test(`${size}: when the table is full, nothing is added`, (t) => {
    const { context, netns } = site(t);
    attach({ interface: 'out0', netns, capacity: 102, mappings: many(100) }, context);
    using instance = openInstance('out0', context);
    const before = listed(instance);
    t.throws(() => instance.addMappings([...extra, ...many(3, 1000)]), {
      code: 'EFULL',
      message:
        /instance 'out0' is full: 100 of 102 IPv4 address mappings are used, \d+ more do not fit; nothing was added/,
    });
    t.deepEqual(listed(instance), before);
    t.true(instance.status().healthy);
    instance.addMappings(many(2, 1000));
  });
}

test('deleting what is not mapped deletes nothing', (t) => {
  const { context, netns } = site(t);
  attach({ interface: 'out0', netns, mappings: many(100) }, context);
  using instance = openInstance('out0', context);
  for (const known of [many(3), many(60)]) {
    t.throws(() => instance.deleteMappings([...insides(known), parseEndpoint('11.0.0.1')]), {
      code: 'EUNMAPPED',
      message: /no mapping for inside 11\.0\.0\.1; nothing was deleted/,
    });
  }
  t.is(instance.listMappings().length, 100);
  instance.deleteMappings(insides(many(60)));
  t.is(instance.listMappings().length, 40);
  t.true(instance.status().healthy);
});

test('a mapping that a foreign hand left in one direction only is noticed', (t) => {
  const { context, netns, root } = site(t);
  attach({ interface: 'out0', netns, mappings: many(2) }, context);
  using instance = openInstance('out0', context);
  const breakOne = () =>
    run('bpftool', 'map', 'delete', 'pinned', `${root}/out0/maps/inbound`, 'key', '100', '64', '0', '0');
  breakOne();
  t.regex(instance.status().problems.join(), /^mappings in one direction only, .*: 1; .* repairs it$/);
  t.true(attach({ interface: 'out0', netns, replace: true, mappings: many(2) }, context).healthy);
  breakOne();
  t.false(instance.status().healthy);
  instance.deleteMappings([parseEndpoint('10.0.0.0')]);
  t.true(instance.status().healthy);
});

test('an instance that was detached meanwhile takes no more mappings', (t) => {
  const { context, netns } = site(t);
  attach({ interface: 'out0', netns }, context);
  using instance = openInstance('out0', context);
  instance.addMappings(many(1));
  detach('out0', context);
  t.throws(() => instance.addMappings(many(1, 5)), {
    code: 'ENOENT',
    message: /has been detached meanwhile/,
  });
  attach({ interface: 'out0', netns }, context);
  t.throws(() => instance.addMappings(many(1, 5)), { code: 'ENOENT' });
});
