// The XDP programs in the kernel (BPF_PROG_TEST_RUN), with its own routing table and neighbours: they make of random packets
// what they make of them in the interpreter, where the routing table says the same.

import test from 'ava';
import fc from 'fast-check';
import { encode } from '../../../src/asm/index.ts';
import { findInterface, loadProgram, NetlinkSocket, RawMap, withNetns } from '../../../src/loader/index.ts';
import { datapath } from '../../../src/nat/datapath/index.ts';
import { xdpPrograms } from '../../../src/nat/datapath/xdp/index.ts';
import { XDP_SIDES, xdpRecord } from '../../../src/nat/maps.ts';
import { USES } from '../../../src/nat/uses.ts';
import type { Lab } from '../../support/lab.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { makeXdpLab } from '../../support/xdp.ts';
import { entriesOf, interfaceValue } from './support/entries.ts';
import { hex } from './support/rig.ts';
import { Tally } from './support/tally.ts';
import { type Bytes, be32 } from './support/wire.ts';
import { macText, plain } from './support/xdp/conversation.ts';
import { EGRESS, INSIDE, NEXT_HOP, OURS, OUTSIDE, XdpRig } from './support/xdp/rig.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 600);
const CAPACITY = 16;
const [PASS, REDIRECT] = [2, 4];

needsRootAndBpf(test);

/** A way to everybody: one next hop on either side, under the address that the interpreter's answers have. */
async function giveRoutes({ gateway, device }: Lab): Promise<void> {
  const hop = macText(NEXT_HOP);
  const known = (device: string, ...addresses: readonly string[]): string[] =>
    addresses.map((address) => `neigh replace ${address} lladdr ${hop} dev ${device} nud permanent`);
  await gateway.ip(
    ...['down0', device].map((name) => `link set ${name} address ${macText(EGRESS)}`),
    ...known(device, '203.0.113.2', '2001:db8::2'),
    ...known('down0', '10.0.0.5', '10.0.0.6', '10.0.0.7', 'fd00::5', 'fd00::6', 'fd00::7'),
    'route add default via 203.0.113.2',
    'route add default via 2001:db8::2',
    'route add 10.1.0.0/16 via 10.0.0.5',
    'route add fd00:1::/48 via fd00::5',
    'route add fd00:2::/48 via fd00::5',
  );
}

for (const family of [4, 6] as const) {
  test.serial(`IPv${family}: the kernel does what the interpreter does`, async (t) => {
    const lab = await makeXdpLab(t);
    await giveRoutes(lab);
    const uses = new Set(USES);
    const { maps: definitions } = datapath({ unmapped: 'pass', capacity: CAPACITY, uses });
    const maps = Object.fromEntries(
      Object.entries(definitions).map(([name, definition]) => [name, RawMap.create(definition)]),
    );
    const made = xdpPrograms({ unmapped: 'pass', capacity: CAPACITY, uses });
    const programs = { outbound: loadProgram(made.outbound, maps), inbound: loadProgram(made.inbound, maps) };
    t.teardown(() => {
      for (const one of [...Object.values(programs), ...Object.values(maps)]) one.close();
    });
    const interpreted = new XdpRig({});
    const tally = new Tally();
    withNetns(lab.gateway.name, () => {
      using socket = new NetlinkSocket();
      const indexOf = (name: string): number => findInterface(socket, name)?.index ?? 0;
      const [outside, inside] = [indexOf(lab.device), indexOf('down0')];
      const mac = [0, 2, 4].map((at) => OURS[at]! * 256 + OURS[at + 1]!);
      const key = (ifindex: number): Bytes => new Uint8Array(Uint32Array.of(ifindex).buffer);
      maps.xdp!.set(key(outside), encode(xdpRecord, { mac, side: XDP_SIDES.outside }));
      maps.xdp!.set(key(inside), encode(xdpRecord, { mac, side: XDP_SIDES.inside }));
      let isFilled = false;
      fc.assert(
        fc.property(plain(family), ({ mappings, direction, frame }) => {
          if (!isFilled) {
            for (const { map, key: at, value } of entriesOf(mappings)) maps[map]!.set(at, value);
            maps.interface!.set(be32(0), interfaceValue(undefined, mappings));
            interpreted.tc.remap(mappings);
            isFilled = true;
          }
          const [near, far] = direction === 'outbound' ? [INSIDE, OUTSIDE] : [OUTSIDE, INSIDE];
          const expected = interpreted.run(direction, frame, { result: 0, ifindex: far }, near);
          const { returnValue, data } = programs[direction].runXdp({
            data: frame,
            ingressIfindex: direction === 'outbound' ? inside : outside,
          });
          const verdict = expected.ifindex === undefined ? PASS : REDIRECT;
          tally.add(verdict === PASS ? 'passed' : 'sent on');
          if (returnValue === verdict && hex(data) === hex(expected.frame)) return;
          throw new Error(
            `${direction} ${hex(frame)}\n${verdict} ${hex(expected.frame)}\n${returnValue} ${hex(data)}`,
          );
        }),
        { numRuns, includeErrorInReport: true },
      );
    });
    t.log(tally.line(`IPv${family} frames`));
    t.true(tally.has('sent on') && tally.has('passed'));
  });
}
