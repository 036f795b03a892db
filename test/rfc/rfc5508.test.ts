// RFC 5508, NAT behavioral requirements for ICMP: one test for each requirement that means something for a translation
// that is fixed beforehand. docs/rfc.md has the whole list.

import test, { type ExecutionContext } from 'ava';
import { Capture } from '../support/capture.ts';
import { sleep } from '../support/command.ts';
import {
  INSIDE,
  INSIDE_ROUTER,
  type Lab,
  makeLab,
  NEAR_OUTSIDE,
  ON_LINK,
  SECOND_INSIDE,
  SECOND_ON_LINK,
} from '../support/lab.ts';
import type { Ipv4 } from '../support/packet.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { scapy } from '../support/scapy.ts';
import { ask } from '../support/seen.ts';
import { statusOf } from '../support/state.ts';
import { ping, pingOk } from '../support/traffic.ts';
import { translate } from '../support/translate.ts';

/** A second address of the outside host. */
const OTHER = '203.0.113.3';
const IDS = [1024, 2000, 4095];

needsRootAndBpf(test);

/** Two insides, one by its address and one by a block of identifiers. */
async function world(t: ExecutionContext): Promise<{ lab: Lab; name: string }> {
  const lab = await makeLab(t, { secondInside: true, offload: 'wire' });
  await lab.outside.ip(`addr add ${OTHER}/24 dev down0`);
  const { name } = await translate(t, lab, {
    map: [
      [INSIDE, ON_LINK],
      [`${SECOND_INSIDE}:1024-4095`, `${SECOND_ON_LINK}:1024-4095`],
    ],
    unmapped: 'drop',
  });
  return { lab, name };
}

/** Sends by hand. @returns the ICMP errors that come to the inside host of it */
async function errorsInside(t: ExecutionContext, lab: Lab, script: string): Promise<readonly Ipv4[]> {
  const inner = await Capture.start(t, lab.inside, 'up0', 'icmp');
  await scapy(lab.outside, script);
  await sleep(200);
  await inner.stop();
  return inner.packets();
}

/** What the inside host is taken to have sent, as a router outside quotes it. */
const QUOTED = `IP(src="${ON_LINK}",dst="192.0.2.77",ttl=1)/UDP(sport=2000,dport=53)/Raw(b"quoted")`;
const errorFrom = (router: string, quoted: string, how: string = 'type=11,code=0'): string =>
  `send(IP(src="${router}",dst="${ON_LINK}")/ICMP(${how})/Raw(bytes(${quoted})))`;

test.serial(
  'REQ-1 and REQ-1a: queries go out, under an identifier that does not depend on whom they ask',
  async (t) => {
    const { lab } = await world(t);
    const wire = await Capture.start(t, lab.outside, 'down0', `icmp[0] == 8`);
    for (const id of IDS) {
      for (const server of [NEAR_OUTSIDE, OTHER]) {
        await pingOk(t, lab.inside, server, { count: 1, more: ['-e', `${id}`] });
        await pingOk(t, lab.secondInside!, server, { count: 1, more: ['-e', `${id}`] });
      }
    }
    await wire.stop();
    const seen = (outside: string) =>
      wire
        .packets()
        .filter(({ source }) => source === outside)
        .map(({ payload }) => payload.readUInt16BE(4));
    const expected = IDS.flatMap((id) => [id, id]);
    t.deepEqual(seen(ON_LINK), expected);
    t.deepEqual(seen(SECOND_ON_LINK), expected);
  },
);

test.serial('REQ-3: an error with a wrong checksum is not made right', async (t) => {
  const { lab } = await world(t);
  const [error] = await errorsInside(t, lab, errorFrom(OTHER, QUOTED, 'type=11,code=0,chksum=0x1234'));
  // It goes on as wrong as it came, and who receives it drops it.
  t.is(error?.transport?.checksum, 'bad');
});

test.serial('REQ-3a: nor one whose quoted header has a wrong checksum', async (t) => {
  const { lab } = await world(t);
  const [error] = await errorsInside(
    t,
    lab,
    errorFrom(OTHER, QUOTED.replace('ttl=1', 'ttl=1,chksum=0x1234')),
  );
  t.is(error?.transport?.checksum, 'good', 'the error itself is sound');
  t.is(error?.transport?.quote?.headerChecksum, 'bad');
});

test.serial('REQ-3b: options in the quoted header do not hide what follows', async (t) => {
  const { lab } = await world(t);
  const quoted = QUOTED.replace('ttl=1', 'ttl=1,options=[IPOption(b"\\x94\\x04\\x00\\x00")]');
  const [error] = await errorsInside(t, lab, errorFrom(OTHER, quoted));
  t.is(error?.transport?.quote?.source, INSIDE);
  t.deepEqual(error?.transport?.quote?.transport?.ports, [2000, 53]);
  t.is(error?.transport?.quote?.transport?.checksum, 'good');
});

