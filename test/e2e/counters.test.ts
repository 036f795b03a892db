// The counters and the live table: what `status` and `map list` say is what was sent.

import test from 'ava';
import { refuses, tsnatOk } from '../support/cli.ts';
import { sleep } from '../support/command.ts';
import { INSIDE, makeLab, NEAR_OUTSIDE, ON_LINK, SECOND_INSIDE, SECOND_ON_LINK } from '../support/lab.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON } from '../support/root.ts';
import { mappingsOf, type Status, statusOf } from '../support/state.ts';
import { ping, pingOk, sendDatagrams, startEcho } from '../support/traffic.ts';
import { HOOKS, instanceName, translate } from '../support/translate.ts';

const IP_AND_ICMP = 28;
const IP_AND_UDP = 28;

needsRootAndBpf(test);

type Reasons = Status['reasons'];

for (const hook of HOOKS) {
  test.serial(`packets and bytes of each mapping, ${hook}`, async (t) => {
    const lab = await makeLab(t, { secondInside: true });
    const { name } = await translate(t, lab, {
      map: [
        [INSIDE, ON_LINK],
        [SECOND_INSIDE, SECOND_ON_LINK],
      ],
      hook,
    });
    const none = { packets: 0, bytes: 0 };
    const [fresh] = await mappingsOf(t, name);
    t.deepEqual(fresh, { kind: 'address', inside: INSIDE, outside: ON_LINK, outbound: none, inbound: none });

    await ping(lab.inside, lab.server, { count: 7, size: 100 });
    await startEcho(t, lab.outside);
    t.is((await sendDatagrams(lab.inside, lab.server, { count: 50, size: 200 })).echoed, 50);
    await ping(lab.outside, SECOND_ON_LINK, { count: 4, size: 10 });

    const first = { packets: 57, bytes: 7 * (100 + IP_AND_ICMP) + 50 * (200 + IP_AND_UDP) };
    const second = { packets: 4, bytes: 4 * (10 + IP_AND_ICMP) };
    t.deepEqual(await mappingsOf(t, name), [
      { kind: 'address', inside: INSIDE, outside: ON_LINK, outbound: first, inbound: first },
      { kind: 'address', inside: SECOND_INSIDE, outside: SECOND_ON_LINK, outbound: second, inbound: second },
    ]);
    const { translated, mappings } = await statusOf(t, name);
    const sum = { packets: first.packets + second.packets, bytes: first.bytes + second.bytes };
    t.deepEqual(translated, { outbound: sum, inbound: sum });
    t.is(mappings, 2);
  });

  test.serial(`what is not translated is counted by its reason, ${hook}`, async (t) => {
    const lab = await makeLab(t);
    const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    // The hosts know each other's hardware address from here on, so that ARP does not add to the counts.
    await pingOk(t, lab.gateway, lab.server);
    await pingOk(t, lab.outside, ON_LINK);
    const before = (await statusOf(t, name)).reasons;
    await ping(lab.gateway, lab.server, { count: 5 });
    const between = (await statusOf(t, name)).reasons;
    // With the policy `pass` what is malformed goes on into the gateway, which may well complain about it.
    const script = `
from scapy.all import *
conf.verb = 0
frame = Ether(dst="${await lab.gateway.mac(lab.device)}",src=get_if_hwaddr("down0"))
for packet in (
    frame/IP(src="${NEAR_OUTSIDE}",dst="${ON_LINK}",len=200)/UDP(sport=1,dport=2),
    frame/IP(src="${NEAR_OUTSIDE}",dst="${ON_LINK}",ihl=4,len=40)/Raw(b"x"*20),
    frame/IP(src="${NEAR_OUTSIDE}",dst="${ON_LINK}",version=5)/UDP(sport=1,dport=2),
    frame/IP(src="${NEAR_OUTSIDE}",dst="${ON_LINK}",proto=6)/Raw(b"x"*10),
    frame/IP(src="${NEAR_OUTSIDE}",dst="${ON_LINK}",proto=17)/Raw(b"x"*4),
    frame/Raw(b"\\x45\\x00"),
):
    if packet.type == 0x9000:
        packet.type = 0x0800
    sendp(packet, iface="down0")
for kind in (0x86dd, 0x88b5):
    sendp(Ether(dst="${await lab.gateway.mac(lab.device)}",type=kind)/Raw(b"z"*50), iface="down0")
`;
    await lab.outside.must([PYTHON, '-c', script]);
    await sleep(200);
    const after = (await statusOf(t, name)).reasons;
    const grown = (from: Reasons, to: Reasons, direction: 'outbound' | 'inbound', reason: string) =>
      (to[direction][reason] ?? -1) - (from[direction][reason] ?? 0);
    t.is(grown(before, between, 'outbound', 'unmapped'), 5);
    t.is(grown(before, between, 'inbound', 'unmapped'), 5);
    t.is(grown(between, after, 'inbound', 'malformed'), 6);
    t.is(grown(between, after, 'inbound', 'not_ip'), 2);
    t.is(grown(before, after, 'inbound', 'helper_failed'), 0);
    t.true((before.inbound.arp_answered ?? 0) >= 1);
    t.is((await mappingsOf(t, name))[0]?.inbound.packets, 3, 'nothing malformed was translated');
  });
}

test.serial('mappings come and go while it runs', async (t) => {
  const lab = await makeLab(t, { secondInside: true });
  const { secondInside } = lab;
  if (!secondInside) return t.fail();
  const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  t.is((await ping(secondInside, lab.server, { count: 1 })).status, 1);
  await tsnatOk(t, ['map', 'add', name, `${SECOND_INSIDE}=${SECOND_ON_LINK}`]);
  await pingOk(t, secondInside, lab.server);
  await pingOk(t, lab.outside, SECOND_ON_LINK);
  await pingOk(t, lab.inside, lab.server);
  await tsnatOk(t, ['map', 'del', name, INSIDE]);
  t.is((await ping(lab.inside, lab.server, { count: 1 })).status, 1);
  await pingOk(t, secondInside, lab.server);
  t.deepEqual(
    (await mappingsOf(t, name)).map(({ inside }) => inside),
    [SECOND_INSIDE],
  );
});

test.serial('map add is all or nothing', async (t) => {
  const lab = await makeLab(t);
  const name = instanceName(t);
  const attach = ['attach', lab.device, '--netns', lab.gateway.name, '--name', name, '--capacity', '3'];
  await tsnatOk(t, [...attach, '--map', `${INSIDE}=${ON_LINK}`]);
  const before = await mappingsOf(t, name);
  const refused: readonly (readonly [string[], (string | RegExp)[]])[] = [
    [['10.9.0.1=203.0.113.91', `${INSIDE}=203.0.113.92`], [INSIDE]],
    [['10.9.0.1=203.0.113.91', `10.9.0.2=${ON_LINK}`], [ON_LINK]],
    [
      ['10.9.0.1=203.0.113.91', '10.9.0.2=203.0.113.92', '10.9.0.3=203.0.113.93'],
      [name, /full|capacity|room|holds/i],
    ],
  ];
  for (const [mappings, names] of refused) {
    await refuses(t, ['map', 'add', name, ...mappings], { status: 1, names });
    t.deepEqual(await mappingsOf(t, name), before);
  }
  await refuses(t, ['map', 'del', name, INSIDE, '10.9.0.9'], { status: 1, names: ['10.9.0.9'] });
  t.deepEqual(await mappingsOf(t, name), before);
  await pingOk(t, lab.inside, lab.server);
});
