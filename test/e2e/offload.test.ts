// What the kernel hands over is not always what is on the wire: super-packets of TCP and UDP, checksums yet to be
// finished; with each of it on and off. And transport protocols that are summed but rarer: UDP-Lite, DCCP.

import test from 'ava';
import { Capture } from '../support/capture.ts';
import { sleep } from '../support/command.ts';
import { EMULATED } from '../support/emulation.ts';
import { INSIDE, type Lab, makeLab, NEAR_OUTSIDE, ON_LINK, ROUTED } from '../support/lab.ts';
import { INSIDE6, NEAR_OUTSIDE6, ON_LINK6 } from '../support/lab6.ts';
import { patternHash } from '../support/peer/pattern.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON } from '../support/root.ts';
import { scapy } from '../support/scapy.ts';
import { ask, receive, serve } from '../support/seen.ts';
import { startHttp, transfer } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';

const BULK = EMULATED ? 1_000_000 : 5_000_000;
const SEGMENT = 1_000;
const SEGMENTS = 20;
const MAP = [
  [INSIDE, ON_LINK],
  [INSIDE6, ON_LINK6],
] as const;
const PAIRS = [
  { inside: INSIDE, outside: ON_LINK, server: NEAR_OUTSIDE },
  { inside: INSIDE6, outside: ON_LINK6, server: NEAR_OUTSIDE6 },
] as const;

needsRootAndBpf(test);

/** Both devices of the gateway. */
async function setGateway(lab: Lab, features: string): Promise<void> {
  for (const device of [lab.device, 'down0']) await lab.gateway.offload(device, features);
}

for (const features of ['tso off gso off gro off', 'tso on gso on gro on', 'tso off gso off gro on']) {
  test.serial(`TCP with ${features}`, async (t) => {
    const lab = await makeLab(t, { ipv6: true });
    await setGateway(lab, features);
    await translate(t, lab, { map: MAP });
    await startHttp(t, lab.inside, { address: '::' });
    for (const { outside, server } of PAIRS) {
      for (const way of ['get', 'put'] as const) {
        const expected = { from: server, bytes: BULK, sha256: patternHash(BULK) };
        t.deepEqual(await transfer(lab.outside, outside, way, BULK), expected, `${way} ${outside}`);
      }
    }
  });
}

/** Sends one super-datagram, which becomes segments with a header each (UDP_SEGMENT). */
const segmented = (destination: string): string => `
import socket
UDP_SEGMENT = 103
s = socket.socket(socket.${destination.includes(':') ? 'AF_INET6' : 'AF_INET'}, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, ${SEGMENT})
s.bind(("", 5000))
s.sendto(bytes(${SEGMENT * SEGMENTS}), ("${destination}", 7000))
`;

for (const hook of HOOKS) {
  test.serial(`UDP segmentation, both ways, ${hook}`, async (t) => {
    const lab = await makeLab(t, { ipv6: true });
    await translate(t, lab, { map: MAP, hook });
    for (const { outside, server } of PAIRS) {
      for (const [from, to, target, seen] of [
        [lab.inside, lab.outside, server, outside],
        [lab.outside, lab.inside, outside, server],
      ] as const) {
        const received = await receive(t, to, ['::', 7000], SEGMENTS);
        await from.must([PYTHON, '-c', segmented(target)]);
        t.deepEqual(await received(), Array(SEGMENTS).fill([seen, 5000, SEGMENT]));
      }
    }
  });

  test.serial(`UDP-Lite, its checksum over all and over a part, ${hook}`, async (t) => {
    const lab = await makeLab(t, { ipv6: true });
    await translate(t, lab, {
      map: [...MAP, ['10.0.0.6:4000-4999', `${ROUTED}:14000-14999`]],
      hook,
    });
    await lab.inside.ip('addr add 10.0.0.6/24 dev up0');
    await serve(t, lab.outside, ...PAIRS.map(({ server }) => ['udplite', server, 7000] as const));
    await serve(t, lab.inside, ...PAIRS.map(({ inside }) => ['udplite', inside, 7000] as const));
    for (const { inside, outside, server } of PAIRS) {
      const out = { protocol: 'udplite', from: [inside, 5000], to: [server, 7000] } as const;
      const back = { protocol: 'udplite', from: [server, 5000], to: [outside, 7000] } as const;
      t.deepEqual(await ask(lab.inside, out, { ...out, coverage: 12 }), [
        [outside, 5000],
        [outside, 5000],
      ]);
      t.deepEqual(await ask(lab.outside, back, { ...back, coverage: 12 }), [
        [server, 5000],
        [server, 5000],
      ]);
    }
    t.deepEqual(
      await ask(lab.inside, { protocol: 'udplite', from: ['10.0.0.6', 4001], to: [NEAR_OUTSIDE, 7000] }),
      [[ROUTED, 14_001]],
      'it has ports like UDP',
    );
  });
}

