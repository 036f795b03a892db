// The self-test: programs that do not translate as they should are never attached, and what was tried leaves no trace.

import test, { type ExecutionContext } from 'ava';
import { type Program, program } from '../../../src/asm/index.ts';
import { type Datapath, type DatapathOptions, datapath } from '../../../src/nat/datapath/index.ts';
import { attach, InstanceError, openInstance } from '../../../src/nat/instance/index.ts';
import { selfTest } from '../../../src/nat/instance/self-test.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { mapped, type Site, site } from './support/site.ts';

needsRootAndBpf(test);

const KINDS = mapped(
  '10.0.0.5=203.0.113.5',
  '10.0.0.6=203.0.113.6',
  '10.1.0.0/16=100.64.0.0/16',
  '10.0.0.7:8080/tcp=203.0.113.9:80/tcp',
  '10.0.0.8:1000-1999=203.0.113.9:5001-6000',
  'fd00::5=2001:db8::5',
  'fd00:1::/48=2001:db8:1::/48',
  'fd00:2::/48=2001:db8:2::/48,neutral',
  '[fd00::7]:53/udp=[2001:db8::9]:5353/udp',
);

/** What is as it should be but for one direction. */
const spoilt =
  (direction: 'outbound' | 'inbound', made: Program | ((options: DatapathOptions) => Program)) =>
  (options: DatapathOptions): Datapath => ({
    ...datapath(options),
    [direction]: typeof made === 'function' ? made(options) : made,
  });

const attachTo = (where: Site, more: object = {}): unknown =>
  attach({ interface: 'out0', netns: where.netns, mappings: KINDS, ...more }, { ...where.context, selfTest });

function refuses(t: ExecutionContext, where: Site, expected: RegExp): void {
  const error = t.throws(() => attachTo(where), { instanceOf: InstanceError });
  t.is(error?.code, 'ESELFTEST');
  t.regex(error?.message ?? '', expected);
  t.deepEqual(where.pins(), []);
  t.deepEqual([where.tcx('egress'), where.tcx('ingress')], [[], []]);
}

test('every kind passes, and nothing of it is counted', (t) => {
  for (const settings of [{}, { mss: 1300 }, { exclude: [{ address: 0xc633_6400, length: 24 }] }]) {
    const where = site(t, 'real');
    attachTo(where, settings);
    attachTo(where, { replace: true });
    using nat = openInstance('out0', where.context);
    const states = nat.listMappings();
    t.is(states.length, KINDS.length);
    for (const { mapping, outbound, inbound } of states) {
      t.deepEqual(
        [outbound, inbound],
        [
          { packets: 0n, bytes: 0n },
          { packets: 0n, bytes: 0n },
        ],
        mapping.kind,
      );
    }
    const { outbound, inbound } = nat.status().reasons;
    for (const { hairpin, spoofed, malformed, fragment } of [outbound, inbound]) {
      t.deepEqual([hairpin, spoofed, malformed, fragment], [0n, 0n, 0n, 0n]);
    }
  }
});

test('a program that passes everything untouched', (t) => {
  const idle = program('sched_cls', 'tsnat_egress', (p) => p.next());
  refuses(
    t,
    site(t, spoilt('outbound', idle)),
    /a tcp packet of mapping 10\.0\.0\.5=203\.0\.113\.5, outbound, .* became/,
  );
});

test('a program that drops', (t) => {
  const drop = program('sched_cls', 'tsnat_ingress', (p) => p.drop());
  refuses(t, site(t, spoilt('inbound', drop)), /inbound, .* got the verdict 2 instead of/);
});

test('a program that does not know of a kind', (t) => {
  const ignorant = (options: DatapathOptions): Program =>
    datapath({ ...options, uses: new Set(['addresses', 'addresses6']) }).outbound;
  refuses(t, site(t, spoilt('outbound', ignorant)), /mapping 10\.1\.0\.0\/16=100\.64\.0\.0\/16, outbound/);
});

test('a program that clamps where none was asked for', (t) => {
  const eager = (options: DatapathOptions): Program => datapath({ ...options, mss: 1000 }).inbound;
  refuses(t, site(t, spoilt('inbound', eager)), /a tcp packet of mapping .*, inbound/);
});

test('an instance that runs keeps its programs', (t) => {
  const where = site(t, 'real');
  attachTo(where);
  const before = [where.tcx('egress'), where.tcx('ingress'), where.pins()];
  const drop = program('sched_cls', 'tsnat_ingress', (p) => p.drop());
  const context = { ...where.context, datapath: spoilt('inbound', drop), selfTest };
  const options = { interface: 'out0', netns: where.netns, replace: true };
  const error = t.throws(() => attach(options, context), { instanceOf: InstanceError });
  t.is(error?.code, 'ESELFTEST');
  t.deepEqual([where.tcx('egress'), where.tcx('ingress'), where.pins()], before);
});
