// RFC 4787, NAT behavioral requirements for unicast UDP: one test for each requirement that means something for a
// translation that is fixed beforehand. docs/rfc.md has the whole list.

import test, { type ExecutionContext } from 'ava';
import { Capture } from '../support/capture.ts';
import { refuses, tsnatOk } from '../support/cli.ts';
import {
  INSIDE,
  type Lab,
  makeLab,
  NEAR_OUTSIDE,
  ON_LINK,
  SECOND_INSIDE,
  SECOND_ON_LINK,
} from '../support/lab.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { scapy } from '../support/scapy.ts';
import { ask, type Question, receive, type Socket, serve } from '../support/seen.ts';
import { statusOf } from '../support/state.ts';
import { ping, pingOk } from '../support/traffic.ts';
import { translate } from '../support/translate.ts';

/** A second address of the outside host. */
const OTHER = '203.0.113.3';
const PORT = 7000;
const MAP = [
  [INSIDE, ON_LINK],
  [`${SECOND_INSIDE}:1024-4095`, `${SECOND_ON_LINK}:1024-4095`],
] as const;

needsRootAndBpf(test);

/** Two insides, one by its address and one by a block of ports; an outside host that tells as whom it sees them. */
async function world(t: ExecutionContext): Promise<{ lab: Lab; name: string }> {
  const lab = await makeLab(t, { secondInside: true });
  await lab.outside.ip(`addr add ${OTHER}/24 dev down0`);
  const { name } = await translate(t, lab, { map: MAP, unmapped: 'drop' });
  return { lab, name };
}

const udp = (from: Socket, to: Socket): Question => ({ protocol: 'udp', from, to });
const servers = (t: ExecutionContext, lab: Lab): Promise<void> =>
  serve(t, lab.outside, ['udp', NEAR_OUTSIDE, PORT], ['udp', NEAR_OUTSIDE, PORT + 1], ['udp', OTHER, PORT]);

test.serial('REQ-1: the mapping does not depend on the other endpoint', async (t) => {
  const { lab } = await world(t);
  await servers(t, lab);
  for (const [host, inside, outside] of [
    [lab.inside, INSIDE, ON_LINK],
    [lab.secondInside!, SECOND_INSIDE, SECOND_ON_LINK],
  ] as const) {
    const endpoints = [
      [NEAR_OUTSIDE, PORT],
      [NEAR_OUTSIDE, PORT + 1],
      [OTHER, PORT],
    ] as const;
    const seen = await ask(host, ...endpoints.map((to) => udp([inside, 2000], to)));
    t.deepEqual(seen, Array(3).fill([outside, 2000]));
  }
});

test.serial('REQ-2: all that an inside sends is seen from one address', async (t) => {
  const { lab } = await world(t);
  await servers(t, lab);
  await serve(t, lab.outside, ['tcp', NEAR_OUTSIDE, PORT]);
  const wire = await Capture.start(t, lab.outside, 'down0', 'icmp');
  const seen = await ask(
    lab.inside,
    ...[1, 1024, 65_535].map((port) => udp([INSIDE, port], [NEAR_OUTSIDE, PORT])),
    { protocol: 'tcp', from: [INSIDE, 2000], to: [NEAR_OUTSIDE, PORT] },
  );
  await ping(lab.inside, NEAR_OUTSIDE);
  await wire.stop();
  t.deepEqual([...new Set(seen.map(([address]) => address))], [ON_LINK]);
  t.deepEqual([...new Set(wire.packets().map(({ source }) => source))].sort(), [NEAR_OUTSIDE, ON_LINK]);
});

test.serial('REQ-3: no two insides have the same outside port', async (t) => {
  const { lab, name } = await world(t);
  await servers(t, lab);
  const one = await ask(lab.inside, udp([INSIDE, 2000], [NEAR_OUTSIDE, PORT]));
  const two = await ask(lab.secondInside!, udp([SECOND_INSIDE, 2000], [NEAR_OUTSIDE, PORT]));
  t.notDeepEqual(one, two);
  const overlap = `10.0.9.9:4000-5000=${SECOND_ON_LINK}:4000-5000`;
  await refuses(t, ['map', 'add', name, overlap], { status: 1, names: [SECOND_ON_LINK] });
});

