// ICMP errors: path MTU through the gateway, from both sides, and what the errors quote.

import test from 'ava';
import { Capture } from '../support/capture.ts';
import { sleep } from '../support/command.ts';
import {
  FAR_OUTSIDE,
  GATEWAY,
  INSIDE,
  INSIDE_ROUTER,
  makeLab,
  NEAR_OUTSIDE,
  ON_LINK,
  OUTSIDE_ROUTER,
} from '../support/lab.ts';
import type { Namespace } from '../support/namespace.ts';
import { faults, type Ipv4 } from '../support/packet.ts';
import { patternHash } from '../support/peer/pattern.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON } from '../support/root.ts';
import { ping, startHttp, transfer } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';

const DEST_UNREACH = 3;
const PORT_UNREACH = 3;
const FRAG_NEEDED = 4;
const TIME_EXCEEDED = 11;
const SMALL_MTU = 1280;

needsRootAndBpf(test);

/** ICMP errors that quote a packet, out of a capture. */
function errors(capture: Capture): { outer: Ipv4; type: number; code: number; quote: Ipv4 }[] {
  return capture.packets().flatMap((outer) => {
    const { type = -1, code = -1, quote } = outer.transport ?? {};
    return quote ? [{ outer, type, code, quote }] : [];
  });
}

for (const hook of HOOKS) {
  test.serial(`path MTU: a narrow link outside is reported to the inside host, ${hook}`, async (t) => {
    const lab = await makeLab(t, { outsideRouter: { mtu: SMALL_MTU } });
    await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    const { stdout, stderr } = await ping(lab.inside, lab.server, {
      size: 1400,
      count: 2,
      more: ['-M', 'do'],
    });
    t.regex(stdout + stderr, /mtu ?= ?1280/);
    t.regex(await lab.inside.must(['ip', 'route', 'get', lab.server]), /mtu 1280/, 'and it has taken note');
    await startHttp(t, lab.outside);
    const sent = await transfer(lab.inside, lab.server, 'put', 5_000_000);
    t.is(sent.sha256, patternHash(5_000_000));
  });

  test.serial(`path MTU: a narrow link inside is reported to the outside host, ${hook}`, async (t) => {
    const lab = await makeLab(t, { insideRouter: { mtu: SMALL_MTU } });
    await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    const { stdout, stderr } = await ping(lab.outside, ON_LINK, { size: 1400, count: 2, more: ['-M', 'do'] });
    t.regex(stdout + stderr, /mtu ?= ?1280/);
    t.regex(await lab.outside.must(['ip', 'route', 'get', ON_LINK]), /mtu 1280/, 'and it has taken note');
    await startHttp(t, lab.inside);
    const sent = await transfer(lab.outside, ON_LINK, 'put', 5_000_000);
    t.is(sent.sha256, patternHash(5_000_000));
  });
}

test.serial('path MTU: the gateway itself reports a narrow link, under its own address', async (t) => {
  const lab = await makeLab(t, { offload: 'wire' });
  await lab.gateway.ip(`link set down0 mtu ${SMALL_MTU}`);
  await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  const wire = await Capture.start(t, lab.outside, 'down0', 'icmp');
  const { stdout, stderr } = await ping(lab.outside, ON_LINK, { size: 1400, count: 2, more: ['-M', 'do'] });
  t.regex(stdout + stderr, /mtu ?= ?1280/);
  await wire.stop();
  const [error] = errors(wire);
  t.like(error, { type: DEST_UNREACH, code: FRAG_NEEDED });
  t.is(error?.outer.source, GATEWAY);
  t.is(error?.quote.destination, ON_LINK, 'it quotes what the outside host has sent');
  t.deepEqual(await wire.faults(), []);
});

