// The self-test of tunnels: programs that do not rewrite VNIs as they should are refused, and the slots and ports that it was
// tried with are gone afterwards, also after a kill.

import test, { type ExecutionContext } from 'ava';
import { type Program, program } from '../../../src/asm/index.ts';
import { BpfMap, loadProgram } from '../../../src/loader/index.ts';
import { type Datapath, datapath } from '../../../src/nat/datapath/index.ts';
import type { Owned } from '../../../src/nat/instance/contents.ts';
import { InstanceError } from '../../../src/nat/instance/index.ts';
import { selfTest } from '../../../src/nat/instance/self-test.ts';
import { readPorts, type TunnelPort, writePorts } from '../../../src/nat/instance/tunnels/ports.ts';
import { sweepGoldenTunnels } from '../../../src/nat/instance/tunnels/self-test.ts';
import type { TunnelMark } from '../../../src/nat/tunnel-layout.ts';
import type { Use } from '../../../src/nat/uses.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { withFault } from './support/faults.ts';

needsRootAndBpf(test);

const PLAIN: readonly Use[] = ['addresses', 'tunnels'];
const ALL: readonly Use[] = ['addresses', 'tunnels', 'tunnels6', 'tunnel_inner'];
const LINKS = ['ethernet', 'none'] as const;

interface Options {
  readonly uses?: readonly Use[];
  readonly link?: (typeof LINKS)[number];
  readonly mss?: number;
  /** By what the slots of a port that there is are told apart; there is none where left out. */
  readonly by?: readonly TunnelMark[];
}

interface Rig {
  readonly maps: Owned;
  readonly run: () => void;
  /** How many entries there are, and ports. */
  readonly left: () => [number, number];
}

function rigOf(
  t: ExecutionContext,
  spoilt: Partial<Datapath>,
  { uses = ALL, link = 'ethernet', mss, by }: Options = {},
): Rig {
  const record = { link, uses: new Set(uses), ...(mss !== undefined && { mss }) } as const;
  const made = { ...datapath({ unmapped: 'drop', capacity: 16, ...record }), ...spoilt };
  const maps = Object.fromEntries(
    Object.entries(made.maps).map(([name, definition]) => [name, BpfMap.create(definition)]),
  ) as unknown as Owned;
  const load = (one: Program) => loadProgram(one, maps);
  const programs = { outbound: load(made.outbound), inbound: load(made.inbound) };
  t.teardown(() => {
    for (const one of [...Object.values(programs), ...Object.values(maps)]) one.close();
  });
  const port: TunnelPort[] = by === undefined ? [] : [{ port: 4789, kind: 'vxlan', marks: by, needs: [] }];
  writePorts(maps.tunnel_ports, port);
  return {
    maps,
    run: () => selfTest('out0', programs, maps, [], record),
    left: () => [
      maps.tunnels.raw.elements().count,
      maps.tunnel_ports.get(0)!.ports.filter(({ port: number }) => number !== 0).length,
    ],
  };
}

function refused(t: ExecutionContext, spoilt: Partial<Datapath>, expected: RegExp, options?: Options): void {
  const { run, left } = rigOf(t, spoilt, options);
  const error = t.throws(run, { instanceOf: InstanceError });
  t.is(error?.code, 'ESELFTEST');
  t.regex(error?.message ?? '', expected);
  t.deepEqual(left(), [0, options?.by === undefined ? 0 : 1]);
}

test('programs as they should be leave nothing behind', (t) => {
  for (const link of LINKS) {
    for (const uses of [PLAIN, [...PLAIN, 'tunnels6'] as const, ALL]) {
      const { run, left } = rigOf(t, {}, { link, uses, mss: 1200 });
      t.notThrows(run);
      t.deepEqual(left(), [0, 0]);
    }
  }
});

test('at ports that are in use, by whatever their slots are told apart', (t) => {
  for (const by of [['vni'], ['remote'], ['local', 'vni'], ['inner', 'vni'], ['inner']] as const) {
    const { run, left, maps } = rigOf(t, {}, { by });
    t.notThrows(run, by.join());
    t.deepEqual(left(), [0, 1]);
    t.deepEqual(readPorts(maps.tunnel_ports)[0]?.marks, by);
  }
});

test('programs that do not know tunnels', (t) => {
  const { outbound, inbound } = datapath({ unmapped: 'pass', capacity: 16 });
  refused(t, { outbound }, /an IPv4 tcp packet in vxlan over IPv4, outbound, .* became/);
  refused(t, { inbound }, /an IPv4 tcp packet in vxlan over IPv4, inbound, .* became/, { by: ['vni'] });
});

test('programs that pass everything, or know too little', (t) => {
  refused(t, { outbound: program('sched_cls', 'tsnat_egress', (p) => p.next()) }, /over IPv4, outbound/);
  const only = (uses: readonly Use[]) => datapath({ unmapped: 'pass', capacity: 16, uses: new Set(uses) });
  refused(t, { inbound: only(PLAIN).inbound }, /over IPv4, inbound, .* became/);
  refused(t, { outbound: only([...PLAIN, 'tunnel_inner']).outbound }, /over IPv6, outbound, .* became/);
});

test('killed at a call, what is left is taken away by a sweep', (t) => {
  const { run, left, maps } = rigOf(t, {});
  const { calls } = withFault(undefined, run);
  let most = 0;
  for (let step = 0; step < calls.length; step += 5) {
    t.regex(`${withFault({ kind: 'kill', step }, run).error}`, /Killed/);
    most = Math.max(most, ...left());
    t.deepEqual(readPorts(maps.tunnel_ports), []);
    sweepGoldenTunnels(maps);
    t.deepEqual(left(), [0, 0], `call ${step}`);
  }
  t.true(most > 0);
});