test.serial('REQ-3a and REQ-4: ports keep their range and their parity', async (t) => {
  const { lab } = await world(t);
  await servers(t, lab);
  const ports = [1, 2, 1023, 1024, 5000, 5001, 65_534, 65_535];
  const seen = await ask(lab.inside, ...ports.map((port) => udp([INSIDE, port], [NEAR_OUTSIDE, PORT])));
  t.deepEqual(
    seen,
    ports.map((port) => [ON_LINK, port]),
  );
});

test.serial('REQ-8: filtering does not depend on the other endpoint', async (t) => {
  const { lab } = await world(t);
  await serve(t, lab.inside, ['udp', INSIDE, 2000]);
  await serve(t, lab.secondInside!, ['udp', SECOND_INSIDE, 2000]);
  // Nobody inside has ever sent anything.
  for (const outside of [ON_LINK, SECOND_ON_LINK]) {
    const seen = await ask(
      lab.outside,
      udp([NEAR_OUTSIDE, 4000], [outside, 2000]),
      udp([OTHER, 4001], [outside, 2000]),
    );
    t.deepEqual(seen, [
      [NEAR_OUTSIDE, 4000],
      [OTHER, 4001],
    ]);
  }
});

test.serial('REQ-9 and REQ-9a: hairpinning, with the outside source address and port', async (t) => {
  const { lab } = await world(t);
  await serve(t, lab.inside, ['udp', INSIDE, PORT]);
  await serve(t, lab.secondInside!, ['udp', SECOND_INSIDE, 1030]);
  t.deepEqual(await ask(lab.secondInside!, udp([SECOND_INSIDE, 1024], [ON_LINK, PORT])), [
    [SECOND_ON_LINK, 1024],
  ]);
  t.deepEqual(
    await ask(lab.inside, udp([INSIDE, 5000], [SECOND_ON_LINK, 1030]), udp([INSIDE, 5000], [ON_LINK, PORT])),
    [
      [ON_LINK, 5000],
      [ON_LINK, 5000],
    ],
  );
});

test.serial('REQ-10: payloads are not touched, whatever addresses they hold', async (t) => {
  const { lab } = await world(t);
  const wire = await Capture.start(t, lab.outside, 'down0', 'udp');
  const invite = `INVITE sip:bob@example.net SIP/2.0\\r\\nVia: SIP/2.0/UDP ${INSIDE}:5060\\r\\nContact: <sip:alice@${INSIDE}>\\r\\n\\r\\n`;
  await scapy(lab.inside, `send(IP(dst="${NEAR_OUTSIDE}")/UDP(sport=5060,dport=5060)/Raw(b"${invite}"))`);
  await wire.stop();
  const [packet] = wire.packets();
  t.is(packet?.source, ON_LINK);
  t.is(packet?.transport?.payload.toString(), invite.replaceAll('\\r\\n', '\r\n'));
});

test.serial('REQ-11: the translation is the same at any time and after a restart', async (t) => {
  const { lab, name } = await world(t);
  await servers(t, lab);
  const question = udp([SECOND_INSIDE, 1111], [NEAR_OUTSIDE, PORT]);
  const seen = [[SECOND_ON_LINK, 1111]];
  t.deepEqual(await ask(lab.secondInside!, question), seen);
  const attach = ['attach', lab.device, '--netns', lab.gateway.name, '--name', name];
  await tsnatOk(t, [...attach, '--replace']);
  t.deepEqual(await ask(lab.secondInside!, question), seen);
  await tsnatOk(t, ['detach', name]);
  await tsnatOk(t, [...attach, ...MAP.flatMap(([inside, outside]) => ['--map', `${inside}=${outside}`])]);
  t.deepEqual(await ask(lab.secondInside!, question), seen);
});