test.serial('REQ-3c: the quoted transport checksum is not judged', async (t) => {
  const { lab } = await world(t);
  const [error] = await errorsInside(
    t,
    lab,
    errorFrom(OTHER, QUOTED.replace('dport=53', 'dport=53,chksum=0x1234')),
  );
  t.is(error?.transport?.quote?.source, INSIDE);
  t.is(error?.transport?.quote?.transport?.checksum, 'bad', 'and neither is it mended');
});

test.serial('REQ-3d: extensions behind the quote are not part of it', async (t) => {
  const { lab } = await world(t);
  // RFC 4884: the quote is padded to 128 bytes, its length in words is in the header; an object of MPLS labels follows.
  const extension = '"20" + "00" + "0000" + "0008" + "0101" + "00010140"';
  const padded = `bytes(${QUOTED}).ljust(128, b"\\x00") + ext`;
  const script = `
bare = bytes.fromhex(${extension})
total = checksum(bare)
ext = bare[:2] + struct.pack("!H", total) + bare[4:]
error = IP(src="${OTHER}",dst="${ON_LINK}")/ICMP(type=11,code=0)/Raw(${padded})
raw = bytearray(bytes(error))
raw[25] = 128 // 4
raw[22:24] = b"\\x00\\x00"
raw[22:24] = struct.pack("!H", checksum(bytes(raw[20:])))
print(ext.hex())
send(IP(bytes(raw)))`;
  const inner = await Capture.start(t, lab.inside, 'up0', 'icmp');
  const extensionBytes = (await scapy(lab.outside, script)).trim();
  await sleep(200);
  await inner.stop();
  const [error] = inner.packets();
  t.is(error?.transport?.checksum, 'good');
  t.is(error?.transport?.quote?.source, INSIDE);
  t.is(error?.transport?.quote?.transport?.checksum, 'good');
  t.is(error?.payload.subarray(8 + 128).toString('hex'), extensionBytes);
});

test.serial('REQ-4: an error from outside that is about no mapping is dropped', async (t) => {
  const { lab, name } = await world(t);
  const stranger = '203.0.113.77';
  const quoted = QUOTED.replace(ON_LINK, stranger);
  const errors = await errorsInside(t, lab, errorFrom(OTHER, quoted).replace(ON_LINK, stranger));
  t.deepEqual(errors, []);
  t.true(((await statusOf(t, name)).reasons.inbound.unmapped ?? 0) >= 1);
});

test.serial(
  'REQ-4a, REQ-4b and REQ-4c: quote and destination are reverted, type and code stay',
  async (t) => {
    const { lab } = await world(t);
    const kinds = [
      [3, 0],
      [3, 1],
      [3, 13],
      [4, 0],
      [11, 0],
      [11, 1],
      [12, 0],
    ] as const;
    const script = kinds
      .map(([type, code]) => errorFrom(OTHER, QUOTED, `type=${type},code=${code}`))
      .join('\n');
    const errors = await errorsInside(t, lab, script);
    t.deepEqual(
      errors.map(({ transport }) => [transport?.type, transport?.code]),
      kinds,
    );
    for (const { source, destination, transport } of errors) {
      t.deepEqual([source, destination], [OTHER, INSIDE]);
      t.is(transport?.checksum, 'good');
      const quote = transport?.quote;
      t.deepEqual([quote?.source, quote?.destination, quote?.headerChecksum], [INSIDE, '192.0.2.77', 'good']);
      t.is(quote?.transport?.checksum, 'good');
    }
  },
);

test.serial('REQ-5: an error from inside that is about no mapping is dropped', async (t) => {
  const { lab } = await world(t);
  const wire = await Capture.start(t, lab.outside, 'down0', 'icmp');
  const quoted = `IP(src="${NEAR_OUTSIDE}",dst="10.0.0.77")/UDP(sport=53,dport=2000)`;
  await scapy(
    lab.gateway,
    `send(IP(src="10.0.1.9",dst="${NEAR_OUTSIDE}")/ICMP(type=3,code=1)/Raw(bytes(${quoted})))`,
  ).catch(
    // The sender may be told that its packet was dropped.
    () => '',
  );
  await wire.stop();
  t.deepEqual(wire.packets(), []);
});

