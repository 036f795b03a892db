// Neighbour discovery for mapped outside addresses in the interface's subnets: the LAN finds them without being told.

import test from 'ava';
import { sleep } from '../support/command.ts';
import { PATIENCE } from '../support/emulation.ts';
import { type Lab, makeLab } from '../support/lab.ts';
import {
  GATEWAY6,
  INSIDE6,
  NEAR_OUTSIDE6,
  ON_LINK6,
  ROUTED6,
  SECOND_INSIDE6,
  SECOND_ON_LINK6,
} from '../support/lab6.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { scapy } from '../support/scapy.ts';
import { statusOf } from '../support/state.ts';
import { pingOk } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';

needsRootAndBpf(test);

/** A solicitation by hand: who asks, for what, and whether it says its link-layer address. */
type Solicitation = readonly [source: string, target: string, option?: 'bare'];

/** Sends them in turn, until the last is answered. @returns all answers: link and network addresses, flags, target, option, checksum */
async function solicit(lab: Lab, solicitations: readonly Solicitation[]): Promise<string[]> {
  const out = await scapy(
    lab.outside,
    `
import json
mac = get_if_hwaddr("down0")
def sound(answer):
    bare = answer[IPv6].copy()
    del bare[ICMPv6ND_NA].cksum
    return IPv6(bytes(bare))[ICMPv6ND_NA].cksum == answer[ICMPv6ND_NA].cksum
def say(answer):
    a = answer[ICMPv6ND_NA]
    link = answer[ICMPv6NDOptDstLLAddr].lladdr
    return f"{answer.src} {answer.dst} {answer[IPv6].src} {answer[IPv6].dst} {answer[IPv6].hlim} R{a.R}S{a.S}O{a.O} {a.tgt} {link} {'good' if sound(answer) else 'bad'}"
def ask():
    for source, target, *bare in json.loads('${JSON.stringify(solicitations)}'):
        multicast = in6_getnsma(inet_pton(socket.AF_INET6, target))
        packet = Ether(src=mac,dst=in6_getnsmac(multicast))/IPv6(src=source,dst=inet_ntop(socket.AF_INET6, multicast),hlim=255)/ICMPv6ND_NS(tgt=target)
        if not bare:
            packet = packet/ICMPv6NDOptSrcLLAddr(lladdr=mac)
        sendp(packet, iface="down0")
sniffer = AsyncSniffer(iface="down0", filter="icmp6 and ip6[40] == 136", lfilter=lambda p: p.src != mac, started_callback=ask, timeout=${20 * PATIENCE}, stop_filter=lambda p: p[ICMPv6ND_NA].tgt == "${solicitations.at(-1)?.[1]}")
sniffer.start()
sniffer.join()
print(json.dumps([say(answer) for answer in sniffer.results]))`,
  );
  return JSON.parse(out) as string[];
}

for (const hook of HOOKS) {
  test.serial(`a mapped address on the link is answered for, and nothing else is, ${hook}`, async (t) => {
    const lab = await makeLab(t, { ipv6: true });
    await translate(t, lab, {
      map: [
        [INSIDE6, ON_LINK6],
        [SECOND_INSIDE6, ROUTED6],
        ['[fd00::6]:8080/tcp', `[${SECOND_ON_LINK6}]:80/tcp`],
      ],
      hook,
    });
    const gateway = await lab.gateway.mac(lab.device);
    const asker = await lab.outside.mac('down0');
    const answered = (target: string) =>
      `${gateway} ${asker} ${target} ${NEAR_OUTSIDE6} 255 R0S1O1 ${target} ${gateway} good`;
    const answers = await solicit(lab, [
      [NEAR_OUTSIDE6, ON_LINK6],
      [NEAR_OUTSIDE6, ON_LINK6, 'bare'],
      [NEAR_OUTSIDE6, SECOND_ON_LINK6],
      ['::', ON_LINK6, 'bare'],
      [NEAR_OUTSIDE6, '2001:db8::77'],
      [NEAR_OUTSIDE6, ROUTED6],
      [NEAR_OUTSIDE6, INSIDE6],
      [NEAR_OUTSIDE6, GATEWAY6],
    ]);
    // Nobody answers for what is not mapped, is not on the link, or is inside. For the gateway's own address, asked
    // for last, the kernel answers: it says that it is a router.
    t.deepEqual(answers, [
      answered(ON_LINK6),
      answered(ON_LINK6),
      answered(SECOND_ON_LINK6),
      `${gateway} 33:33:00:00:00:01 ${ON_LINK6} ff02::1 255 R0S0O1 ${ON_LINK6} ${gateway} good`,
      answered(GATEWAY6).replace('R0S1O1', 'R1S1O1'),
    ]);
  });
}

test.serial('a fresh neighbour finds the address, with everything unmapped dropped', async (t) => {
  const lab = await makeLab(t, { ipv6: true });
  const { name } = await translate(t, lab, { map: [[INSIDE6, ON_LINK6]], unmapped: 'drop' });
  await pingOk(t, lab.outside, ON_LINK6);
  await pingOk(t, lab.inside, NEAR_OUTSIDE6);
  const text = await lab.outside.must(['ip', 'neigh', 'show', ON_LINK6]);
  t.regex(text, new RegExp(`lladdr ${await lab.gateway.mac(lab.device)} (REACHABLE|DELAY|STALE)`));
  const { inbound } = (await statusOf(t, name)).reasons;
  t.true((inbound.ndp_answered ?? 0) >= 1);
  t.is(inbound.unmapped, 0);
});

test.serial('who would take a mapped address for its own finds it taken', async (t) => {
  const lab = await makeLab(t, { ipv6: true });
  await translate(t, lab, { map: [[INSIDE6, ON_LINK6]], unmapped: 'drop' });
  await lab.outside.sysctl({ 'ipv6/conf/all/accept_dad': 1, 'ipv6/conf/down0/accept_dad': 1 });
  await lab.outside.ip(`addr add ${ON_LINK6}/64 dev down0`, 'addr add 2001:db8::78/64 dev down0');
  const flags = async (address: string): Promise<string> =>
    lab.outside.must(['ip', '-o', '-6', 'addr', 'show', 'dev', 'down0', 'to', address]);
  for (let tries = 0; /tentative(?! dadfailed)/.test(await flags('2001:db8::78')) && tries < 100; tries++) {
    await sleep(100);
  }
  t.regex(await flags(ON_LINK6), /dadfailed/);
  t.notRegex(await flags('2001:db8::78'), /dadfailed|tentative/);
});