test.serial('DCCP and SCTP: the one sum covers the addresses, the other does not', async (t) => {
  const lab = await makeLab(t, { ipv6: true, offload: 'wire' });
  await translate(t, lab, { map: MAP, unmapped: 'drop' });
  const [outer, inner] = await Promise.all([
    Capture.start(t, lab.outside, 'down0', 'proto 33 or ip6 proto 33 or sctp'),
    Capture.start(t, lab.inside, 'up0', 'proto 33 or ip6 proto 33 or sctp'),
  ]);
  // A DCCP request (RFC 4340, section 5): 16 bytes of generic header, a service code, and data of an odd length.
  const send = (pairs: readonly (readonly [source: string, destination: string])[]): string => `
from scapy.layers.inet import in4_chksum
from scapy.layers.inet6 import in6_chksum
from scapy.layers.sctp import SCTP, SCTPChunkInit
for source, destination in ${JSON.stringify(pairs)}:
    six = ":" in source
    head = IPv6(src=source, dst=destination, nh=33) if six else IP(src=source, dst=destination, proto=33)
    request = struct.pack("!HHBBHBBHII", 5000, 7000, 5, 0, 0, 1, 0, 0, 77, 0) + b"odd"
    total = (in6_chksum if six else in4_chksum)(33, head, request)
    send(head/Raw(request[:6] + struct.pack("!H", total) + request[8:]))
    head = (IPv6 if six else IP)(src=source, dst=destination)
    send(head/SCTP(sport=5000,dport=7000)/SCTPChunkInit())`;
  await scapy(lab.inside, send(PAIRS.map(({ inside, server }) => [inside, server])));
  await scapy(lab.outside, send(PAIRS.map(({ outside, server }) => [server, outside])));
  await sleep(200);
  await Promise.all([outer.stop(), inner.stop()]);
  for (const [capture, direction] of [
    [outer, 'src'],
    [inner, 'dst'],
  ] as const) {
    const [four, six] = direction === 'src' ? [ON_LINK, ON_LINK6] : [INSIDE, INSIDE6];
    // A kernel that knows SCTP answers, with ABORT.
    const filter = `(ip.${direction} == ${four} || ipv6.${direction} == ${six}) && !(sctp.chunk_type == 6)`;
    const text = await capture.tshark([
      ...['-o', 'sctp.checksum:CRC-32C', '-Y', filter],
      ...[
        '-T',
        'fields',
        '-e',
        '_ws.col.Protocol',
        '-e',
        'dccp.checksum.status',
        '-e',
        'sctp.checksum.status',
      ],
    ]);
    t.deepEqual(
      text
        .trim()
        .split('\n')
        .map((line) => line.trim().split(/\s+/)),
      [
        ['DCCP', '1'],
        ['SCTP', '1'],
        ['DCCP', '1'],
        ['SCTP', '1'],
      ],
    );
  }
});
