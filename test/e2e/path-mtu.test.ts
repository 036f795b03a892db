// Path MTU discovery through the gateway, for flows of every kind of mapping: between two hosts with full-size links
// lies a narrow one, of which only ICMP tells them.

import test, { type ExecutionContext } from 'ava';
import { EMULATED, PATIENCE } from '../support/emulation.ts';
import { INNERMOST, INNERMOST6, type LongLab, makeLongLab, OUTERMOST, OUTERMOST6 } from '../support/ends.ts';
import type { Namespace } from '../support/namespace.ts';
import { patternHash } from '../support/peer/pattern.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { startHttp, transfer } from '../support/traffic.ts';
import { translate } from '../support/translate.ts';

const BULK = EMULATED ? 2_000_000 : 50_000_000;
const INSIDE_PORT = 8080;

needsRootAndBpf(test);

/** A server inside: its own address, and the outside address and port it is reached at. */
interface Flow {
  readonly kind: string;
  readonly inside: string;
  readonly outside: string;
  readonly port: number;
  readonly peer: string;
}

const FLOWS: readonly Flow[] = [
  { kind: 'address', inside: INNERMOST.address, outside: '203.0.113.5', port: INSIDE_PORT, peer: OUTERMOST },
  { kind: 'prefix', inside: INNERMOST.prefix, outside: '198.51.100.7', port: INSIDE_PORT, peer: OUTERMOST },
  { kind: 'port', inside: INNERMOST.ports, outside: '203.0.113.9', port: 80, peer: OUTERMOST },
];
const FLOWS6: readonly Flow[] = [
  {
    kind: 'address',
    inside: INNERMOST6.address,
    outside: '2001:db8::5',
    port: INSIDE_PORT,
    peer: OUTERMOST6,
  },
  {
    kind: 'prefix',
    inside: INNERMOST6.prefix,
    outside: '2001:db8:a:5::7',
    port: INSIDE_PORT,
    peer: OUTERMOST6,
  },
  { kind: 'port', inside: INNERMOST6.ports, outside: '2001:db8::9', port: 80, peer: OUTERMOST6 },
];
const MAP = [
  [INNERMOST.address, '203.0.113.5'],
  ['10.0.5.0/24', '198.51.100.0/24'],
  [`${INNERMOST.ports}:${INSIDE_PORT}/tcp`, '203.0.113.9:80/tcp'],
] as const;
const MAP6 = [
  [INNERMOST6.address, '2001:db8::5'],
  ['fd00:5::/64', '2001:db8:a:5::/64'],
  [`[${INNERMOST6.ports}]:${INSIDE_PORT}/tcp`, '[2001:db8::9]:80/tcp'],
] as const;

/** The MTU that a host has learnt for a destination, when it sends from `source`. */
async function learnt(host: Namespace, destination: string, source: string): Promise<number | undefined> {
  const text = await host.must(['ip', '-j', 'route', 'get', destination, 'from', source]);
  const [route] = JSON.parse(text) as [{ readonly metrics?: readonly { readonly mtu?: number }[] }];
  return route.metrics?.[0]?.mtu;
}

/** Moves bytes each way; first the way that has to discover, lest the other end say how little it can take. */
async function move(
  t: ExecutionContext,
  lab: LongLab,
  flow: Flow,
  ways: readonly ('put' | 'get')[],
): Promise<void> {
  const expected = { from: flow.peer, bytes: BULK, sha256: patternHash(BULK) };
  for (const way of ways) {
    const { kind, outside, port } = flow;
    t.deepEqual(
      await transfer(lab.outermost, outside, way, BULK, port),
      expected,
      `${way}, ${kind}, ${outside}`,
    );
  }
}

for (const [mtu, flows, map] of [
  [1280, [...FLOWS, ...FLOWS6], [...MAP, ...MAP6]],
  [1100, FLOWS, MAP],
] as const) {
  for (const narrow of ['inside', 'outside'] as const) {
    test.serial(
      `a link of ${mtu} bytes ${narrow}: ${BULK / 1e6} MB each way, every kind of mapping`,
      async (t) => {
        t.timeout(300_000 * PATIENCE);
        const lab = await makeLongLab(t, {
          [narrow === 'inside' ? 'insideMtu' : 'outsideMtu']: mtu,
          ipv6: mtu >= 1280,
        });
        // Routers report under addresses that are not mapped, and have to be heard all the same.
        await translate(t, lab, { map, unmapped: 'drop' });
        await startHttp(t, lab.innermost, { address: mtu >= 1280 ? '::' : '0.0.0.0' });
        for (const flow of flows) {
          await move(t, lab, flow, narrow === 'inside' ? ['put', 'get'] : ['get', 'put']);
          // Who sends towards the narrow link has heard of it, through the gateway.
          const seen =
            narrow === 'inside'
              ? await learnt(lab.outermost, flow.outside, flow.peer)
              : await learnt(lab.innermost, flow.peer, flow.inside);
          t.is(seen, mtu, `${flow.kind}, ${flow.outside}`);
        }
      },
    );
  }
}
