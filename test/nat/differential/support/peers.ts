// The kernel's own ways to do what tsnat does, each with the mappings it can express, and what it is known to do otherwise.

import type { Mapping } from '../../datapath/support/reference/mappings.ts';
import { addressText, mappings } from '../../datapath/support/reference/mappings.ts';
import { type Address, TCP } from '../../datapath/support/wire.ts';

export interface Peer {
  readonly name: string;
  readonly family: 4 | 6;
  readonly mappings: readonly Mapping[];
  /** Follows connections: every packet is the first of one, and no fragment gets through as it is. */
  readonly stateful: boolean;
  /** Rewrites what ICMP errors quote. */
  readonly errors: boolean;
  /** For `nft -f`, or lines of ip(6)tables. */
  readonly nft?: string;
  readonly tables?: readonly (readonly string[])[];
}

const ADDRESSES4 = mappings(
  '10.0.0.5=203.0.113.5',
  '10.0.0.6=203.0.113.130',
  '10.1.192.168=192.168.10.1',
  '10.2.0.0=100.64.255.255',
  '10.255.255.255=1.0.0.0',
  '10.0.0.1=223.255.255.254',
);
const ADDRESSES6 = mappings(
  'fd00::5=2001:db8::5',
  'fd00::6=2001:db8:ffff:ffff:ffff:ffff:ffff:fffe',
  'fd12:3456:789a:1::1=2600::1',
  'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff=2a00:0:0:ffff::',
);
const PREFIXES4 = mappings(
  '10.1.0.0/16=100.64.0.0/16',
  '10.2.3.0/24=203.0.113.0/24',
  '10.3.0.128/31=1.2.3.4/31',
);
const PREFIXES6 = mappings('fd00:1::/48=2001:db8:1::/48', 'fd00:2:0:1200::/56=2001:db8:2:3400::/56');
const NEUTRAL = mappings(
  'fd01:203:405::/48=2001:db8:1::/48,neutral',
  'fd00:1234:5600::/40=2001:db8:ff00::/40,neutral',
  'fd00:2:0:1200::/56=2001:db8:2:3400::/56,neutral',
  'fd00:3:0:1::/64=2001:db8:3:ffff::/64,neutral',
);
const PORTS4 = mappings(
  '10.0.0.6:8080/tcp=203.0.113.9:80/tcp',
  '10.0.0.6:5353/udp=203.0.113.9:53/udp',
  '10.0.0.7:1024-2047=203.0.113.9:1024-2047',
  '10.0.0.8:2048-4095=203.0.113.9:2048-4095',
);
const PORTS6 = mappings(
  '[fd00::6]:8080/tcp=[2001:db8::9]:80/tcp',
  '[fd00::6]:5353/udp=[2001:db8::9]:53/udp',
  '[fd00::7]:1024-2047=[2001:db8::9]:1024-2047',
  '[fd00::8]:2048-4095=[2001:db8::9]:2048-4095',
);

const ipOf = (family: 4 | 6): 'ip' | 'ip6' => (family === 4 ? 'ip' : 'ip6');

/** Rules for both ways, before routing and after it. */
const table = (family: 4 | 6, before: readonly string[], after: readonly string[]): string =>
  [
    `table ${ipOf(family)} peer {`,
    `chain before { type filter hook prerouting priority -300; policy accept;\n${before.join('\n')}\n}`,
    `chain after { type filter hook postrouting priority 300; policy accept;\n${after.join('\n')}\n}`,
    '}\n',
  ].join('\n');

function statelessAddresses(family: 4 | 6, all: readonly Mapping[]): string {
  const ip = ipOf(family);
  const pairs = (from: 'inside' | 'outside', to: 'inside' | 'outside'): string =>
    all.map((one) => `${addressText(one[from])} : ${addressText(one[to])}`).join(', ');
  return table(
    family,
    [`${ip} daddr set ${ip} daddr map { ${pairs('outside', 'inside')} }`],
    [`${ip} saddr set ${ip} saddr map { ${pairs('inside', 'outside')} }`],
  );
}

const hostMask = (address: Address, length: number): Address => {
  const mask = (1n << BigInt((typeof address === 'number' ? 32 : 128) - length)) - 1n;
  return typeof address === 'number' ? Number(mask) : mask;
};

function statelessPrefixes(family: 4 | 6, all: readonly Mapping[]): string {
  const ip = ipOf(family);
  const rule = (field: string, from: 'inside' | 'outside', to: 'inside' | 'outside') => (one: Mapping) => {
    if (one.kind !== 'prefix') throw new Error('no prefix');
    const mask = addressText(hostMask(one.inside, one.length));
    const match = `${ip} ${field} ${addressText(one[from])}/${one.length}`;
    // The first that matches is the last: what one rule has made must not be taken for what another has to.
    return `${match} ${ip} ${field} set ${ip} ${field} & ${mask} | ${addressText(one[to])} accept`;
  };
  return table(
    family,
    all.map(rule('daddr', 'outside', 'inside')),
    all.map(rule('saddr', 'inside', 'outside')),
  );
}

