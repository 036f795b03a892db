// Mapping files: what they say.

import test from 'ava';
import { formatMapping } from '../../src/nat/mapping.ts';
import { parseMappingFile } from '../../src/nat/mapping-file.ts';
import { formatPrefix } from '../../src/nat/prefix.ts';

const GOOD = `# the gateway
version: 1
interface: eth0          # the outside interface
hook: tcx
unmapped: drop
mappings:
  - { inside: 10.0.0.5, outside: 203.0.113.5 }
  - inside: 10.0.0.6
    outside: "203.0.113.6"
`;

test('a YAML file', async (t) => {
  const file = await parseMappingFile(GOOD, 'nat.yaml');
  t.deepEqual(file.interface, { value: 'eth0', origin: 'nat.yaml:3' });
  t.deepEqual(file.hook, { value: 'tcx', origin: 'nat.yaml:4' });
  t.deepEqual(file.unmapped, { value: { outbound: 'drop', inbound: 'drop' }, origin: 'nat.yaml:5' });
  t.deepEqual(
    file.mappings.map(({ mapping, origin }) => [formatMapping(mapping), origin]),
    [
      ['10.0.0.5=203.0.113.5', 'nat.yaml:7'],
      ['10.0.0.6=203.0.113.6', 'nat.yaml:8'],
    ],
  );
});

test('every kind of mapping, every setting', async (t) => {
  const file = await parseMappingFile(
    `version: 1
unmapped: { outbound: drop, inbound: pass }
spoofed: pass
mss: 1360
include:
  - 192.0.2.0/24
  - 2001:db8:f::/48
exclude: [192.0.2.7, "::/0"]
mappings:
  - { inside: fd00::5, outside: 2001:db8::5 }
  - { inside: 10.1.0.0/16, outside: 100.64.0.0/16 }
  - { inside: fd00:1::/48, outside: 2001:db8:1::/48, neutral: true }
  - { inside: fd00:2::/48, outside: 2001:db8:2::/48, neutral: false }
  - { inside: 10.0.0.6:8080/tcp, outside: 203.0.113.9:80/tcp }
  - { inside: "[fd00::6]:8080/udp", outside: "[2001:db8::9]:80/udp" }
  - inside: 10.0.0.7:1024-2047
    outside: 203.0.113.9:1024-2047
  - { inside: 172.16.0.2, slot: tap7, outside: 203.0.113.7 }
  - { inside: fd00::2, slot: "7", outside: 2001:db8::7 }
  - { inside: 172.16.0.2%tap8, outside: 203.0.113.8 }
`,
    'f',
  );
  t.deepEqual(file.unmapped, { value: { outbound: 'drop', inbound: 'pass' }, origin: 'f:2' });
  t.deepEqual(file.spoofed, { value: 'pass', origin: 'f:3' });
  t.deepEqual(file.mss, { value: 1360, origin: 'f:4' });
  const texts = (list: typeof file.include): unknown =>
    list?.value.map(({ prefix, origin }) => `${formatPrefix(prefix)} ${origin}`);
  t.deepEqual(texts(file.include), ['192.0.2.0/24 f:6', '2001:db8:f::/48 f:7']);
  t.deepEqual(texts(file.exclude), ['192.0.2.7/32 f:8', '::/0 f:8']);
  t.deepEqual(
    file.mappings.map(({ mapping, origin }) => `${origin} ${formatMapping(mapping)}`),
    [
      'f:10 fd00::5=2001:db8::5',
      'f:11 10.1.0.0/16=100.64.0.0/16',
      'f:12 fd00:1::/48=2001:db8:1::/48,neutral',
      'f:13 fd00:2::/48=2001:db8:2::/48',
      'f:14 10.0.0.6:8080/tcp=203.0.113.9:80/tcp',
      'f:15 [fd00::6]:8080/udp=[2001:db8::9]:80/udp',
      'f:16 10.0.0.7:1024-2047=203.0.113.9:1024-2047',
      'f:18 172.16.0.2%tap7=203.0.113.7',
      'f:19 fd00::2%7=2001:db8::7',
      'f:20 172.16.0.2%tap8=203.0.113.8',
    ],
  );
});

test('what a file leaves out is not there', async (t) => {
  t.deepEqual(Object.keys(await parseMappingFile('version: 1\nmappings: []\n', 'f')), ['mappings']);
});

test('a JSON file', async (t) => {
  const mappings = [{ inside: '10.0.0.5', outside: '203.0.113.5' }];
  for (const indent of [0, 2, 8]) {
    const text = JSON.stringify({ version: 1, mappings, unmapped: 'pass' }, null, indent);
    const file = await parseMappingFile(text, 'nat.json');
    t.is(file.mappings.length, 1);
    t.deepEqual(file.unmapped?.value, { outbound: 'pass', inbound: 'pass' });
    t.is(file.interface, undefined);
  }
});
