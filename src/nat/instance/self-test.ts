// The self-test: the very programs that are about to translate are run on golden packets, on the maps that they are to
// translate by, and refused when a byte of what comes out is not as it has to be. What that counted is taken back.

import { type FieldType, LITTLE_ENDIAN } from '../../asm/data.ts';
import { BpfMap } from '../../loader/index.ts';
import { type Address, type Family, familyOf, formatAddress } from '../address.ts';
import { decodeDestinations } from '../destinations.ts';
import { formatFor, type TableFormat, type TableName, viewOf } from '../entries.ts';
import { isMark, viewsOf } from '../entries-decode.ts';
import { encodeMappings, NET_OFFSETS } from '../entries-encode.ts';
import { type GoldenOptions, type GoldenPacket, goldenPackets, remoteOf } from '../golden/packets.ts';
import { goldenSlots } from '../golden/slots.ts';
import { formatMapping, type Mapping } from '../mapping.ts';
import { instanceMaps } from '../maps.ts';
import { type Prefix, prefixHas } from '../prefix.ts';
import type { Pair, Programs } from './changeover.ts';
import { keyAt, type Owned, readDestinations } from './contents.ts';
import { GOES_ON, requireGolden } from './golden-run.ts';
import type { InstanceRecord } from './record.ts';
import { settle } from './settlement.ts';
import { slotFamilies, testSlots } from './slots/self-test.ts';
import { testTunnels } from './tunnels/self-test.ts';

const ETHERNET = 14;

/**
 * Runs the programs on packets of these mappings, which the maps have.
 *
 * @throws InstanceError with code `ESELFTEST` for the first packet that does not come out as it should.
 */
export function selfTest(
  name: string,
  programs: Pair & Partial<Pick<Programs, 'slot'>>,
  maps: Owned,
  mappings: readonly Mapping[],
  { link, mss, uses }: Pick<InstanceRecord, 'link' | 'mss' | 'uses'>,
): void {
  const peers = peersOf(maps);
  const options = { link, ...peers, ...(mss !== undefined && { mss }) };
  const tried: GoldenPacket[] = [];
  try {
    for (const packet of goldenPackets(mappings, options)) {
      tried.push(packet);
      const { mapping, direction, transport, before, after } = packet;
      const what = (): string => `a ${transport} packet of mapping ${formatMapping(mapping)}, ${direction}`;
      requireGolden(name, programs[direction], { before, after, verdict: GOES_ON, what });
    }
  } finally {
    uncount(maps, tried, link);
  }
  testTunnels(name, programs, maps, { link, uses });
  const remote = (family: Family): Address | undefined => remoteOf(family, mappings, peers);
  if (link === 'ethernet') testSlots(name, programs, maps, goldenSlots(slotFamilies(uses), remote, options));
}

/** Whom traffic is translated with, by the lists of destinations. */
export function peersOf(maps: Owned): Pick<GoldenOptions, 'included' | 'isRemote'> {
  const { include, exclude } = decodeDestinations(readDestinations(maps));
  return { included: include, isRemote: (address) => isTranslatedFor(address, include, exclude) };
}

/** The longest prefix says; with an include list what is in none is not translated for. */
function isTranslatedFor(address: Address, include: readonly Prefix[], exclude: readonly Prefix[]): boolean {
  const longest = (prefixes: readonly Prefix[]): number =>
    Math.max(-1, ...prefixes.filter((prefix) => prefixHas(prefix, address)).map(({ length }) => length));
  const [included, excluded] = [longest(include), longest(exclude)];
  const isListed = include.some((prefix) => familyOf(prefix.address) === familyOf(address));
  return included === excluded ? !isListed : included > excluded;
}

/**
 * Takes back what the packets have added to the counters of their mappings, whatever others add meanwhile: tables that
 * have counted so much less than nothing are added to them.
 */
function uncount(maps: Owned, packets: readonly GoldenPacket[], link: InstanceRecord['link']): void {
  const definitions = instanceMaps(Math.max(1, packets.length));
  const debts: { [N in TableName]?: BpfMap } = {};
  try {
    for (const [format, counted] of countsOf(packets, link)) {
      const debt = BpfMap.create<FieldType, FieldType>(definitions[format.name]);
      debts[format.name] = debt;
      for (const { key, packets: count, bytes } of counted.values()) {
        const value = new Uint8Array(format.valueSize);
        const view = viewOf(value);
        view.setBigUint64(format.identitySize, BigInt.asUintN(64, -count), LITTLE_ENDIAN);
        view.setBigUint64(format.identitySize + COUNTER, BigInt.asUintN(64, -bytes), LITTLE_ENDIAN);
        debt.raw.set(key, value);
      }
    }
    settle(debts, maps);
  } finally {
    for (const map of Object.values(debts)) map.close();
  }
}

/** Of one counter, in bytes. */
const COUNTER = 8;

interface Count {
  readonly key: Uint8Array;
  packets: bigint;
  bytes: bigint;
}

/** What each entry has counted, by its key in hexadecimal. */
function countsOf(
  packets: readonly GoldenPacket[],
  link: InstanceRecord['link'],
): Map<TableFormat, Map<string, Count>> {
  const tables = new Map<TableFormat, Map<string, Count>>();
  for (const packet of packets) {
    const { direction, mapping, before } = packet;
    const format = formatFor(direction, familyOf(mapping.inside), mapping.kind !== 'address');
    const key = keyOf(packet, format);
    const table = tables.get(format) ?? new Map<string, Count>();
    tables.set(format, table);
    const name = Buffer.from(key).toString('hex');
    const count = table.get(name) ?? { key, packets: 0n, bytes: 0n };
    table.set(name, count);
    count.packets += 1n;
    count.bytes += BigInt(before.length - (link === 'ethernet' ? ETHERNET : 0));
  }
  return tables;
}

/** The entry of its mapping that a packet is counted on: of a port block the part that has its port. */
function keyOf({ mapping, port }: GoldenPacket, format: TableFormat): Uint8Array {
  const entries = encodeMappings([mapping])[format.name];
  const views = viewsOf(entries);
  const { key } = NET_OFFSETS[format.family];
  for (let i = 0; i < entries.count; i++) {
    if (isMark(views, i, format)) continue;
    const isPart =
      mapping.kind !== 'port_block' || views.keys.getUint16(i * format.keySize + key.port) === port;
    if (isPart) return keyAt(entries, i, format);
  }
  throw new Error(
    `mapping ${formatMapping(mapping)} at port ${port} of ${formatAddress(mapping.inside)} has no entry`,
  );
}