function statelessPorts(family: 4 | 6, all: readonly Mapping[]): string {
  const ip = ipOf(family);
  const icmp = family === 4 ? 'icmp' : 'icmpv6';
  const rules = (end: 's' | 'd', from: 'inside' | 'outside', to: 'inside' | 'outside') => (one: Mapping) => {
    const [match, set] = [
      `${ip} ${end}addr ${addressText(one[from])}`,
      `${ip} ${end}addr set ${addressText(one[to])}`,
    ];
    if (one.kind === 'port') {
      const protocol = one.protocol === TCP ? 'tcp' : 'udp';
      const port = `${protocol} ${end}port`;
      return [`${match} ${port} ${one[`${from}Port`]} ${port} set ${one[`${to}Port`]} ${set} accept`];
    }
    if (one.kind !== 'port_block') throw new Error('no ports');
    const run = `${one.insidePort}-${one.insidePort + one.ports - 1}`;
    return [
      ...['tcp', 'udp', 'udplite'].map((protocol) => `${match} ${protocol} ${end}port ${run} ${set} accept`),
      `${match} ${icmp} id ${run} ${set} accept`,
    ];
  };
  return table(
    family,
    all.flatMap(rules('d', 'outside', 'inside')),
    all.flatMap(rules('s', 'inside', 'outside')),
  );
}

function natPrefixes(family: 4 | 6, all: readonly Mapping[]): string {
  const ip = ipOf(family);
  const pairs = (from: 'inside' | 'outside', to: 'inside' | 'outside'): string =>
    all
      .map((one) =>
        one.kind === 'prefix'
          ? `${addressText(one[from])}/${one.length} : ${addressText(one[to])}/${one.length}`
          : '',
      )
      .join(', ');
  return [
    `table ${ip} peer {`,
    `chain before { type nat hook prerouting priority -100; dnat ${ip} prefix to ${ip} daddr map { ${pairs('outside', 'inside')} }\n}`,
    `chain after { type nat hook postrouting priority 100; snat ${ip} prefix to ${ip} saddr map { ${pairs('inside', 'outside')} }\n}`,
    '}\n',
  ].join('\n');
}

const netmap = (program: string, all: readonly Mapping[]): string[][] =>
  all.flatMap((one) => {
    if (one.kind !== 'prefix') throw new Error('no prefix');
    const [inside, outside] = [one.inside, one.outside].map(
      (address) => `${addressText(address)}/${one.length}`,
    );
    const nat = [program, '-w', '-t', 'nat', '-A'];
    return [
      [...nat, 'PREROUTING', '-i', 'outside', '-d', outside!, '-j', 'NETMAP', '--to', inside!],
      [...nat, 'POSTROUTING', '-o', 'outside', '-s', inside!, '-j', 'NETMAP', '--to', outside!],
    ];
  });

const npt = (all: readonly Mapping[]): string[][] =>
  all.flatMap((one) => {
    if (one.kind !== 'prefix') throw new Error('no prefix');
    const [inside, outside] = [one.inside, one.outside].map(
      (address) => `${addressText(address)}/${one.length}`,
    );
    const mangle = ['ip6tables', '-w', '-t', 'mangle', '-A'];
    return [
      [
        ...mangle,
        'PREROUTING',
        '-i',
        'outside',
        '-d',
        outside!,
        '-j',
        'DNPT',
        '--src-pfx',
        outside!,
        '--dst-pfx',
        inside!,
      ],
      [
        ...mangle,
        'POSTROUTING',
        '-o',
        'outside',
        '-s',
        inside!,
        '-j',
        'SNPT',
        '--src-pfx',
        inside!,
        '--dst-pfx',
        outside!,
      ],
    ];
  });

const stateless = { stateful: false, errors: false } as const;
const stateful = { stateful: true, errors: true } as const;

export const PEERS: readonly Peer[] = [
  {
    name: 'nft, addresses',
    family: 4,
    mappings: ADDRESSES4,
    ...stateless,
    nft: statelessAddresses(4, ADDRESSES4),
  },
  {
    name: 'nft, addresses',
    family: 6,
    mappings: ADDRESSES6,
    ...stateless,
    nft: statelessAddresses(6, ADDRESSES6),
  },
  {
    name: 'nft, prefixes',
    family: 4,
    mappings: PREFIXES4,
    ...stateless,
    nft: statelessPrefixes(4, PREFIXES4),
  },
  {
    name: 'nft, prefixes',
    family: 6,
    mappings: PREFIXES6,
    ...stateless,
    nft: statelessPrefixes(6, PREFIXES6),
  },
  { name: 'nft, ports', family: 4, mappings: PORTS4, ...stateless, nft: statelessPorts(4, PORTS4) },
  { name: 'nft, ports', family: 6, mappings: PORTS6, ...stateless, nft: statelessPorts(6, PORTS6) },
  { name: 'nft, nat prefix', family: 4, mappings: PREFIXES4, ...stateful, nft: natPrefixes(4, PREFIXES4) },
  { name: 'nft, nat prefix', family: 6, mappings: PREFIXES6, ...stateful, nft: natPrefixes(6, PREFIXES6) },
  {
    name: 'iptables NETMAP',
    family: 4,
    mappings: PREFIXES4,
    ...stateful,
    tables: netmap('iptables', PREFIXES4),
  },
  {
    name: 'ip6tables NETMAP',
    family: 6,
    mappings: PREFIXES6,
    ...stateful,
    tables: netmap('ip6tables', PREFIXES6),
  },
  {
    name: 'ip6tables SNPT and DNPT',
    family: 6,
    mappings: NEUTRAL,
    stateful: false,
    errors: true,
    tables: npt(NEUTRAL),
  },
];