test.serial('REQ-5a, REQ-5b and REQ-5c: errors from inside, of a mapped host and of a router', async (t) => {
  const lab = await makeLab(t, { insideRouter: {}, outsideRouter: {}, offload: 'wire' });
  await translate(t, lab, { map: [[INSIDE, ON_LINK]], unmapped: 'drop' });
  const wire = await Capture.start(t, lab.outside, 'down0', 'icmp');
  // To a closed port, and with too few hops to get there.
  await scapy(
    lab.outside,
    `
send(IP(dst="${ON_LINK}")/UDP(sport=2000,dport=9)/Raw(b"closed"))
send(IP(dst="${ON_LINK}",ttl=3)/UDP(sport=2000,dport=9)/Raw(b"far"))`,
  );
  await sleep(200);
  await wire.stop();
  const errors = wire.packets().filter(({ transport }) => transport?.quote);
  t.deepEqual(errors.map(({ source, transport }) => [source, transport?.type, transport?.code]).sort(), [
    [INSIDE_ROUTER, 11, 0],
    [ON_LINK, 3, 3],
  ]);
  for (const { transport } of errors) {
    t.is(transport?.checksum, 'good');
    t.deepEqual([transport?.quote?.source, transport?.quote?.destination], [lab.server, ON_LINK]);
    t.is(transport?.quote?.transport?.checksum, 'good');
  }
});

test.serial('REQ-6: an error about a query ends nothing', async (t) => {
  const { lab } = await world(t);
  await pingOk(t, lab.secondInside!, NEAR_OUTSIDE, { count: 1, more: ['-e', '2000'] });
  const quoted = `IP(src="${SECOND_ON_LINK}",dst="${NEAR_OUTSIDE}",ttl=1)/ICMP(id=2000,seq=1)`;
  const inner = await Capture.start(t, lab.secondInside!, 'up0', 'icmp[0] == 11');
  await scapy(
    lab.outside,
    `send(IP(src="${OTHER}",dst="${SECOND_ON_LINK}")/ICMP(type=11)/Raw(bytes(${quoted})))`,
  );
  await pingOk(t, lab.secondInside!, NEAR_OUTSIDE, { count: 1, more: ['-e', '2000'] });
  await inner.stop();
  t.is(inner.packets()[0]?.transport?.quote?.source, SECOND_INSIDE);
});

test.serial('REQ-7: hairpinned queries', async (t) => {
  const { lab } = await world(t);
  await pingOk(t, lab.secondInside!, ON_LINK, { more: ['-e', '2000'] });
  await pingOk(t, lab.inside, ON_LINK);
  await pingOk(t, lab.inside, SECOND_ON_LINK, { more: ['-e', '3000'] });
});

test.serial('REQ-7a: hairpinned errors go where what they quote came from', async (t) => {
  const { lab } = await world(t);
  const inner = await Capture.start(t, lab.secondInside!, 'up0', 'icmp');
  t.deepEqual(
    await ask(lab.secondInside!, { protocol: 'udp', from: [SECOND_INSIDE, 2000], to: [ON_LINK, 9] }),
    ['ECONNREFUSED'],
  );
  await inner.stop();
  const [error] = inner.packets();
  t.deepEqual([error?.source, error?.destination], [ON_LINK, SECOND_INSIDE]);
  const quote = error?.transport?.quote;
  t.deepEqual(
    [quote?.source, quote?.destination, quote?.transport?.ports],
    [SECOND_INSIDE, ON_LINK, [2000, 9]],
  );
  t.deepEqual(await inner.faults(), []);
});

test.serial('REQ-10: the gateway goes on sending errors of its own', async (t) => {
  const { lab } = await world(t);
  const nowhere = await ping(lab.inside, '192.0.2.99', { count: 1 });
  t.regex(nowhere.stdout, /Destination Net Unreachable/);
  const { stdout } = await ping(lab.inside, NEAR_OUTSIDE, { count: 1, more: ['-t', '1'] });
  t.regex(stdout, /Time to live exceeded/);
  const fromOutside = await ping(lab.outside, ON_LINK, { count: 1, more: ['-t', '1'] });
  t.regex(
    fromOutside.stdout,
    /From 203\.0\.113\.1 .*Time to live exceeded/,
    'although its own address is not mapped',
  );
});

test.serial('REQ-11: messages that are neither queries nor errors go by address', async (t) => {
  const { lab } = await world(t);
  const received = await errorsInside(
    t,
    lab,
    `send(IP(src="${OTHER}",dst="${ON_LINK}")/ICMP(type=42,code=0)/Raw(bytes(8)))`,
  );
  t.deepEqual(
    received.map(({ destination, transport }) => [destination, transport?.type, transport?.checksum]),
    [[INSIDE, 42, 'good']],
  );
});
