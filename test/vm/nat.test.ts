// The two NAT programs in the interpreter and in the kernel, on the same packets and the same maps: same bytes, same
// verdict, same map contents.

import test from 'ava';
import fc from 'fast-check';
import { encode, withSources } from '../../src/asm/index.ts';
import { resolveSource } from '../../src/loader/source-map.ts';
import { datapath } from '../../src/nat/datapath/index.ts';
import { addressRecord, interfaceRecord } from '../../src/nat/maps.ts';
import { Coverage, Vm, VmFault } from '../../src/vm/index.ts';
import {
  be16,
  be32,
  bytes,
  ETH_P_ARP,
  frame,
  ICMP,
  icmp,
  ip4,
  ipv4,
  join,
  patch,
  TCP,
  tcp,
  UDP,
  udp,
} from '../nat/datapath/support/wire.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { type BothInput, inKernel, inVm, vmMaps } from './support/both.ts';

needsRootAndBpf(test);

const INSIDE = ip4('10.0.0.5');
const OUTSIDE = ip4('203.0.113.5');
const REMOTE = ip4('198.51.100.7');
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9);
const { outbound, inbound, maps } = datapath({ unmapped: 'pass', capacity: 16 });

const record = (address: number): Uint8Array =>
  encode(addressRecord, { address, reserved: 0, packets: 5n, bytes: 0xffff_ffffn });
const station = encode(interfaceRecord, {
  mac: MAC,
  reserved: new Uint8Array(2),
  subnets: Array.from({ length: 16 }, (_, i) =>
    i === 3 ? { network: ip4('203.0.113.0'), mask: ip4('255.255.255.0') } : { network: 0, mask: 0 },
  ),
  outsides: { network: 0xffff_ffff, mask: 0 },
  subnets6: Array.from({ length: 8 }, () => ({ network: [0, 0, 0, 0], mask: [0, 0, 0, 0] })),
  outsides6: { network: [0xffff_ffff, 0, 0, 0], mask: [0, 0, 0, 0] },
});
const filled: NonNullable<BothInput['maps']> = {
  [maps.outbound.name]: [[be32(INSIDE), record(OUTSIDE)]],
  [maps.inbound.name]: [[be32(OUTSIDE), record(INSIDE)]],
  [maps.interface.name]: [[new Uint8Array(4), station]],
};

const out = { source: INSIDE, destination: REMOTE };
const back = { source: REMOTE, destination: OUTSIDE };
const segment = {
  tcp: tcp(),
  udp: udp(),
  none: udp({ checksum: 'none' }),
  large: tcp({ payload: bytes(1400) }),
};

/** An ICMP error about `quoted`, cut to `length`. */
const error = (type: number, quoted: Uint8Array, length = quoted.length): Uint8Array =>
  icmp(type, 1, be32(0), quoted.subarray(0, length));

const ways = [out, back].flatMap((way) => {
  const { source, destination } = way;
  const other = { source: destination, destination: source };
  const packet = (protocol: number, payload: Uint8Array, more = {}): Uint8Array =>
    ipv4({ ...way, protocol, ...more }, payload);
  const quotes = [
    ipv4({ ...other, protocol: TCP }, segment.tcp(destination, source)),
    ipv4({ ...other, protocol: UDP }, segment.udp(destination, source)),
    ipv4({ ...other, protocol: UDP }, segment.none(destination, source)),
    ipv4({ ...other, protocol: ICMP }, icmp(8, 0, be32(7), bytes(8))),
  ];
  const whole = segment.tcp(source, destination);
  return [
    packet(TCP, whole),
    packet(TCP, segment.large(source, destination)),
    packet(UDP, segment.udp(source, destination)),
    packet(UDP, segment.none(source, destination)),
    packet(ICMP, icmp(8, 0, be32(1), bytes(56))),
    packet(47, bytes(24)),
    packet(TCP, whole, { options: Uint8Array.of(1, 1, 1, 0) }),
    packet(TCP, whole, { fragment: 0x2000 }),
    packet(TCP, whole, { fragment: 0x0005 }),
    packet(TCP, whole, { versionIhl: 0x44 }),
    packet(TCP, whole, { totalLength: 2000 }),
    packet(TCP, whole.subarray(0, 12)),
    ...quotes.flatMap((quoted) => [
      packet(ICMP, error(3, quoted)),
      packet(ICMP, error(11, quoted, 28)),
      packet(ICMP, error(12, quoted, 20)),
      packet(ICMP, error(3, quoted, 12)),
    ]),
  ].map((one) => frame(one));
});

const arp = (operation: number, target: number): Uint8Array =>
  frame(
    join(
      be16(1),
      be16(0x0800),
      Uint8Array.of(6, 4),
      be16(operation),
      bytes(6),
      be32(REMOTE),
      bytes(6),
      be32(target),
    ),
    { type: ETH_P_ARP, pad: 60 },
  );
const others = [
  arp(1, OUTSIDE),
  arp(2, OUTSIDE),
  arp(1, INSIDE),
  frame(bytes(40), { type: 0x86dd }),
  frame(bytes(3), { type: ETH_P_ARP }),
];

for (const [name, program] of Object.entries({ outbound, inbound })) {
  test(`${name}: the interpreter does what the kernel does`, (t) => {
    for (const [index, packet] of [...ways, ...others].entries()) {
      const input = { packet, maps: filled, fields: {} };
      t.deepEqual(inVm(program, input), inKernel(program, input), `packet ${index}`);
    }
  });

  test(`${name}: also on packets with random changes`, (t) => {
    const change = fc.tuple(fc.nat({ max: 80 }), fc.integer({ min: 0, max: 255 }));
    const property = fc.property(
      fc.constantFrom(...ways),
      fc.array(change, { maxLength: 4 }),
      (sound, changes) => {
        const packet = changes.reduce(
          (bent, [at, value]) => (at < bent.length ? patch(bent, at, Uint8Array.of(value)) : bent),
          sound,
        );
        const input = { packet, maps: filled, fields: {} };
        t.deepEqual(inVm(program, input), inKernel(program, input));
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
}

test('coverage is by line of the datapath, and the packets above go through most of it', (t) => {
  const coverage = new Coverage();
  for (const plain of [outbound, inbound]) {
    const program = withSources(plain, resolveSource);
    const vm = new Vm(program, {
      maps: vmMaps(program, { packet: others[0]!, maps: filled }),
      watch: [coverage.watch],
    });
    for (const packet of [...ways, ...others]) vm.run({ packet });
  }
  const records = coverage.lcov().split('end_of_record\n').slice(0, -1);
  const files = records.map((record) => /^SF:(.*)$/m.exec(record)?.[1] ?? '');
  t.true(files.length > 3);
  for (const file of files) t.regex(file, /\/src\/nat\/.*\.ts$/);
  const sum = (field: string): number =>
    records.reduce(
      (total, record) => total + Number(new RegExp(`^${field}:(\\d+)$`, 'm').exec(record)?.[1]),
      0,
    );
  t.true(sum('LH') / sum('LF') > 0.8, `${sum('LH')} of ${sum('LF')} lines`);
  t.log(`${sum('LH')} of ${sum('LF')} lines, ${sum('BRH')} of ${sum('BRF')} branches`);
});

test('a fault names the line of the datapath', (t) => {
  const program = withSources(outbound, resolveSource);
  const fault = t.throws(() => new Vm(program, { instructionLimit: 20 }).run({ packet: ways[0]! }), {
    instanceOf: VmFault,
  });
  t.regex(fault?.location?.file ?? '', /\/src\/nat\/datapath\/\w+\.ts$/);
});
