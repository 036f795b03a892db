// The self-test of the XDP program for slots: golden packets through the program that is about to deliver, on slots of its
// own, since what XDP takes has addresses that somebody may have.

import { BpfMap, loadProgram } from '../../../loader/index.ts';
import { type Address, type Family, familyOf } from '../../address.ts';
import type { XdpPrograms } from '../../datapath/xdp/index.ts';
import { goldenXdpSlots } from '../../golden/slots.ts';
import { instanceMaps, XDP_SIDES } from '../../maps.ts';
import { encodeSlots, SLOT_FORMATS } from '../../slot-entries.ts';
import type { Owned } from '../contents.ts';
import { requireGolden } from '../golden-run.ts';
import type { InstanceRecord } from '../record.ts';
import { FAMILIES } from '../slots/book.ts';
import { slotFamilies } from '../slots/self-test.ts';

/** As a test run gives them. */
const [XDP_PASS, XDP_REDIRECT] = [2, 4];
/** Where test runs are; its MAC is zero. */
const LOOPBACK = 1;
const ROOM = 16;

/**
 * @param maps of the instance, of which the lists of destinations matter
 * @param remoteOf somebody whom packets may come from
 * @throws InstanceError with code `ESELFTEST` for the first packet that does not come out as it should.
 */
export function testXdpSlots(
  name: string,
  { inbound }: XdpPrograms,
  maps: Owned,
  { uses, mss }: Pick<InstanceRecord, 'uses' | 'mss'>,
  remoteOf: (family: Family, isFit: (address: Address) => boolean) => Address | undefined,
): void {
  const families = slotFamilies(uses);
  if (families.length === 0) return;
  const remote = (family: Family): Address | undefined => remoteOf(family, isRoutable);
  const { entries, packets } = goldenXdpSlots(families, remote, mss === undefined ? {} : { mss });
  const definitions = instanceMaps(ROOM);
  using slots = BpfMap.create(definitions.slots);
  using slots6 = BpfMap.create(definitions.slots6);
  using xdp = BpfMap.create(definitions.xdp);
  for (const family of FAMILIES) {
    ({ slots, slots6 })[SLOT_FORMATS[family].name].raw.setBatch(encodeSlots(family, entries[family]));
  }
  xdp.set(LOOPBACK, { mac: [0, 0, 0], side: XDP_SIDES.outside });
  using program = loadProgram(inbound, { ...maps, slots, slots6, xdp });
  for (const { family, transport, isKnown, before, after } of packets) {
    // What announces a segment size is TC's where that is clamped, and so is a slot whose MAC is not known.
    const isTaken = isKnown && !(mss !== undefined && transport === 'tcp');
    const expected = isTaken ? { after, verdict: XDP_REDIRECT } : { after: before, verdict: XDP_PASS };
    const what = (): string => `an IPv${family} ${transport} packet for a slot`;
    requireGolden(name, program, { before, ...expected, what }, 'the XDP program fails its');
  }
}

/** What XDP looks at (datapath/routable.ts). */
function isRoutable(address: Address): boolean {
  if (familyOf(address) === 4) {
    const first = Number(address) >>> 24;
    return first !== 0 && first !== 127 && first < 224;
  }
  const first = Number(BigInt(address) >> 112n);
  return first !== 0 && first < 0xff00 && (first & 0xffc0) !== 0xfe80;
}