for (const size of [0, 1, 64, 470, 1200]) {
  test.serial(`port unreachable quoting a datagram of ${size} bytes, both ways`, async (t) => {
    const lab = await makeLab(t, { offload: 'wire' });
    await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
    const [outer, inner] = await Promise.all([
      Capture.start(t, lab.outside, 'down0', 'icmp'),
      Capture.start(t, lab.inside, 'up0', 'icmp'),
    ]);
    const refusal = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.connect(("ADDRESS", 4444))
s.send(b"x" * ${size})
try:
    s.recv(1)
except ConnectionRefusedError:
    print("refused")
`;
    const from = (host: Namespace, address: string) =>
      host.must([PYTHON, '-c', refusal.replace('ADDRESS', address)]);
    t.is(await from(lab.inside, lab.server), 'refused\n', 'the error reaches the socket inside');
    t.is(await from(lab.outside, ON_LINK), 'refused\n', 'the error reaches the socket outside');
    await Promise.all([outer.stop(), inner.stop()]);
    for (const [capture, source, quoted] of [
      [inner, NEAR_OUTSIDE, [INSIDE, NEAR_OUTSIDE]],
      [outer, ON_LINK, [NEAR_OUTSIDE, ON_LINK]],
    ] as const) {
      const error = errors(capture).find(({ outer: packet }) => packet.source === source);
      t.like(error, { type: DEST_UNREACH, code: PORT_UNREACH });
      t.deepEqual([error?.quote.source, error?.quote.destination], [...quoted]);
      // Linux quotes up to 576 bytes: a short datagram whole, and then its checksum can be recomputed.
      t.is(error?.quote.transport?.checksum, size < 500 ? 'good' : 'cut');
      t.deepEqual(error && faults(error.outer), []);
      t.deepEqual(await capture.faults(), []);
    }
  });
}

test.serial('an error that quotes TCP has the inner addresses and checksums right, both ways', async (t) => {
  const lab = await makeLab(t, { insideRouter: {}, outsideRouter: {}, offload: 'wire' });
  await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  const [outer, inner] = await Promise.all([
    Capture.start(t, lab.outside, 'down0', 'icmp'),
    Capture.start(t, lab.inside, 'up0', 'icmp'),
  ]);
  await lab.inside.must(['traceroute', '-n', '-T', '-q', '1', '-w', '1', '-f', '3', '-m', '3', lab.server]);
  await lab.outside.must(['traceroute', '-n', '-T', '-q', '1', '-w', '1', '-f', '3', '-m', '3', ON_LINK]);
  await Promise.all([outer.stop(), inner.stop()]);
  for (const [capture, source, quoted] of [
    [inner, OUTSIDE_ROUTER, [INSIDE, FAR_OUTSIDE]],
    [outer, INSIDE_ROUTER, [FAR_OUTSIDE, ON_LINK]],
  ] as const) {
    const [error] = errors(capture);
    t.is(error?.type, TIME_EXCEEDED);
    t.is(error?.outer.source, source);
    t.deepEqual([error?.quote.source, error?.quote.destination], [...quoted]);
    t.is(error?.quote.protocol, 6);
    t.is(error?.quote.transport?.checksum, 'good');
    t.deepEqual(await capture.faults(), []);
  }
});

/** Hand-made errors, as routers other than Linux send them; scapy computes every checksum. */
const CRAFTED: readonly { readonly name: string; readonly quote: string; readonly cut: number }[] = [
  { name: 'UDP cut at 8 bytes', quote: 'UDP(sport=5000,dport=53)/Raw(b"q"*40)', cut: 28 },
  { name: 'TCP cut at 8 bytes', quote: 'TCP(sport=5000,dport=80,seq=7)', cut: 28 },
  { name: 'TCP whole', quote: 'TCP(sport=5000,dport=80,seq=7)/Raw(b"data")', cut: 1000 },
  { name: 'UDP without checksum', quote: 'UDP(sport=5000,dport=53,chksum=0)/Raw(b"q"*8)', cut: 1000 },
  { name: 'ICMP echo', quote: 'ICMP(type=8,id=9,seq=1)/Raw(b"ping")', cut: 1000 },
  { name: 'GRE by number', quote: 'Raw(b"\\x00\\x00\\x08\\x00" + b"g"*40)', cut: 1000 },
  { name: 'a header alone', quote: 'UDP(sport=5000,dport=53)', cut: 20 },
];

for (const { name, quote, cut } of CRAFTED) {
  for (const options of ['', ',options=[IPOption(b"\\x94\\x04\\x00\\x00")]']) {
    test.serial(`a router's error quoting ${name}${options && ', both headers with options'}`, async (t) => {
      const lab = await makeLab(t, { offload: 'wire' });
      await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
      const inner = await Capture.start(t, lab.inside, 'up0', 'icmp');
      const protocol = name.startsWith('GRE') ? ',proto=47' : '';
      const length = options ? cut + 4 : cut;
      // Scapy sums what it quotes as it was sent: under the outside address.
      const script = `
from scapy.all import *
conf.verb = 0
quoted = bytes(IP(src="${ON_LINK}",dst="192.0.2.77",ttl=3${protocol}${options})/${quote})[:${length}]
send(IP(src="${OUTSIDE_ROUTER}",dst="${ON_LINK}"${options})/ICMP(type=3,code=1)/Raw(quoted))
`;
      await lab.outside.must([PYTHON, '-c', script]);
      await sleep(200);
      await inner.stop();
      const [error] = errors(inner);
      t.is(error?.outer.source, OUTSIDE_ROUTER, "the router's own address is left alone");
      t.is(error?.outer.destination, INSIDE);
      t.deepEqual([error?.quote.source, error?.quote.destination], [INSIDE, '192.0.2.77']);
      t.deepEqual(error && faults(error.outer), []);
      t.is(error?.outer.transport?.checksum, 'good', 'ICMP checksum');
      if (name === 'UDP without checksum') t.is(error?.quote.transport?.checksum, 'none');
      if (name === 'TCP whole') t.is(error?.quote.transport?.checksum, 'good');
      t.deepEqual(await inner.faults(), []);
    });
  }
}
