// IPv6 with every kind of mapping that is by address: what is begun on either side, whole, in fragments and with
// extension headers.

import test from 'ava';
import { PATIENCE } from '../support/emulation.ts';
import { type Lab, makeLab } from '../support/lab.ts';
import { GATEWAY6, INSIDE6, NEAR_OUTSIDE6, ON_LINK6 } from '../support/lab6.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { scapy } from '../support/scapy.ts';
import { ask, overBoth, receive, serve } from '../support/seen.ts';
import { pingOk, sendDatagrams, startEcho } from '../support/traffic.ts';
import { HOOKS, type Translation, translate } from '../support/translate.ts';

/** An inside address and how it is seen; the last is the example of RFC 6296, appendix B. */
const ENDS = [
  ['address', INSIDE6, ON_LINK6],
  ['prefix', 'fd00:5::7', '2001:db8:a:5::7'],
  ['neutral prefix', 'fd01:203:405:1::1234', '2001:db8:1:d550::1234'],
] as const;
const MAP: Translation['map'] = [
  [INSIDE6, ON_LINK6],
  ['fd00:5::/64', '2001:db8:a:5::/64'],
  ['fd01:203:405::/48', '2001:db8:1::/48,neutral'],
];

needsRootAndBpf(test);

async function addEnds({ inside, gateway, outside }: Lab): Promise<void> {
  for (const [, address] of ENDS.slice(1)) {
    await inside.ip(`addr add ${address}/64 dev up0`);
    await gateway.ip(`route add ${address}/128 via ${INSIDE6}`);
  }
  await outside.ip(`route add 2001:db8:1::/48 via ${GATEWAY6}`);
}

for (const hook of HOOKS) {
  test.serial(`ping, TCP and UDP, begun inside and outside, ${hook}`, async (t) => {
    const lab = await makeLab(t, { ipv6: true });
    await addEnds(lab);
    await translate(t, lab, { map: MAP, hook, unmapped: 'drop' });
    await serve(t, lab.outside, ['tcp', '::', 7000], ['udp', NEAR_OUTSIDE6, 7000]);
    await serve(
      t,
      lab.inside,
      ['tcp', '::', 7000],
      ...ENDS.map(([, inside]) => ['udp', inside, 7000] as const),
    );
    for (const [kind, inside, outside] of ENDS) {
      await pingOk(t, lab.inside, NEAR_OUTSIDE6, { more: ['-I', inside] });
      await pingOk(t, lab.outside, outside);
      t.deepEqual(
        await ask(lab.inside, ...overBoth([inside, 5000], [NEAR_OUTSIDE6, 7000])),
        [
          [outside, 5000],
          [outside, 5000],
        ],
        kind,
      );
      t.deepEqual(
        await ask(lab.outside, ...overBoth([NEAR_OUTSIDE6, 5001], [outside, 7000])),
        [
          [NEAR_OUTSIDE6, 5001],
          [NEAR_OUTSIDE6, 5001],
        ],
        kind,
      );
    }
  });
}

test.serial('pings and datagrams in fragments', async (t) => {
  const lab = await makeLab(t, { ipv6: true });
  await addEnds(lab);
  await translate(t, lab, { map: MAP, unmapped: 'drop' });
  for (const [, inside, outside] of ENDS) {
    await pingOk(t, lab.inside, NEAR_OUTSIDE6, { size: 9_000, more: ['-I', inside] });
    await pingOk(t, lab.outside, outside, { size: 40_000 });
  }
  const outer = await startEcho(t, lab.outside, { address: '::' });
  t.like(await sendDatagrams(lab.inside, NEAR_OUTSIDE6, { count: 30, size: 20_000 }), {
    echoed: 30,
    spoiled: 0,
  });
  t.is((await outer.stop()).received, 30);
});

