// Counters of one table taken to another, exactly: by a program of the kernel's, since user space cannot add to what a
// packet adds to.

import {
  type BytesType,
  bytes,
  defineMap,
  LITTLE_ENDIAN,
  type MapDefinition,
  type Program,
  program,
  type ScalarType,
  type StructType,
  struct,
  u64,
} from '../../asm/index.ts';
import { type BpfMap, loadProgram } from '../../loader/index.ts';
import { TABLES, viewOf } from '../entries.ts';
import { COUNTED, keyAt } from './contents.ts';

type U64 = ScalarType<'u64'>;
type Counted = StructType<{ identity: BytesType; packets: U64; bytes: U64 }>;

/** A packet that says which entry is meant; the kernel runs nothing on less than an Ethernet header. */
const ETHERNET_SIZE = 14;
const KEY_OFFSET = 16;

/** As much of a table's layout as matters here. */
function tableOf(
  name: string,
  { name: table, keySize, identitySize }: CountedFormat,
): MapDefinition<BytesType, Counted> {
  const value = struct('counted', { identity: bytes(identitySize), packets: u64, bytes: u64 });
  // Programs only look it up: how many entries it has, and its flags, do not matter.
  return defineMap({
    name,
    type: NETS.has(table) ? 'lpm_trie' : 'hash',
    key: bytes(keySize),
    value,
    maxEntries: 1,
  });
}

type CountedFormat = (typeof COUNTED)[number];
export type CountedName = CountedFormat['name'];
const NETS: ReadonlySet<string> = new Set(TABLES.filter(({ isNet }) => isNet).map(({ name }) => name));

const FROM = 'stand_in';
const TO = 'own';

/** By what matters of a table. */
const settlements = new Map<string, Program>();

/** Takes the counters of one entry to its twin. In one run, which no kill can divide. */
function settlement(format: CountedFormat): Program {
  const kind = `${NETS.has(format.name)} ${format.keySize} ${format.identitySize}`;
  const known = settlements.get(kind);
  if (known !== undefined) return known;
  const request = struct('settle_request', {
    ethernet: bytes(ETHERNET_SIZE),
    reserved: bytes(KEY_OFFSET - ETHERNET_SIZE),
    key: bytes(format.keySize),
  });
  const [from, to] = [tableOf(FROM, format), tableOf(TO, format)];
  const made = program('sched_cls', 'tsnat_settle', (p) => {
    const [wanted] = p.packet.read([request], { orElse: () => p.next() });
    const counted = p.lookup(from, wanted.key, { orElse: () => p.next() });
    const own = p.lookup(to, wanted.key, { orElse: () => p.next() });
    own.packets.increase(counted.packets.get());
    own.bytes.increase(counted.bytes.get());
    counted.packets.set(0);
    counted.bytes.set(0);
    p.next();
  });
  settlements.set(kind, made);
  return made;
}

/** Hands over what was counted, once nobody counts there any more. Again is no error. */
export function settle(
  standIn: { readonly [N in CountedName]?: BpfMap },
  own: { readonly [N in CountedName]?: BpfMap },
): void {
  for (const format of COUNTED) {
    const [source, target] = [standIn[format.name], own[format.name]];
    if (source !== undefined && target !== undefined) handOver(format, source, target);
  }
}

function handOver(format: CountedFormat, source: BpfMap, target: BpfMap): void {
  const entries = source.raw.elements();
  const view = viewOf(entries.values);
  const { valueSize, identitySize, keySize } = format;
  const counted: Uint8Array[] = [];
  for (let i = 0; i < entries.count; i++) {
    const packets = view.getBigUint64(i * valueSize + identitySize, LITTLE_ENDIAN);
    if (packets > 0n) counted.push(keyAt(entries, i, format));
  }
  if (counted.length === 0) return;
  using run = loadProgram(settlement(format), { [FROM]: source, [TO]: target });
  const data = new Uint8Array(KEY_OFFSET + keySize);
  for (const key of counted) {
    data.set(key, KEY_OFFSET);
    run.testRun({ data, dataOutSize: 0 });
  }
}
