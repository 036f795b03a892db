// Tunnel slots of an instance: what can be asked of them, what is refused, and what is in the maps then.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import {
  attach,
  detach,
  openInstance,
  openTunnels,
  type TunnelReserveOptions,
  type TunnelWish,
} from '../../../src/nat/instance/index.ts';
import { Pins } from '../../../src/nat/instance/pins.ts';
import { parseMapping } from '../../../src/nat/mapping.ts';
import { ROOT } from '../../support/root.ts';
import { site } from './support/site.ts';
import { attached, entries, REMOTE } from './support/tunnels.ts';

test('from its reservation to its end', (t) => {
  const { where, tunnels } = attached(t);
  t.deepEqual(tunnels.list(), []);
  tunnels.reserve([{ placeholder: 9_000_001, remote: REMOTE }]);
  t.deepEqual(entries(where), { slots: 1, index: 0 });
  const [reserved] = tunnels.list();
  t.like(reserved, {
    placeholder: 9_000_001,
    kind: 'vxlan',
    port: 4789,
    by: ['remote', 'vni'],
    state: 'reserved',
    remote: 0xc633_6407,
    inside: [],
    outside: [],
  });
  t.false('vni' in reserved!);
  tunnels.bind(9_000_001, 5001);
  t.deepEqual(entries(where), { slots: 1, index: 1 });
  t.like(tunnels.list()[0], { state: 'bound', vni: 5001, outbound: { packets: 0n, bytes: 0n } });
  t.true(tunnels.list()[0]!.since > reserved!.since);
  t.true(tunnels.list()[0]!.age >= 0);
  tunnels.rebind(9_000_001, 5002);
  t.deepEqual(entries(where), { slots: 1, index: 1 });
  t.like(tunnels.list()[0], { state: 'bound', vni: 5002 });
  tunnels.release([9_000_001]);
  t.deepEqual(entries(where), { slots: 1, index: 0 });
  t.like(tunnels.list()[0], { state: 'reserved' });
  tunnels.bind(9_000_001, 0);
  tunnels.remove([9_000_001]);
  t.deepEqual(entries(where), { slots: 0, index: 0 });
  t.deepEqual(tunnels.list(), []);
});

test('by remotes alone: the way in is there from the reservation on, and the bind is one entry', (t) => {
  const { where, tunnels } = attached(t);
  tunnels.reserve(
    [
      { placeholder: 1, remote: REMOTE, kind: 'geneve' },
      { placeholder: 2, remote: '2001:db8::7', kind: 'geneve' },
    ],
    { by: ['remote'] },
  );
  t.deepEqual(entries(where), { slots: 2, index: 2 });
  for (const placeholder of [1, 2]) tunnels.bind(placeholder, 77);
  tunnels.rebind(1, 78);
  tunnels.release([2]);
  using instance = openInstance('out0', where.context);
  t.deepEqual(instance.status().tunnels, { bound: 1, reserved: 1 });
  t.deepEqual(entries(where), { slots: 2, index: 2 });
  t.deepEqual(
    tunnels.list().map(({ kind, port, by, vni }) => [kind, port, by, vni]),
    [
      ['geneve', 6081, ['remote'], 78],
      ['geneve', 6081, ['remote'], undefined],
    ],
  );
  tunnels.remove([1]);
  t.deepEqual(entries(where), { slots: 1, index: 1 });
});

test('inner addresses, which the other end may know by others', (t) => {
  const { where, tunnels } = attached(t);
  const inside = ['172.16.0.2', 'fd00::2'];
  tunnels.reserve(
    [1, 2].map((placeholder) => ({ placeholder, inside })),
    { by: ['inner', 'vni'] },
  );
  tunnels.bind(1, 5, { outside: ['10.7.0.9', '2001:db8::9'] });
  t.deepEqual(entries(where), { slots: 2, index: 2 });
  t.like(tunnels.list()[0], {
    inside: [0xac10_0002, (0xfd00n << 112n) | 2n],
    outside: [0x0a07_0009, (0x2001_0db8n << 96n) | 9n],
  });
  // The one that is left out stays itself.
  tunnels.bind(2, 5, { outside: ['10.7.0.10'] });
  t.like(tunnels.list()[1], { outside: [0x0a07_000a, (0xfd00n << 112n) | 2n] });
  tunnels.rebind(1, 5, { outside: ['10.7.0.11', '2001:db8::9'] });
  t.deepEqual(entries(where), { slots: 2, index: 4 });
  tunnels.remove([1, 2]);
  t.deepEqual(entries(where), { slots: 0, index: 0 });
});

