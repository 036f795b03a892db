// Mixed traffic captured before and after the gateway: tshark verifies every checksum it knows, reassembles what is
// fragmented, follows every connection, and is to find nothing wrong on either side.

import test from 'ava';
import { Capture } from '../support/capture.ts';
import { sleep } from '../support/command.ts';
import { INSIDE, makeLab, NEAR_OUTSIDE, ON_LINK } from '../support/lab.ts';
import { INSIDE6, NEAR_OUTSIDE6, ON_LINK6 } from '../support/lab6.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { scapy } from '../support/scapy.ts';
import { ask, overBoth, serve } from '../support/seen.ts';
import { pingOk, startHttp, transfer } from '../support/traffic.ts';
import { translate } from '../support/translate.ts';

const BULK = 300_000;
/** An inside that only has ports, beside the one with addresses. */
const PORTS = '10.0.0.6';
const PAIRS = [
  [INSIDE, ON_LINK, NEAR_OUTSIDE],
  [INSIDE6, ON_LINK6, NEAR_OUTSIDE6],
] as const;

needsRootAndBpf(test);

/** What tshark has to say about a capture: errors of its experts, and packets it cannot read to the end. */
async function complaints(capture: Capture): Promise<string> {
  const anyOrder = ['-o', 'tcp.reassemble_out_of_order:TRUE'];
  const experts = await capture.tshark([...anyOrder, '-q', '-z', 'expert,error']);
  const malformed = await capture.tshark([...anyOrder, '-Y', '_ws.malformed || _ws.short']);
  return experts.trim() + malformed.trim();
}

/**
 * Every TCP segment that was captured, without those quoted in ICMP errors. Sorted: where a sender moves to another
 * processor, veth hands its segments on in another order, which a connection stands.
 */
async function segments(capture: Capture): Promise<string[]> {
  const fields = ['seq_raw', 'ack_raw', 'len', 'flags'].flatMap((field) => ['-e', `tcp.${field}`]);
  const listing = await capture.tshark(['-Y', 'tcp && !icmp && !icmpv6', '-T', 'fields', ...fields]);
  return listing.trim().split('\n').sort();
}

test.serial('tshark finds no fault with mixed traffic, before and after', async (t) => {
  const lab = await makeLab(t, { ipv6: true, offload: 'wire' });
  await lab.inside.ip(`addr add ${PORTS}/24 dev up0`);
  await translate(t, lab, {
    map: [
      ...PAIRS.map(([inside, outside]) => [inside, outside] as const),
      [`${PORTS}:8080/tcp`, '203.0.113.9:80/tcp'],
      [`${PORTS}:5000-5999`, '203.0.113.9:15000-15999'],
    ],
    unmapped: 'drop',
  });
  const [before, after] = await Promise.all([
    Capture.start(t, lab.inside, 'up0', 'ip or ip6 or arp'),
    Capture.start(t, lab.outside, 'down0', 'ip or ip6 or arp'),
  ]);
  await startHttp(t, lab.inside, { address: '::' });
  await serve(t, lab.outside, ['tcp', '::', 7000], ['udp', NEAR_OUTSIDE, 7000], ['udp', NEAR_OUTSIDE6, 7000]);
  t.is((await transfer(lab.outside, '203.0.113.9', 'get', BULK, 80)).bytes, BULK);
  t.is((await ask(lab.inside, overBoth([PORTS, 5001], [NEAR_OUTSIDE, 7000])[1]!)).length, 1);
  await pingOk(t, lab.inside, NEAR_OUTSIDE, { more: ['-I', PORTS, '-e', '5002'] });
  for (const [inside, outside, server] of PAIRS) {
    for (const way of ['get', 'put'] as const)
      t.is((await transfer(lab.outside, outside, way, BULK)).bytes, BULK);
    await ask(lab.inside, ...overBoth([inside, 0], [server, 7000]), ...overBoth([inside, 0], [server, 9]));
    await ask(lab.outside, ...overBoth([server, 0], [outside, 9]));
    await pingOk(t, lab.inside, server, { size: 5_000 });
    await pingOk(t, lab.outside, outside, { size: 5_000 });
    await lab.inside.must(['traceroute', '-n', '-q', '1', '-w', '1', '-m', '3', server]);
  }
  await scapy(
    lab.inside,
    `
send(IP(src="${INSIDE}",dst="${NEAR_OUTSIDE}")/GRE()/IP(src="10.8.0.1",dst="10.8.0.2")/UDP(sport=1000,dport=1001)/Raw(b"in GRE"))
send(IP(src="${INSIDE}",dst="${NEAR_OUTSIDE}")/IP(src="10.8.0.1",dst="10.8.0.2")/UDP(sport=1000,dport=1001)/Raw(b"in IP"))
send(IP(src="${INSIDE}",dst="${NEAR_OUTSIDE}",options=[IPOption(b"\\x94\\x04\\x00\\x00")])/UDP(sport=1000,dport=1001)/Raw(b"optional"))
send(IPv6(src="${INSIDE6}",dst="${NEAR_OUTSIDE6}")/IPv6ExtHdrDestOpt()/UDP(sport=1000,dport=1001)/Raw(b"optional"))`,
  );
  await sleep(200);
  await Promise.all([before.stop(), after.stop()]);
  for (const capture of [before, after]) {
    t.true(capture.frames().length > 500);
    t.deepEqual(await capture.faults(), []);
    t.is(await complaints(capture), '');
    t.is(await capture.tshark(['-Y', 'tcp.analysis.ack_lost_segment']), '');
  }
  // TCP as a whole is sound as well: what one side sends the other receives, once.
  const [sent, received] = await Promise.all([segments(before), segments(after)]);
  t.true(sent.length > 500);
  t.deepEqual(received, sent);
  t.is(
    await after.tshark(['-Y', 'ip.addr == 10.0.0.0/24 || ipv6.addr == fd00::/16']),
    '',
    'no inside address shows',
  );
});
