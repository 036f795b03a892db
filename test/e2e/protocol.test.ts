// Protocols without ports, and the wire as a whole: by address only, every checksum right, no connection tracked.

import test from 'ava';
import { Capture } from '../support/capture.ts';
import { sleep } from '../support/command.ts';
import { INSIDE, makeLab, NEAR_OUTSIDE, ON_LINK } from '../support/lab.ts';
import { INSIDE6, NEAR_OUTSIDE6, ON_LINK6 } from '../support/lab6.ts';
import type { Namespace } from '../support/namespace.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON } from '../support/root.ts';
import { scapy } from '../support/scapy.ts';
import { ping, pingOk, sendDatagrams, startEcho, startHttp, transfer } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';

needsRootAndBpf(test);

const PROTOCOLS = { IPIP: 4, GRE: 47, ESP: 50, SCTP: 132, experimental: 253 };

async function sendRaw(
  host: Namespace,
  source: string,
  destination: string,
  protocol: number,
): Promise<void> {
  const script = `
from scapy.all import *
conf.verb = 0
send(IP(src="${source}",dst="${destination}",proto=${protocol})/Raw(bytes(range(64))))
`;
  await host.must([PYTHON, '-c', script]);
}

for (const hook of HOOKS) {
  test.serial(
    `a protocol the translator does not know goes by its address, payload untouched, ${hook}`,
    async (t) => {
      const lab = await makeLab(t, { offload: 'wire' });
      await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
      const numbers = Object.values(PROTOCOLS);
      const filter = numbers.map((number) => `ip proto ${number}`).join(' or ');
      const [outer, inner] = await Promise.all([
        Capture.start(t, lab.outside, 'down0', filter),
        Capture.start(t, lab.inside, 'up0', filter),
      ]);
      for (const number of numbers) {
        await sendRaw(lab.inside, INSIDE, NEAR_OUTSIDE, number);
        await sendRaw(lab.outside, NEAR_OUTSIDE, ON_LINK, number);
      }
      await sleep(200);
      await Promise.all([outer.stop(), inner.stop()]);
      const payload = Buffer.from(Array.from({ length: 64 }, (_, index) => index));
      for (const [capture, source, destination] of [
        [outer, ON_LINK, NEAR_OUTSIDE],
        [inner, NEAR_OUTSIDE, INSIDE],
      ] as const) {
        const packets = capture.packets().filter((p) => p.source === source && p.destination === destination);
        t.deepEqual(
          packets.map(({ protocol }) => protocol),
          numbers,
        );
        t.true(packets.every((packet) => packet.payload.equals(payload) && packet.headerChecksum === 'good'));
      }
    },
  );

  test.serial(
    `on the outer wire there are outside addresses only and no checksum is wrong, ${hook}`,
    async (t) => {
      const lab = await makeLab(t, { offload: 'wire' });
      await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
      await Promise.all([startHttp(t, lab.outside), startEcho(t, lab.outside)]);
      const [outer, inner] = await Promise.all([
        Capture.start(t, lab.outside, 'down0'),
        Capture.start(t, lab.inside, 'up0'),
      ]);
      await pingOk(t, lab.inside, lab.server);
      await pingOk(t, lab.outside, ON_LINK);
      t.is((await transfer(lab.inside, lab.server, 'get', 200_000)).from, ON_LINK);
      t.is((await sendDatagrams(lab.inside, lab.server, { count: 50, size: 3_000 })).echoed, 50);
      await Promise.all([outer.stop(), inner.stop()]);
      for (const [capture, host] of [
        [outer, ON_LINK],
        [inner, INSIDE],
      ] as const) {
        const packets = capture.packets();
        t.true(packets.length > 100);
        const strangers = packets.filter((packet) => ![packet.source, packet.destination].includes(host));
        t.deepEqual(strangers, []);
        t.deepEqual(await capture.faults(), []);
      }
    },
  );
}

