// A million mappings against one: time for a packet, in the program alone (by BPF_PROG_TEST_RUN, with a driver in front of
// it, see scatter.ts; what that takes by itself is measured too and taken off), and on its whole way through a router:
// frames come in by an interface, are routed, translated by the outbound program, and leave by another.

import process from 'node:process';
import { attach, type BpfProgram, type RawMap, swap, withNetns } from '../src/loader/index.ts';
import { datapath } from '../src/nat/index.ts';
import { KernelMachine } from '../test/nat/datapath/support/machine.ts';
import { ip4 } from '../test/nat/datapath/support/wire.ts';
import { Namespace } from '../test/support/namespace.ts';
import { interleave, type Summary } from './measure.ts';
import type { Row, Section } from './report.ts';
import { BITS, driverOf, feederOf, INSIDES, MANY, ONE, packet, walkOf } from './scatter.ts';

const OUTSIDES = ip4('100.64.0.0');
/** Hosts that speak in the milder case, two to the power of this: every 1,024th of all. */
const ACTIVE_BITS = 10;
const TARGET = 1.3;
const RECORD_SIZE = 24;
const COUNTERS_AT = 8;
/** Whom the packet is for. */
const ROUTER_MAC = '02:00:00:00:00:02';

/** The outbound program with `count` mappings. */
function instance(count: number): KernelMachine {
  const { outbound, inbound, maps } = datapath({ unmapped: 'drop', capacity: MANY });
  const machine = new KernelMachine({ outbound, inbound, maps: { ...maps } });
  fill(machine.tables.outbound!, count, INSIDES, OUTSIDES);
  fill(machine.tables.inbound!, count, OUTSIDES, INSIDES);
  return machine;
}

function fill(table: RawMap, count: number, from: number, to: number): void {
  const keys = new DataView(new ArrayBuffer(count * 4));
  const values = new DataView(new ArrayBuffer(count * RECORD_SIZE));
  for (let n = 0; n < count; n++) {
    keys.setUint32(n * 4, from + n);
    values.setUint32(n * RECORD_SIZE, to + n);
  }
  table.setBatch({ count, keys: new Uint8Array(keys.buffer), values: new Uint8Array(values.buffer) });
}

interface Instances {
  readonly one: KernelMachine;
  readonly many: KernelMachine;
}

/** @throws Error where a packet was not translated: that would have been counted by a reason */
function requireTranslated({ one, many }: Instances): void {
  const lost = [one, many].flatMap((machine) => machine.reasons()).reduce((sum, n) => sum + n);
  if (lost !== 0n) throw new Error(`${lost} packets were not translated`);
}

type Times = { readonly [Name in 'all' | 'some' | 'one']: Summary };

/** Nanoseconds in the program. */
async function inProgram(rounds: number, repeat: number, { one, many }: Instances) {
  const run = (driver: BpfProgram) => () => driver.testRun({ data: packet, repeat }).duration;
  return await interleave(rounds, {
    all: run(driverOf(walkOf(BITS), many.programs.outbound)),
    some: run(driverOf(walkOf(ACTIVE_BITS), many.programs.outbound)),
    one: run(driverOf(ONE, one.programs.outbound)),
    driver: run(driverOf(walkOf(BITS), undefined)),
  });
}

/** Nanoseconds of processor time for the whole way. */
async function throughRouter(rounds: number, repeat: number, { one, many }: Instances): Promise<Times> {
  const namespace = await Namespace.make('bench');
  try {
    await namespace.sysctl({ 'ipv4/ip_forward': 1 });
    await namespace.ip(
      `link add in0 address ${ROUTER_MAC} type veth peer name in1`,
      'link add out0 type veth peer name out1',
      ...['in0', 'in1', 'out0', 'out1'].map((name) => `link set ${name} up`),
      'addr add 10.255.255.254/8 dev in0',
      'addr add 192.0.2.1/24 dev out0',
      // Nobody has this address: what leaves is thrown away by the other end, first thing.
      'neigh add 192.0.2.2 lladdr 02:00:00:00:00:99 dev out0 nud permanent',
    );
    const shown = await namespace.must(['ip', '-j', 'link', 'show', 'in0']);
    const [{ ifindex: ingressIfindex }] = JSON.parse(shown) as [{ readonly ifindex: number }];
    const place = { interface: 'out0', netns: namespace.name, hook: 'auto', direction: 'egress' } as const;
    const attachment = attach({ ...place, program: one.programs.outbound });
    const run =
      (feeder: BpfProgram, { programs }: KernelMachine) =>
      () => {
        swap(attachment, programs.outbound);
        const start = process.cpuUsage();
        withNetns(namespace.name, () => feeder.runLive({ data: packet, repeat, ingressIfindex }));
        const { user, system } = process.cpuUsage(start);
        return ((user + system) * 1_000) / repeat;
      };
    const before = translated(one);
    const times = await interleave(rounds, {
      all: run(feederOf(walkOf(BITS)), many),
      some: run(feederOf(walkOf(ACTIVE_BITS)), many),
      one: run(feederOf(ONE), one),
    });
    const arrived = translated(one) - before;
    if (arrived !== BigInt((rounds + 1) * repeat)) throw new Error(`${arrived} packets went through`);
    return times;
  } finally {
    await namespace.remove();
  }
}

/** Packets of the first mapping. */
function translated({ tables }: KernelMachine): bigint {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, INSIDES);
  const record = tables.outbound!.get(key)!;
  return new DataView(record.buffer, record.byteOffset).getBigUint64(COUNTERS_AT, true);
}

export async function million(rounds: number, repeat: number): Promise<Section> {
  using one = instance(1);
  using many = instance(MANY);
  const instances = { one, many };
  const program = await inProgram(rounds, repeat, instances);
  const router = await throughRouter(rounds, repeat, instances);
  requireTranslated(instances);
  return {
    title: 'A million mappings against one: time for a packet',
    rows: [
      ...rowsOf('in the program', program, program.driver.median),
      ...rowsOf('through a router', router, 0),
    ],
    data: { program, router },
  };
}

function rowsOf(where: string, { all, some, one }: Times, overhead: number): Row[] {
  const peer = one.median - overhead;
  const row = (which: string, { median }: Summary): Row => {
    const ours = median - overhead;
    return {
      what: `${where}: ${MANY.toLocaleString('en')} mappings, ${which}`,
      ours: `${ours.toFixed(0)} ns`,
      peer: `${peer.toFixed(0)} ns`,
      ratio: `${(ours / peer).toFixed(2)}x`,
      target: `<= ${TARGET}x`,
      reached: ours / peer <= TARGET,
    };
  };
  return [
    row('each packet of another', all),
    row(`${(2 ** ACTIVE_BITS).toLocaleString('en')} of them active`, some),
  ];
}