test.serial('fragments in any order are put together by who receives them', async (t) => {
  const lab = await makeLab(t, { ipv6: true });
  await addEnds(lab);
  await translate(t, lab, { map: MAP, unmapped: 'drop' });
  const orders = ['parts[::-1]', 'parts[1:] + parts[:1]', 'parts[::2] + parts[1::2]'];
  const send = (source: string, destination: string, number: number) =>
    orders
      .map(
        (order, index) => `
whole = IPv6(src="${source}",dst="${destination}")/IPv6ExtHdrFragment(id=${number + index})/UDP(sport=5000,dport=7000)/Raw(b"f"*4000)
parts = fragment6(whole, 1000)
for part in ${order}:
    send(part)`,
      )
      .join('\n');
  const outer = await receive(t, lab.outside, ['::', 7000], ENDS.length * orders.length);
  const inner = await receive(t, lab.inside, ['::', 7000], ENDS.length * orders.length);
  await scapy(lab.inside, ENDS.map(([, inside], i) => send(inside, NEAR_OUTSIDE6, 10 * i)).join('\n'));
  await scapy(lab.outside, ENDS.map(([, , outside], i) => send(NEAR_OUTSIDE6, outside, 10 * i)).join('\n'));
  t.deepEqual(
    await outer(),
    ENDS.flatMap(([, , outside]) => orders.map(() => [outside, 5000, 4000])),
  );
  t.deepEqual(
    await inner(),
    ENDS.flatMap(() => orders.map(() => [NEAR_OUTSIDE6, 5000, 4000])),
  );
});

test.serial('extension headers before UDP, TCP and echoes', async (t) => {
  const lab = await makeLab(t, { ipv6: true });
  await addEnds(lab);
  await translate(t, lab, { map: MAP, unmapped: 'drop' });
  await serve(t, lab.outside, ['tcp', '::', 7000]);
  await serve(t, lab.inside, ['tcp', '::', 7000]);
  const chains = [
    'IPv6ExtHdrHopByHop()',
    'IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=0x1e,optdata=b"x"*20)])',
    'IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()',
    'IPv6ExtHdrDestOpt()/IPv6ExtHdrFragment(id=9)/IPv6ExtHdrDestOpt()',
  ];
  // The other host's kernel answers only what has a right checksum. Our own would reset the connections; nobody minds.
  const talk = (device: string, pairs: readonly (readonly [source: string, destination: string])[]) => `
def offer():
    for source, destination in ${JSON.stringify(pairs)}:
        for number, chain in enumerate([${chains.join(', ')}]):
            head = IPv6(src=source,dst=destination)/chain
            send(head/ICMPv6EchoRequest(id=number,data=b"ping"))
            send(head/TCP(sport=5100+number,dport=7000,seq=9))
sniffer = AsyncSniffer(iface="${device}", filter="ip6", timeout=${20 * PATIENCE}, started_callback=offer, count=${2 * chains.length} * ${pairs.length}, lfilter=lambda p: ICMPv6EchoReply in p or TCP in p and p[TCP].flags == "SA")
sniffer.start()
sniffer.join()
for p in sniffer.results:
    what = f"echo {p[ICMPv6EchoReply].id}" if ICMPv6EchoReply in p else f"tcp {p[TCP].dport}"
    print(p[IPv6].src, p[IPv6].dst, what)`;
  const expected = (pairs: readonly (readonly [string, string])[]) =>
    pairs.flatMap(([source, destination]) =>
      chains.flatMap((_, number) => [
        `${destination} ${source} echo ${number}`,
        `${destination} ${source} tcp ${5100 + number}`,
      ]),
    );
  for (const [host, device, pairs] of [
    [lab.inside, 'up0', ENDS.map(([, inside]) => [inside, NEAR_OUTSIDE6] as const)],
    [lab.outside, 'down0', ENDS.map(([, , outside]) => [NEAR_OUTSIDE6, outside] as const)],
  ] as const) {
    t.deepEqual((await scapy(host, talk(device, pairs))).trim().split('\n').sort(), expected(pairs).sort());
  }
});