test.serial('the same over IPv6: by address, payload untouched', async (t) => {
  const lab = await makeLab(t, { ipv6: true, offload: 'wire' });
  await translate(t, lab, { map: [[INSIDE6, ON_LINK6]], unmapped: 'drop' });
  const numbers = [4, 41, 47, 50, 59, 132, 253];
  const [outer, inner] = await Promise.all([
    Capture.start(t, lab.outside, 'down0', 'ip6 and ip6[6] != 58'),
    Capture.start(t, lab.inside, 'up0', 'ip6 and ip6[6] != 58'),
  ]);
  const send = (source: string, destination: string): string =>
    `for number in ${JSON.stringify(numbers)}: send(IPv6(src="${source}",dst="${destination}",nh=number)/Raw(bytes(range(64))))`;
  await scapy(lab.inside, send(INSIDE6, NEAR_OUTSIDE6));
  await scapy(lab.outside, send(NEAR_OUTSIDE6, ON_LINK6));
  await sleep(200);
  await Promise.all([outer.stop(), inner.stop()]);
  const payload = Buffer.from(Array.from({ length: 64 }, (_, index) => index));
  for (const [capture, source, destination] of [
    [outer, ON_LINK6, NEAR_OUTSIDE6],
    [inner, NEAR_OUTSIDE6, INSIDE6],
  ] as const) {
    const filter = `ipv6.src == ${source} && ipv6.dst == ${destination}`;
    const fields = await capture.tshark([
      '-Y',
      filter,
      '-T',
      'fields',
      '-e',
      'frame.number',
      '-e',
      'ipv6.nxt',
    ]);
    const seen = fields
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    t.deepEqual(
      seen.map(([, next]) => Number(next?.split(',')[0])),
      numbers,
    );
    const frames = capture.frames();
    t.true(seen.every(([number]) => frames[Number(number) - 1]?.subarray(14 + 40).equals(payload)));
  }
});

test.serial('IP options do not hide the transport header', async (t) => {
  const lab = await makeLab(t, { offload: 'wire' });
  await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  const outer = await Capture.start(t, lab.outside, 'down0', 'udp');
  const script = `
from scapy.all import *
conf.verb = 0
for words in range(1, 11):
    options = b"\\x01" * (words * 4)
    send(IP(src="${INSIDE}",dst="${NEAR_OUTSIDE}",options=[IPOption(options[:4])]*words)/UDP(sport=1,dport=2)/Raw(b"o"*words))
`;
  await lab.inside.must([PYTHON, '-c', script]);
  await sleep(200);
  await outer.stop();
  const packets = outer.packets();
  t.is(packets.length, 10);
  t.true(packets.every(({ source, transport }) => source === ON_LINK && transport?.checksum === 'good'));
});

/** Connection tracking entries of a namespace, by the kernel's own count. */
async function tracked(namespace: Namespace): Promise<number> {
  const text = await namespace.must(['conntrack', '-C']);
  return Number(text.trim());
}

test.serial('no connection is tracked, where MASQUERADE tracks every one', async (t) => {
  const lab = await makeLab(t);
  await Promise.all([startHttp(t, lab.outside), startEcho(t, lab.outside)]);
  const talk = async () => {
    await ping(lab.inside, lab.server);
    await transfer(lab.inside, lab.server, 'get', 100_000);
    await sendDatagrams(lab.inside, lab.server, { count: 20 });
  };
  const instance = await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  const before = await tracked(lab.gateway);
  await talk();
  t.is(await tracked(lab.gateway), before);
  t.is(before, 0);
  await instance.detach();
  await lab.gateway.must([
    'iptables',
    '-t',
    'nat',
    '-A',
    'POSTROUTING',
    '-o',
    lab.device,
    '-j',
    'MASQUERADE',
  ]);
  await talk();
  t.true((await tracked(lab.gateway)) >= 3, 'the count does count');
});
