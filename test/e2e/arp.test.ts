// ARP for mapped outside addresses in the interface's subnet: the LAN finds them without being told.

import test from 'ava';
import { Capture } from '../support/capture.ts';
import { sleep } from '../support/command.ts';
import { GATEWAY, INSIDE, type Lab, makeLab, ON_LINK, ROUTED, SECOND_INSIDE } from '../support/lab.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON } from '../support/root.ts';
import { pingOk } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';

const REPLY = 2;
/** Where what is sent by hand goes, and no answer. */
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const MAP = [
  [INSIDE, ON_LINK],
  [SECOND_INSIDE, ROUTED],
] as const;

needsRootAndBpf(test);

interface Answer {
  readonly operation: number;
  readonly senderMac: string;
  readonly sender: string;
  readonly targetMac: string;
  readonly target: string;
  readonly destination: string;
}

const mac = (bytes: Buffer): string => bytes.toString('hex').replace(/(..)(?=.)/g, '$1:');
const dotted = (bytes: Buffer): string => [...bytes].join('.');

function readArp(frame: Buffer): Answer {
  return {
    destination: mac(frame.subarray(0, 6)),
    operation: frame.readUInt16BE(20),
    senderMac: mac(frame.subarray(22, 28)),
    sender: dotted(frame.subarray(28, 32)),
    targetMac: mac(frame.subarray(32, 38)),
    target: dotted(frame.subarray(38, 42)),
  };
}

/** Asks who has `target` by hand, as scapy builds it, and collects the answers. */
async function ask(lab: Lab, capture: () => Promise<Capture>, request: string): Promise<Answer[]> {
  const listening = await capture();
  const script = `
from scapy.all import *
conf.verb = 0
sendp(Ether(dst="ff:ff:ff:ff:ff:ff",src=get_if_hwaddr("down0"))/ARP(${request}), iface="down0")
`;
  await lab.outside.must([PYTHON, '-c', script]);
  await sleep(200);
  await listening.stop();
  return listening
    .frames()
    .map(readArp)
    .filter(({ operation, destination }) => operation === REPLY && destination !== BROADCAST);
}

for (const hook of HOOKS) {
  test.serial(`a mapped address on the link is answered for, and nothing else is, ${hook}`, async (t) => {
    const lab = await makeLab(t);
    await translate(t, lab, { map: MAP, hook });
    const listen = () => Capture.start(t, lab.outside, 'down0', 'arp');
    const gateway = await lab.gateway.mac(lab.device);
    const asker = await lab.outside.mac('down0');
    const answer = { operation: REPLY, senderMac: gateway, targetMac: asker, destination: asker };
    t.deepEqual(await ask(lab, listen, `psrc="203.0.113.2",pdst="${ON_LINK}"`), [
      { ...answer, sender: ON_LINK, target: '203.0.113.2' },
    ]);
    t.deepEqual(
      await ask(lab, listen, `psrc="0.0.0.0",pdst="${ON_LINK}"`),
      [{ ...answer, sender: ON_LINK, target: '0.0.0.0' }],
      'a probe before taking an address (RFC 5227) hears that it is taken',
    );
    t.deepEqual(await ask(lab, listen, 'psrc="203.0.113.2",pdst="203.0.113.77"'), [], 'not mapped');
    t.deepEqual(
      await ask(lab, listen, `psrc="203.0.113.2",pdst="${ROUTED}"`),
      [],
      'mapped, but not on the link',
    );
    t.deepEqual(await ask(lab, listen, `psrc="203.0.113.2",pdst="${INSIDE}"`), [], 'an inside address');
    t.deepEqual(
      await ask(lab, listen, `psrc="${ON_LINK}",pdst="${ON_LINK}"`),
      [],
      'an announcement asks nothing',
    );
    t.deepEqual(
      await ask(lab, listen, `op=2,psrc="203.0.113.2",pdst="${ON_LINK}"`),
      [],
      'an answer asks nothing',
    );
    t.deepEqual(
      await ask(lab, listen, `psrc="203.0.113.2",pdst="${GATEWAY}"`),
      [{ ...answer, sender: GATEWAY, target: '203.0.113.2' }],
      "the gateway's own address is the kernel's business",
    );
  });
}

test.serial('an outside host resolves the address by itself', async (t) => {
  const lab = await makeLab(t);
  await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  await pingOk(t, lab.outside, ON_LINK);
  const text = await lab.outside.must(['ip', 'neigh', 'show', ON_LINK]);
  t.regex(text, new RegExp(`lladdr ${await lab.gateway.mac(lab.device)} (REACHABLE|DELAY|STALE)`));
});
