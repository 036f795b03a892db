// What of an instance people and programs get to see.

import test from 'ava';
import { statusJson, statusText } from '../../src/cli/describe.ts';
import { compareInsides, mappingJson, mappingsTable } from '../../src/cli/describe-mappings.ts';
import type { Input } from '../../src/cli/input.ts';
import { Output } from '../../src/cli/output.ts';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { unmappedOf } from '../../src/cli/policy-options.ts';
import type { InstanceStatus } from '../../src/nat/instance/types.ts';
import { formatMapping, parseMapping } from '../../src/nat/mapping.ts';
import { DEFAULT_POLICY } from '../../src/nat/policy.ts';
import { parsePrefix } from '../../src/nat/prefix.ts';
import { REASONS, type Reason } from '../../src/nat/reason.ts';

function inputOf(line: string): Input {
  const request = parseCommandLine(line.split(' '));
  if (request.kind !== 'run') throw new Error(`${line}: ${request.kind}`);
  return request.input;
}

const output = new Output(false);
const counters = { packets: 0n, bytes: 0n };
const none = Object.fromEntries(REASONS.map(({ name }) => [name, 0n])) as Record<Reason, bigint>;
const status: InstanceStatus = {
  ...DEFAULT_POLICY,
  name: 'eth0',
  interface: 'eth0',
  ifindex: 3,
  hook: 'tcx',
  slots: { place: 'device', bound: 0, reserved: 0, stale: 0 },
  link: 'ethernet',
  healthy: true,
  problems: [],
  programs: {},
  mappings: 2,
  capacity: 65_536,
  translated: { outbound: counters, inbound: counters },
  reasons: { outbound: none, inbound: none },
};
const special: InstanceStatus = {
  ...status,
  link: 'none',
  unmapped: { outbound: 'drop', inbound: 'pass' },
  spoofed: 'pass',
  mss: 1360,
  include: [parsePrefix('192.0.2.0/24'), parsePrefix('2001:db8::/32')],
  exclude: [parsePrefix('192.0.2.7')],
  reasons: {
    outbound: { ...none, unmapped: 5n, spoofed: 1n, hairpin: 2n, unmappable: 3n },
    inbound: { ...none, unmapped: 7n, arp_answered: 4n, fragment: 6n },
  },
};

/** The value in a row, or the cells of one. */
const row = (text: string, pattern: RegExp): string[] =>
  text
    .split('\n')
    .find((line) => pattern.test(line))
    ?.trim()
    .split(/ {2,}/) ?? [];

test('what is as usual goes without saying', (t) => {
  const text = statusText(status, output);
  t.deepEqual(row(text, /unmapped/), ['unmapped', 'pass']);
  t.deepEqual(row(text, /mappings/), ['mappings', '2, room for 65,536 addresses of each family']);
  t.notRegex(text, /spoofed|mss|include|exclude|reason/);
});

test('what is not is said', (t) => {
  const text = statusText(special, output);
  t.deepEqual(row(text, /^ *unmapped/), ['unmapped', 'outbound=drop,inbound=pass']);
  t.deepEqual(row(text, /^ *spoofed/), ['spoofed', 'pass']);
  t.deepEqual(row(text, /^ *mss/), ['mss', '1360']);
  t.deepEqual(row(text, /^ *include/), ['include', '192.0.2.0/24 2001:db8::/32']);
  t.deepEqual(row(text, /^ *exclude/), ['exclude', '192.0.2.7/32']);
  t.deepEqual(row(text, /^ *hook/), ['hook', 'tcx, no link layer header']);
});

test('the outcome of a reason is that of its direction', (t) => {
  const text = statusText(special, output);
  const outcomes = text
    .match(/^ *(?:outbound|inbound) +\d+ {2}\S.*$/gm)
    ?.map((line) => line.trim().split(/ {2,}/).slice(0, 4));
  t.deepEqual(outcomes, [
    ['outbound', '5', 'dropped', 'unmapped'],
    ['outbound', '1', 'passed', 'spoofed'],
    ['outbound', '2', 'turned round', 'hairpin'],
    ['outbound', '3', 'dropped', 'unmappable'],
    ['inbound', '7', 'passed', 'unmapped'],
    ['inbound', '4', 'turned round', 'arp_answered'],
    ['inbound', '6', 'passed', 'fragment'],
  ]);
  const strict = statusText({ ...special, spoofed: 'drop' }, output);
  t.deepEqual(row(strict, /\bspoofed\b/).slice(2, 4), ['dropped', 'spoofed']);
});

test('JSON says it as a mapping file does', (t) => {
  t.like(statusJson(status), { unmapped: 'pass', spoofed: 'drop', include: [], exclude: [] });
  t.like(statusJson(special), {
    unmapped: { outbound: 'drop', inbound: 'pass' },
    mss: 1360,
    include: ['192.0.2.0/24', '2001:db8::/32'],
    exclude: ['192.0.2.7/32'],
  });
});

const SORTED = [
  '10.0.0.0/24=203.0.113.0/24',
  '10.0.0.0=203.0.113.0',
  '10.0.0.6=203.0.113.6',
  '10.0.0.6:80/tcp=203.0.113.9:8080/tcp',
  '10.0.0.6:1024-2047=203.0.113.9:1024-2047',
  '172.16.0.2=203.0.113.2',
  '172.16.0.2:80/tcp=203.0.113.8:80/tcp',
  '172.16.0.2%tap9=203.0.113.19',
  '172.16.0.2%tap10=203.0.113.10',
  '172.16.0.3%tap8=203.0.113.3',
  '200.0.0.0/8=100.0.0.0/8',
  'fd00:1::/48=2001:db8:1::/48,neutral',
  'fd00:1::/64=2001:db8:2::/64',
  '[fd00:1::5]:53/udp=[2001:db8::9]:53/udp',
];

test('mappings in the order of their insides, the wider first', (t) => {
  const list = SORTED.toReversed().map((text) => parseMapping(text));
  t.deepEqual(list.sort(compareInsides).map(formatMapping), SORTED);
});

test('mappings as JSON and in a table are what is written on either side of =', (t) => {
  for (const text of SORTED) {
    const mapping = parseMapping(text);
    const { kind, inside, outside, neutral, interface: slot } = mappingJson(mapping);
    t.is(kind, mapping.kind);
    t.is(slot, mapping.kind === 'slot' ? mapping.interface : undefined);
    t.is(`${inside}=${outside}${neutral ? ',neutral' : ''}`, text);
    const shown = mappingsTable(
      [{ mapping, outbound: { packets: 1n, bytes: 1536n }, inbound: counters }],
      output,
    );
    t.deepEqual(row(shown, /\d/), [...text.split('='), '1', '1.5 KiB', '0', '0 B']);
  }
});

test('--unmapped for both directions, or for each', (t) => {
  t.is(unmappedOf(inputOf('attach eth0')), undefined);
  t.deepEqual(unmappedOf(inputOf('attach eth0 --unmapped drop')), { outbound: 'drop', inbound: 'drop' });
  for (const text of ['outbound=drop,inbound=pass', 'inbound=pass,outbound=drop']) {
    t.deepEqual(unmappedOf(inputOf(`attach eth0 --unmapped ${text}`)), { outbound: 'drop', inbound: 'pass' });
  }
  for (const text of [
    'outbound=drop',
    'outbound=drop,outbound=pass',
    'outbound=stop,inbound=pass',
    'drop,pass',
  ]) {
    t.throws(() => inputOf(`attach eth0 --unmapped ${text}`), { message: /--unmapped cannot be/ });
  }
});
