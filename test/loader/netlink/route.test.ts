// The least MTU of routes: of both families, in every table, however they lead; not of those that are locked.

import test from 'ava';
import {
  findInterface,
  findMaster,
  leastRouteMtu,
  NetlinkSocket,
  withNetns,
} from '../../../src/loader/index.ts';
import { run } from '../support/commands.ts';
import { namespace } from '../support/namespace.ts';

test('the least MTU of routes, as ip has made them', (t) => {
  const { name } = namespace('ldrt');
  const ip = (text: string): void => {
    run('ip', '-n', name, ...text.split(' '));
  };
  const least = (): number | undefined =>
    withNetns(name, () => {
      using socket = new NetlinkSocket();
      return leastRouteMtu(socket);
    });
  for (const [end, address] of [
    ['a', '10.9.0.1/24'],
    ['b', '10.9.1.1/24'],
  ] as const) {
    ip(`link add ${end}0 type veth peer name ${end}1`);
    ip(`link set ${end}0 up`);
    ip(`link set ${end}1 up`);
    ip(`addr add ${address} dev ${end}0`);
  }
  ip('addr add fd00::1/64 dev a0 nodad');
  t.is(least(), undefined);
  ip('route add 198.51.100.0/24 via 10.9.0.2 mtu lock 1000');
  t.is(least(), undefined);
  ip('route add 198.51.101.0/24 via 10.9.0.2 mtu 1450');
  t.is(least(), 1450);
  ip('-6 route add 2001:db8::/32 via fd00::2 mtu 1400');
  t.is(least(), 1400);
  ip('route add 198.51.102.0/24 via 10.9.0.2 table 77 mtu 1350');
  t.is(least(), 1350);
  ip('route add 198.51.103.0/24 mtu 1300 nexthop via 10.9.0.2 nexthop via 10.9.1.2');
  t.is(least(), 1300);
  // Nothing is sent by these.
  ip('route add blackhole 198.51.104.0/24 mtu 1200');
  t.is(least(), 1300);
});

test('what an interface is a port of', (t) => {
  const { name } = namespace('ldrt');
  run('ip', '-n', name, 'link', 'add', 'br0', 'type', 'bridge');
  run('ip', '-n', name, 'link', 'add', 'p0', 'master', 'br0', 'type', 'veth', 'peer', 'name', 'p1');
  withNetns(name, () => {
    using socket = new NetlinkSocket();
    const indexOf = (each: string): number => findInterface(socket, each)?.index ?? 0;
    t.like(findMaster(socket, indexOf('p0')), { name: 'br0', kind: 'bridge' });
    t.is(findMaster(socket, indexOf('p1')), undefined);
    t.is(findMaster(socket, indexOf('br0')), undefined);
    t.is(findMaster(socket, 999_999), undefined);
  });
});