test('slots that could not be told apart, among those that are asked for and those that are there', (t) => {
  const { where, tunnels } = attached(t);
  const two = [1, 2].map((placeholder): TunnelWish => ({ placeholder, remote: REMOTE }));
  const by: TunnelReserveOptions = { by: ['remote'] };
  t.throws(() => tunnels.reserve(two, by), { message: /two of these tunnel slots could not be told apart/ });
  t.deepEqual(entries(where), { slots: 0, index: 0 });
  tunnels.reserve(two.slice(0, 1), by);
  t.throws(() => tunnels.reserve(two.slice(1), by), {
    message: /slots 2 and 1 could not be told apart .* by remote, and both would have remote 198\.51\.100\.7/,
  });
  t.deepEqual(entries(where), { slots: 1, index: 1 });
  // Once the other one is gone it can be.
  tunnels.remove([1]);
  tunnels.reserve(two.slice(1), by);
});

test('no such instance', (t) => {
  const { context } = site(t);
  t.throws(() => openTunnels('out0', context), { message: /there is no instance 'out0'/ });
});

test('one that is detached meanwhile', (t) => {
  const { where, tunnels } = attached(t);
  tunnels.reserve([{ placeholder: 1 }]);
  detach('out0', where.context);
  t.throws(() => tunnels.bind(1, 5), { message: /'out0' has been detached meanwhile/ });
});

test('not beside XDP, in whichever order', (t) => {
  const where = site(t, 'real');
  attach({ interface: 'out0', netns: where.netns, hook: 'xdp', inside: ['out1'] }, where.context);
  using tunnels = openTunnels('out0', where.context);
  t.throws(() => tunnels.reserve([{ placeholder: 1 }]), {
    message: /XDP does not look into tunnels, .*--hook tcx/,
  });
  attach({ interface: 'out0', netns: where.netns, hook: 'tcx', replace: true }, where.context);
  tunnels.reserve([{ placeholder: 1 }]);
  const back = () =>
    attach(
      { interface: 'out0', netns: where.netns, hook: 'xdp', inside: ['out1'], replace: true },
      where.context,
    );
  t.throws(back, { message: /XDP does not look into tunnels/ });
});

test('programs stay able to do it, whatever else is changed', (t) => {
  const { where, tunnels } = attached(t, 'real');
  tunnels.reserve([{ placeholder: 1, inside: ['10.0.0.1'] }]);
  tunnels.bind(1, 5);
  using instance = openInstance('out0', where.context);
  const uses = (): string[] => [...new Pins(where.root, 'out0').record().uses];
  const needed = ['tunnels', 'tunnels6', 'tunnel_inner'];
  t.true(needed.every((use) => uses().includes(use)));
  instance.addMappings([parseMapping('10.0.0.5=203.0.113.5')]);
  instance.replaceMappings([parseMapping('10.1.0.0/16=100.64.0.0/16')]);
  t.true(needed.every((use) => uses().includes(use)));
  attach({ interface: 'out0', netns: where.netns, replace: true }, where.context);
  t.true(needed.every((use) => uses().includes(use)));
  t.like(tunnels.list()[0], { vni: 5 });
  tunnels.remove([1]);
  attach({ interface: 'out0', netns: where.netns, replace: true }, where.context);
  t.false(needed.some((use) => uses().includes(use)));
  t.deepEqual(instance.status().problems, []);
});

test('killed at any moment, nothing is half bound', async (t) => {
  const { where, tunnels } = attached(t);
  const placeholders = [1, 2, 3, 4];
  tunnels.reserve(placeholders.map((placeholder) => ({ placeholder, remote: REMOTE })));
  const script = join(ROOT, '.build/test/nat/instance/support/tunnel-binder.js');
  for (let round = 0; round < 12; round++) {
    const child = spawn(process.execPath, [script, where.root, 'out0', ...placeholders.map(String)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout!, 'data');
    await new Promise((resolve) => setTimeout(resolve, 5 + round * 7));
    child.kill('SIGKILL');
    await once(child, 'close');
    const bound = tunnels.list().filter(({ state }) => state === 'bound');
    const { index } = entries(where);
    // A killed rebind may leave the index entry of before, which leads nowhere.
    t.true(index >= bound.length && index <= bound.length + round + 1);
    for (const { placeholder, state } of tunnels.list()) {
      if (state === 'bound') tunnels.release([placeholder]);
      tunnels.bind(placeholder, 3000 + placeholder);
      tunnels.release([placeholder]);
    }
  }
  tunnels.remove(placeholders);
  t.deepEqual(entries(where), { slots: 0, index: 0 });
});
