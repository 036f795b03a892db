// Frames with VLAN tags on the attached device, one and two: what is under them is translated, the tags are as they were.
// The kernel moves the first tag of what arrives from the frame to the skb; what is sent by hand leaves with all in
// the frame.

import { join } from 'node:path';
import test from 'ava';
import { Capture } from '../support/capture.ts';
import { sleep } from '../support/command.ts';
import { INSIDE, makeLab, NEAR_OUTSIDE, ON_LINK } from '../support/lab.ts';
import { INSIDE6, NEAR_OUTSIDE6, ON_LINK6 } from '../support/lab6.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON, ROOT } from '../support/root.ts';
import { scapy } from '../support/scapy.ts';
import { HOOKS, translate } from '../support/translate.ts';

/** Tags before the network header, as scapy writes them. */
const TAGS = ['Dot1Q(vlan=5,prio=3)', 'Dot1AD(vlan=7)/Dot1Q(vlan=5)'] as const;

needsRootAndBpf(test);

/** UDP in each family under each kind of tags. */
const send = (device: string, link: string, pairs: readonly (readonly [string, string])[]): string => `
for tags in (${TAGS.join(', ')}):
    for source, destination in ${JSON.stringify(pairs)}:
        ip = (IPv6 if ":" in source else IP)(src=source, dst=destination)
        try:
            sendp(${link}/tags/ip/UDP(sport=5000,dport=7000)/Raw(b"tagged"), iface="${device}")
        except OSError:
            pass # What is dropped at once is told to who sends it.`;

for (const hook of HOOKS) {
  test.serial(`tagged frames are translated both ways, ${hook}`, async (t) => {
    const lab = await makeLab(t, { ipv6: true });
    await translate(t, lab, {
      map: [
        [INSIDE, ON_LINK],
        [INSIDE6, ON_LINK6],
      ],
      hook,
      unmapped: 'drop',
    });
    const gateway = await lab.gateway.mac(lab.device);
    const outer = await Capture.start(t, lab.outside, 'down0', 'vlan or ether[12:2] == 0x88a8');
    const arriving = lab.gateway.start([
      PYTHON,
      join(ROOT, 'test/support/peer/arriving.py'),
      lab.device,
      '4',
    ]);
    t.teardown(() => arriving.stop());
    await arriving.says(/ready/, 30_000);
    const ether = `Ether(src="02:00:00:00:00:01",dst="02:00:00:00:00:02")`;
    await scapy(
      lab.gateway,
      send(lab.device, ether, [
        [INSIDE, NEAR_OUTSIDE],
        [INSIDE6, NEAR_OUTSIDE6],
        ['10.9.9.9', NEAR_OUTSIDE],
      ]),
    );
    await scapy(
      lab.outside,
      send('down0', `Ether(src=get_if_hwaddr("down0"),dst="${gateway}")`, [
        [NEAR_OUTSIDE, ON_LINK],
        [NEAR_OUTSIDE6, ON_LINK6],
        [NEAR_OUTSIDE, '203.0.113.77'],
      ]),
    );
    await sleep(200);
    await outer.stop();
    const fields = ['vlan.id', 'vlan.priority', 'ieee8021ad.id', 'ip.src', 'ipv6.src', 'udp.checksum.status'];
    const sources = `ip.src == ${ON_LINK} || ipv6.src == ${ON_LINK6} || ip.src == 10.0.0.0/8 || ipv6.src == fd00::/8`;
    const text = await outer.tshark([
      ...['-Y', sources, '-T', 'fields', '-E', 'separator=,'],
      ...fields.flatMap((field) => ['-e', field]),
    ]);
    t.deepEqual(text.trim().split('\n'), [
      `5,3,,${ON_LINK},,1`,
      `5,3,,,${ON_LINK6},1`,
      `5,0,7,${ON_LINK},,1`,
      `5,0,7,,${ON_LINK6},1`,
    ]);
    // What the gateway's stack is given: the first tag is beside the frame by then, a second one still in it.
    t.deepEqual(JSON.parse((await arriving.ended).stdout.replace('ready', '')), [
      [0, INSIDE, true],
      [0, INSIDE6, true],
      [5, INSIDE, true],
      [5, INSIDE6, true],
    ]);
  });
}
