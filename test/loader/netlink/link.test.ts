import { closeSync, readdirSync } from 'node:fs';
import test from 'ava';
import {
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  addAddress,
  addRoute,
  changeInterface,
  createVeth,
  deleteInterface,
  findInterface,
  ipv4,
  listAddresses,
  listInterfaces,
  NetlinkSocket,
  openNetns,
  withNetns,
} from '../../../src/loader/index.ts';
import { namespace } from '../support/namespace.ts';

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);

test('a veth pair across namespaces, with addresses and routes, as ip sees it', (t) => {
  const left = namespace('ldrt');
  const right = namespace('ldrt');
  const peerNetns = openNetns(right.name);
  withNetns(left.name, () => {
    using socket = new NetlinkSocket();
    createVeth(socket, { name: 'near', mac: MAC, mtu: 1400 }, { name: 'far', netnsFd: peerNetns });
    t.throws(() => createVeth(socket, { name: 'near' }, { name: 'far2' }), { code: 'EEXIST' });
    const near = findInterface(socket, 'near');
    t.like(near, { name: 'near', type: ARPHRD_ETHER, mtu: 1400, kind: 'veth', mac: MAC });
    const index = near?.index ?? 0;
    t.deepEqual(findInterface(socket, index), near);
    changeInterface(socket, index, { up: true, mtu: 1300 });
    addAddress(socket, index, ipv4('10.9.0.1'), 24);
    addAddress(socket, index, ipv4('10.9.1.1'), 16);
    addRoute(socket, { gateway: ipv4('10.9.0.2') });
    addRoute(socket, { destination: ipv4('192.0.2.0'), prefixLength: 24, ifindex: index });
    t.deepEqual(listAddresses(socket, index), [
      { ifindex: index, local: ipv4('10.9.0.1'), address: ipv4('10.9.0.1'), prefixLength: 24 },
      { ifindex: index, local: ipv4('10.9.1.1'), address: ipv4('10.9.1.1'), prefixLength: 16 },
    ]);
    // Modules of tunnels give each namespace a device or two of theirs.
    const names = listInterfaces(socket).map(({ name }) => name);
    t.deepEqual(
      names.filter((each) => !/^(gre|gretap|erspan|tunl|sit|ip6?_vti|ip6tnl|ip6gre)0$/.test(each)),
      ['lo', 'near'],
    );
    t.is(findInterface(socket, 'lo')?.type, ARPHRD_LOOPBACK);
    t.is(findInterface(socket, 'absent'), undefined);
    t.is(findInterface(socket, 4711), undefined);
  });
  closeSync(peerNetns);
  const shown = left.ip('-d link show near');
  t.regex(shown, /near@if\d+: <NO-CARRIER,BROADCAST,MULTICAST,UP.* mtu 1300 .*veth/s);
  t.regex(shown, /02:00:00:00:00:01/);
  t.regex(left.ip('addr show near'), /inet 10\.9\.0\.1\/24 [\s\S]*inet 10\.9\.1\.1\/16/);
  const routes = left.ip('route show');
  t.regex(routes, /default via 10\.9\.0\.2 dev near proto static/);
  t.regex(routes, /192\.0\.2\.0\/24 dev near proto static scope link/);
  t.regex(right.ip('link show far'), /far@/);
  withNetns(left.name, () => {
    using socket = new NetlinkSocket();
    deleteInterface(socket, findInterface(socket, 'near')?.index ?? 0);
  });
  t.throws(() => right.ip('link show far'));
});

test("the kernel's words are in the error", (t) => {
  const { name, ip } = namespace('ldrt');
  ip('link add name a type veth peer name b');
  withNetns(name, () => {
    using socket = new NetlinkSocket();
    const index = findInterface(socket, 'a')?.index ?? 0;
    const error = t.throws(() => changeInterface(socket, index, { mtu: 10 }), { code: 'EINVAL' });
    t.regex(error?.message ?? '', /cannot change interface \d+: mtu less than device minimum \(EINVAL\)/);
  });
});

test('names that no interface can have are refused before the kernel is asked', (t) => {
  using socket = new NetlinkSocket();
  for (const name of ['', 'a/b', 'sixteen-letters!', 'a b', '..', 'a:b']) {
    t.throws(() => findInterface(socket, name), { instanceOf: RangeError });
  }
});

test('addresses are four decimal numbers', (t) => {
  t.deepEqual(ipv4('203.0.113.5'), Uint8Array.of(203, 0, 113, 5));
  for (const text of ['1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4.5', '1.2.3.x', '']) {
    t.throws(() => ipv4(text), { instanceOf: RangeError });
  }
});

test('sockets leave no descriptor behind', (t) => {
  const before = readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 10; i++) {
    using socket = new NetlinkSocket();
    findInterface(socket, 'lo');
    listInterfaces(socket);
  }
  t.is(readdirSync('/proc/self/fd').length, before);
});
