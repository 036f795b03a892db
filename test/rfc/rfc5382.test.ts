// RFC 5382, NAT behavioral requirements for TCP: one test for each requirement that means something for a translation
// that is fixed beforehand. docs/rfc.md has the whole list.

import test, { type ExecutionContext } from 'ava';
import { Capture } from '../support/capture.ts';
import { refuses, tsnatOk } from '../support/cli.ts';
import { sleep } from '../support/command.ts';
import { PATIENCE } from '../support/emulation.ts';
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
import { PYTHON } from '../support/root.ts';
import { scapy } from '../support/scapy.ts';
import { ask, type Question, type Socket, serve } from '../support/seen.ts';
import { translate } from '../support/translate.ts';

/** A second address of the outside host. */
const OTHER = '203.0.113.3';
const PORT = 7000;

needsRootAndBpf(test);

/** Two insides, one by its address and one by a block of ports. */
async function world(t: ExecutionContext): Promise<{ lab: Lab; name: string }> {
  const lab = await makeLab(t, { secondInside: true });
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

const tcp = (from: Socket, to: Socket): Question => ({ protocol: 'tcp', from, to });

test.serial('REQ-1: the mapping does not depend on the other endpoint', async (t) => {
  const { lab } = await world(t);
  await serve(t, lab.outside, ['tcp', '0.0.0.0', PORT], ['tcp', '0.0.0.0', PORT + 1]);
  for (const [host, inside, outside] of [
    [lab.inside, INSIDE, ON_LINK],
    [lab.secondInside!, SECOND_INSIDE, SECOND_ON_LINK],
  ] as const) {
    const endpoints = [
      [NEAR_OUTSIDE, PORT],
      [NEAR_OUTSIDE, PORT + 1],
      [OTHER, PORT],
    ] as const;
    t.deepEqual(
      await ask(host, ...endpoints.map((to) => tcp([inside, 2000], to))),
      Array(3).fill([outside, 2000]),
    );
  }
});

test.serial('REQ-2: connections begun inside and outside', async (t) => {
  const { lab } = await world(t);
  await serve(t, lab.outside, ['tcp', '0.0.0.0', PORT]);
  await serve(t, lab.inside, ['tcp', '0.0.0.0', PORT]);
  t.deepEqual(await ask(lab.inside, tcp([INSIDE, 2000], [NEAR_OUTSIDE, PORT])), [[ON_LINK, 2000]]);
  t.deepEqual(await ask(lab.outside, tcp([NEAR_OUTSIDE, 2000], [ON_LINK, PORT])), [[NEAR_OUTSIDE, 2000]]);
});

/** Goes on opening until the other side does as well: nobody listens, so that only two SYNs that cross will do. */
const opens = (from: Socket, to: Socket): string => `
import socket, time
until = time.monotonic() + ${30 * PATIENCE}
while True:
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(1)
    s.bind(${JSON.stringify(from).replace('[', '(').replace(']', ')')})
    try:
        s.connect(${JSON.stringify(to).replace('[', '(').replace(']', ')')})
        break
    except OSError:
        s.close()
        if time.monotonic() > until:
            raise
s.settimeout(10)
s.sendall(b"hello")
print(s.recv(5).decode(), s.getpeername())
time.sleep(0.5)
`;

test.serial('REQ-2a: simultaneous open', async (t) => {
  const { lab } = await world(t);
  // Without resets for SYNs that come too early, they are sent again until they cross.
  for (const host of [lab.inside, lab.outside]) {
    await host.must(['iptables', '-A', 'OUTPUT', '-p', 'tcp', '--tcp-flags', 'RST', 'RST', '-j', 'DROP']);
  }
  const wire = await Capture.start(t, lab.outside, 'down0', 'tcp');
  const [inner, outer] = await Promise.all([
    lab.inside.must([PYTHON, '-c', opens([INSIDE, 2000], [NEAR_OUTSIDE, 3000])]),
    lab.outside.must([PYTHON, '-c', opens([NEAR_OUTSIDE, 3000], [ON_LINK, 2000])]),
  ]);
  await wire.stop();
  t.is(inner, `hello ('${NEAR_OUTSIDE}', 3000)\n`);
  t.is(outer, `hello ('${ON_LINK}', 2000)\n`);
  const SYN = 0x02;
  const begins = wire.packets().filter(({ payload }) => (payload.readUInt8(13) & 0x17) === SYN);
  t.deepEqual(
    [...new Set(begins.map(({ source }) => source))].sort(),
    [NEAR_OUTSIDE, ON_LINK],
    'a SYN from each side',
  );
});

test.serial('REQ-3: filtering does not depend on the other endpoint', async (t) => {
  const { lab } = await world(t);
  await serve(t, lab.inside, ['tcp', '0.0.0.0', 2000]);
  await serve(t, lab.secondInside!, ['tcp', '0.0.0.0', 2000]);
  for (const outside of [ON_LINK, SECOND_ON_LINK]) {
    t.deepEqual(
      await ask(lab.outside, tcp([NEAR_OUTSIDE, 4000], [outside, 2000]), tcp([OTHER, 4001], [outside, 2000])),
      [
        [NEAR_OUTSIDE, 4000],
        [OTHER, 4001],
      ],
    );
  }
});

test.serial('REQ-4: a SYN that no mapping names is not answered', async (t) => {
  const { lab } = await world(t);
  const wire = await Capture.start(t, lab.outside, 'down0', 'tcp or icmp');
  t.deepEqual(await ask(lab.outside, tcp([NEAR_OUTSIDE, 4000], [SECOND_ON_LINK, 9000])), ['silence']);
  await wire.stop();
  t.true(wire.packets().length >= 1);
  t.deepEqual(
    [...new Set(wire.packets().map(({ source }) => source))],
    [NEAR_OUTSIDE],
    'neither reset nor error',
  );
});

test.serial('REQ-6: the stream is not touched, whatever addresses it holds', async (t) => {
  const { lab } = await world(t);
  const wire = await Capture.start(t, lab.outside, 'down0', 'tcp');
  const command = `PORT ${INSIDE.replaceAll('.', ',')},7,208\\r\\n`;
  await scapy(
    lab.inside,
    `send(IP(dst="${NEAR_OUTSIDE}")/TCP(sport=2000,dport=21,flags="PA",seq=1000,ack=2000)/Raw(b"${command}"))`,
  );
  await wire.stop();
  const packet = wire.packets().find(({ source }) => source === ON_LINK);
  t.is(packet?.transport?.payload.toString(), command.replaceAll('\\r\\n', '\r\n'));
  t.is(packet?.payload.readUInt32BE(4), 1000, 'sequence number');
});

test.serial('REQ-7: no two insides have the same outside port', async (t) => {
  const { lab, name } = await world(t);
  await serve(t, lab.outside, ['tcp', '0.0.0.0', PORT]);
  const one = await ask(lab.inside, tcp([INSIDE, 2000], [NEAR_OUTSIDE, PORT]));
  const two = await ask(lab.secondInside!, tcp([SECOND_INSIDE, 2000], [NEAR_OUTSIDE, PORT]));
  t.notDeepEqual(one, two);
  await tsnatOk(t, ['map', 'add', name, `10.0.9.9:80/tcp=${SECOND_ON_LINK}:9000/tcp`]);
  await refuses(t, ['map', 'add', name, `10.0.9.10:81/tcp=${SECOND_ON_LINK}:9000/tcp`], {
    status: 1,
    names: [`${SECOND_ON_LINK}:9000/tcp`],
  });
});

test.serial('REQ-8 and REQ-8a: hairpinning, with the outside source address and port', async (t) => {
  const { lab } = await world(t);
  await serve(t, lab.inside, ['tcp', '0.0.0.0', PORT]);
  await serve(t, lab.secondInside!, ['tcp', '0.0.0.0', 1030]);
  t.deepEqual(await ask(lab.secondInside!, tcp([SECOND_INSIDE, 1024], [ON_LINK, PORT])), [
    [SECOND_ON_LINK, 1024],
  ]);
  t.deepEqual(
    await ask(lab.inside, tcp([INSIDE, 5000], [SECOND_ON_LINK, 1030]), tcp([INSIDE, 5001], [ON_LINK, PORT])),
    [
      [ON_LINK, 5000],
      [ON_LINK, 5001],
    ],
  );
});

test.serial('REQ-9: destination unreachable messages about TCP reach the sender', async (t) => {
  const { lab } = await world(t);
  const reject = ['-p', 'tcp', '--dport', '9', '-j', 'REJECT', '--reject-with', 'icmp-host-prohibited'];
  for (const host of [lab.outside, lab.inside]) await host.must(['iptables', '-A', 'INPUT', ...reject]);
  t.deepEqual(await ask(lab.inside, tcp([INSIDE, 2000], [NEAR_OUTSIDE, 9])), ['EHOSTUNREACH']);
  t.deepEqual(await ask(lab.outside, tcp([NEAR_OUTSIDE, 2000], [ON_LINK, 9])), ['EHOSTUNREACH']);
});

test.serial('REQ-10: no ICMP message ends a connection or a mapping', async (t) => {
  const { lab } = await world(t);
  await serve(t, lab.outside, ['tcp', '0.0.0.0', PORT]);
  const client = lab.inside.start([
    PYTHON,
    '-c',
    `
import socket, sys
s = socket.socket()
s.bind(("${INSIDE}", 2000))
s.connect(("${NEAR_OUTSIDE}", ${PORT}))
print("connected", flush=True)
sys.stdin.readline()
s.sendall(b"who?")
print(s.recv(100).decode(), flush=True)
`,
  ]);
  t.teardown(() => client.stop());
  await client.says(/connected/);
  await scapy(
    lab.outside,
    `
quoted = bytes(IP(src="${ON_LINK}",dst="${NEAR_OUTSIDE}")/TCP(sport=2000,dport=${PORT},seq=1))
for type, code in ((3, 0), (3, 1), (3, 2), (3, 3), (3, 13), (4, 0), (5, 1), (11, 0), (12, 0)):
    send(IP(src="${OTHER}",dst="${ON_LINK}")/ICMP(type=type,code=code)/Raw(quoted))`,
  );
  await sleep(100);
  client.process.stdin?.write('\n');
  await client.says(new RegExp(`\\["${ON_LINK}", 2000\\]`));
  t.pass();
});