/** Errors about a flow from `source` port 2000 to the server, as a router outside reports them. */
const errorsAbout = (source: string): string => `
quoted = bytes(IP(src="${source}",dst="${NEAR_OUTSIDE}",ttl=1)/UDP(sport=2000,dport=${PORT})/Raw(b"quoted"))
for type, code in ((3, 0), (3, 1), (3, 3), (3, 13), (4, 0), (5, 1), (11, 0), (12, 0)):
    send(IP(src="${OTHER}",dst="${source}")/ICMP(type=type,code=code)/Raw(quoted))`;

test.serial(
  'REQ-12 and REQ-12a: no ICMP message ends a mapping, and none is kept out for its source',
  async (t) => {
    const { lab } = await world(t);
    await servers(t, lab);
    const inner = await Capture.start(t, lab.inside, 'up0', 'icmp');
    const question = udp([INSIDE, 2000], [NEAR_OUTSIDE, PORT]);
    t.deepEqual(await ask(lab.inside, question), [[ON_LINK, 2000]]);
    await scapy(lab.outside, errorsAbout(ON_LINK));
    t.deepEqual(await ask(lab.inside, question), [[ON_LINK, 2000]]);
    await inner.stop();
    t.is(
      inner.packets().filter(({ source }) => source === OTHER).length,
      8,
      'from a router that was never talked to',
    );
  },
);

test.serial('REQ-12b: destination unreachable messages reach the sender', async (t) => {
  const { lab } = await world(t);
  t.deepEqual(await ask(lab.inside, udp([INSIDE, 2000], [NEAR_OUTSIDE, 9])), ['ECONNREFUSED']);
  t.deepEqual(await ask(lab.outside, udp([NEAR_OUTSIDE, 2000], [SECOND_ON_LINK, 1050])), ['ECONNREFUSED']);
});

test.serial('REQ-13: what is too big and may not be cut is answered', async (t) => {
  const { lab } = await world(t);
  await lab.gateway.ip(`link set ${lab.device} mtu 1280`);
  const { stdout, stderr } = await ping(lab.inside, NEAR_OUTSIDE, {
    size: 1400,
    count: 2,
    more: ['-M', 'do'],
  });
  t.regex(stdout + stderr, /mtu ?= ?1280/);
});

test.serial('REQ-13a: what is too big and may be cut is cut, in order', async (t) => {
  const { lab } = await world(t);
  await lab.gateway.ip(`link set ${lab.device} mtu 1280`);
  await lab.outside.ip('link set down0 mtu 1280');
  const wire = await Capture.start(t, lab.outside, 'down0', `src ${ON_LINK}`);
  await pingOk(t, lab.inside, NEAR_OUTSIDE, { size: 1400, count: 1, more: ['-M', 'dont'] });
  await wire.stop();
  t.deepEqual(
    wire.packets().map(({ fragmentOffset, moreFragments }) => [fragmentOffset, moreFragments]),
    [
      [0, true],
      [1256, false],
    ],
  );
});

test.serial('REQ-14 and REQ-14a: fragments in any order, with a flood of stray ones about', async (t) => {
  const { lab, name } = await world(t);
  const inner = await receive(t, lab.inside, ['0.0.0.0', PORT], 2);
  const outer = await receive(t, lab.outside, ['0.0.0.0', PORT], 2);
  // The strays of the flood belong to datagrams that never become whole; whatever tracks fragments would fill up.
  const send = (destination: string): string => `
strays = [IP(dst="${destination}",id=1000+i,frag=100,flags=0,proto=17)/Raw(b"stray...") for i in range(300)]
send(strays)
for id, order in ((1, slice(None, None, -1)), (2, slice(None))):
    for part in fragment(IP(dst="${destination}",id=id)/UDP(sport=5000,dport=${PORT})/Raw(b"f"*4000), 1000)[order]:
        send(part)`;
  await scapy(lab.inside, send(NEAR_OUTSIDE));
  await scapy(lab.outside, send(ON_LINK));
  t.deepEqual(await outer(), Array(2).fill([ON_LINK, 5000, 4000]));
  t.deepEqual(await inner(), Array(2).fill([NEAR_OUTSIDE, 5000, 4000]));
  t.is((await statusOf(t, name)).reasons.outbound.fragment, 0);
});
