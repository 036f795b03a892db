// Mapping files: what is wrong with them, by line.

import test from 'ava';
import { MappingError } from '../../src/nat/mapping-error.ts';
import { parseMappingFile } from '../../src/nat/mapping-file.ts';

const HEAD = 'version: 1\nmappings:\n';
const BAD: readonly [what: string, text: string, complaints: readonly [string, RegExp][]][] = [
  ['nothing', '', [['bad_value', /^f:1: a mapping file is a map/]]],
  ['a list', '- 1\n', [['bad_value', /^f:1: a mapping file is a map/]]],
  ['not YAML', 'version: 1\nmappings: [\n', [['bad_syntax', /^f:[23]: /]]],
  ['a tab', 'version: 1\nmappings:\n\t- 1\n', [['bad_syntax', /^f:3: /]]],
  ['a key twice', 'version: 1\nversion: 1\nmappings: []\n', [['bad_syntax', /^f:2: .*unique/]]],
  ['two documents', 'version: 1\nmappings: []\n---\nversion: 1\n', [['bad_syntax', /^f:3: /]]],
  [
    'an alias',
    'version: 1\ninterface: &a eth0\nhook: *a\nmappings: []\n',
    [['bad_syntax', /^f:3: alias \*a/]],
  ],
  ['no version', 'mappings: []\n', [['missing_key', /^f:1: version is missing/]]],
  ['version 2', 'version: 2\nmappings: []\n', [['bad_version', /^f:1: version 2 is not known/]]],
  ['version as text', 'version: "1"\nmappings: []\n', [['bad_version', /^f:1: version '1'/]]],
  ['no mappings', 'version: 1\n', [['missing_key', /mappings is missing/]]],
  ['mappings that are no list', 'version: 1\nmappings: 5\n', [['bad_value', /^f:2: mappings is not a list/]]],
  ['an unknown key', 'version: 1\nmapings: []\nmappings: []\n', [['unknown_key', /^f:2: key 'mapings'/]]],
  [
    'an unknown hook',
    'version: 1\nhook: ebtables\nmappings: []\n',
    [['bad_value', /^f:2: hook 'ebtables' is not known/]],
  ],
  [
    'inside interfaces that are none',
    'version: 1\nhook: xdp\ninside: lan0\nxdp_mode: fast\nmappings: []\n',
    [
      ['bad_value', /^f:3: inside 'lan0' is not a list of names/],
      ['bad_value', /^f:4: xdp_mode 'fast' is not known/],
    ],
  ],
  [
    'an interface that is a number',
    'version: 1\ninterface: 7\nmappings: []\n',
    [['bad_value', /^f:2: interface 7/]],
  ],
  [
    'an entry as text',
    `${HEAD}  - 10.0.0.5=203.0.113.5\n`,
    [['bad_value', /^f:3: '10.0.0.5=203.0.113.5' is not an/]],
  ],
  [
    'an entry without an outside',
    `${HEAD}  - { inside: 10.0.0.5 }\n`,
    [['missing_key', /^f:3: outside is missing/]],
  ],
  [
    'an unknown key in an entry',
    `${HEAD}  - { inside: 10.0.0.5, outside: 1.1.1.1, port: 5 }\n`,
    [['unknown_key', /^f:3: key 'port'/]],
  ],
  [
    'a number for an address',
    `${HEAD}  - { inside: 10.0, outside: 203.0.113.5 }\n`,
    [['bad_value', /^f:3: inside 10/]],
  ],
  [
    'a bad address',
    `${HEAD}  - { inside: 10.0.0.256, outside: 203.0.113.5 }\n`,
    [['bad_address', /^f:3: .*256 is more/]],
  ],
  [
    'mixed families',
    `${HEAD}  - { inside: 10.0.0.5, outside: "2001:db8::5" }\n`,
    [['mixed_families', /^f:3: /]],
  ],
  [
    'unequal prefixes',
    `${HEAD}  - { inside: 10.1.0.0/16, outside: 100.64.0.0/17 }\n`,
    [['unequal_prefixes', /^f:3: /]],
  ],
  [
    'host bits',
    `${HEAD}  - { inside: 10.1.2.3/16, outside: 100.64.0.0/16 }\n`,
    [['bad_address', /^f:3: .*10\.1\.0\.0\/16 is one/]],
  ],
  [
    'a neutral address',
    `${HEAD}  - { inside: "::5", outside: "::6", neutral: true }\n`,
    [['not_neutral', /^f:3: mapping '::5=::6,neutral'/]],
  ],
  [
    'neutral that is no flag',
    `${HEAD}  - { inside: "::/64", outside: "1::/64", neutral: yes }\n`,
    [['bad_value', /^f:3: neutral 'yes' is not known: write true or false/]],
  ],
  [
    'nesting that is none',
    `${HEAD}  - { inside: 10.0.0.5, outside: 203.0.113.5 }\n  - { inside: 10.1.0.0/24, outside: 203.0.113.0/24 }\n`,
    [['shadowed', /^f:4: .* with '10.0.0.5=203.0.113.5' at f:3: 10.1.0.5 would leave as/]],
  ],
  [
    'unmapped by one direction',
    'version: 1\nunmapped:\n  outbound: drop\nmappings: []\n',
    [['missing_key', /^f:3: unmapped: inbound is missing/]],
  ],
  [
    'unmapped by no direction',
    'version: 1\nunmapped: { out: drop, outbound: stop, inbound: pass }\nmappings: []\n',
    [
      ['unknown_key', /^f:2: key 'out'/],
      ['bad_value', /^f:2: outbound 'stop' is not known: write pass, drop/],
    ],
  ],
  [
    'unmapped as a list',
    'version: 1\nunmapped: [drop]\nmappings: []\n',
    [['bad_value', /^f:2: unmapped \(a list\) is not known: write pass, drop, or/]],
  ],
  [
    'unmapped twisted',
    'version: 1\nunmapped: dorp\nmappings: []\n',
    [['bad_value', /^f:2: unmapped 'dorp'/]],
  ],
  ['spoofed, unknown', 'version: 1\nspoofed: yes\nmappings: []\n', [['bad_value', /^f:2: spoofed 'yes'/]]],
  [
    'an MSS too small',
    'version: 1\nmss: 535\nmappings: []\n',
    [['bad_value', /^f:2: mss 535 is not a whole number from 536 to 65495/]],
  ],
  ['an MSS as text', 'version: 1\nmss: "1360"\nmappings: []\n', [['bad_value', /^f:2: mss '1360' is not a/]]],
  [
    'a fraction',
    'version: 1\nmss: 1360.5\nmappings: []\n',
    [['bad_value', /^f:2: mss 1360.5 is not a whole/]],
  ],
  [
    'include as text',
    'version: 1\ninclude: 10.0.0.0/8\nmappings: []\n',
    [['bad_value', /^f:2: include '10.0.0.0\/8' is not a list/]],
  ],
  [
    'bad prefixes',
    'version: 1\nexclude:\n  - 10.0.0.1/8\n  - 5\n  - 10.0.0.0/8\nmappings: []\n',
    [
      ['bad_address', /^f:3: exclude: '10.0.0.1\/8' is not a prefix: .*10.0.0.0\/8 is one/],
      ['bad_value', /^f:4: exclude: 5 is not a prefix/],
    ],
  ],
  [
    'a prefix in both lists, and twice',
    'version: 1\ninclude: [10.0.0.0/8]\nexclude:\n  - 10.0.0.0/8\n  - fd00::1\n  - fd00:0::1/128\nmappings: []\n',
    [
      ['duplicate', /^f:4: exclude 10.0.0.0\/8 is also in include, at f:2/],
      ['duplicate', /^f:6: exclude fd00::1\/128 is already at f:5/],
    ],
  ],
  [
    'slots that are none',
    `${HEAD}${[
      'inside: 172.16.0.2, slot: "", outside: 1.1.1.1',
      'inside: 172.16.0.2, slot: 7, outside: 1.1.1.1',
      'inside: 172.16.0.2, slot: a/b, outside: 1.1.1.1',
      'inside: 172.16.0.2%tap7, slot: tap7, outside: 1.1.1.1',
      'inside: 172.16.0.0/24, slot: tap7, outside: 1.1.1.0/24',
      'inside: 172.16.0.2, slot: tap7, outside: 2001:db8::7',
      'inside: fd00::2, slot: tap7, outside: 2001:db8::7, neutral: true',
      'slot: tap7, outside: 1.1.1.1',
    ]
      .map((entry) => `  - { ${entry} }\n`)
      .join('')}`,
    [
      ['bad_value', /^f:3: slot '' is not text: write the name of an interface/],
      ['bad_value', /^f:4: slot 7 is not text: write the name of an interface, in quotes if need be/],
      ['bad_address', /^f:5: mapping '172.16.0.2%a\/b=1.1.1.1': .* interface's name has '\/' in it/],
      ['bad_value', /^f:6: inside '172.16.0.2%tap7' names an interface, and so does slot/],
      ['bad_address', /^f:7: .* a slot is one address at one interface/],
      ['mixed_families', /^f:8: mapping '172.16.0.2%tap7=2001:db8::7' mixes IPv4 and IPv6/],
      ['not_neutral', /^f:9: .*,neutral' cannot be neutral/],
      [
        'missing_key',
        /^f:10: inside is missing: .* of a slot \{ inside: IN, slot: INTERFACE, outside: OUT \}/,
      ],
    ],
  ],
  [
    'slots that do not go together',
    `${HEAD}${[
      'inside: 172.16.0.2, slot: tap7, outside: 1.1.1.1',
      'inside: 172.16.0.2, slot: tap8, outside: 1.1.1.1',
      'inside: 172.16.0.2, slot: tap7, outside: 1.1.1.2',
      'inside: 172.16.0.2, outside: 1.1.1.3',
    ]
      .map((entry) => `  - { ${entry} }\n`)
      .join('')}`,
    [
      ['outside_taken', /^f:4: .* outside 1.1.1.1 is already that of 172.16.0.2%tap7 at f:3/],
      ['inside_taken', /^f:5: .* inside 172.16.0.2%tap7 already maps to 1.1.1.1 at f:3/],
    ],
  ],
  [
    'several things, all named',
    `version: 3\nhook: x\nmappings:\n  - { inside: 10.0.0.5, outside: 1.1.1.1 }\n  - 5\n\n  - { inside: 10.0.0.6, outside: 1.1.1.1 }\n  - { inside: 10.0.0.7, outside: 224.0.0.1 }\n`,
    [
      ['bad_version', /^f:1: /],
      ['bad_value', /^f:2: /],
      ['bad_value', /^f:5: /],
      ['outside_taken', /^f:7: mapping '10.0.0.6=1.1.1.1': .* already that of 10.0.0.5 at f:4/],
      ['unusable_address', /^f:8: /],
    ],
  ],
];
for (const [what, text, expected] of BAD) {
  test(`refused: ${what}`, async (t) => {
    const error = await t.throwsAsync(parseMappingFile(text, 'f'), { instanceOf: MappingError });
    t.deepEqual(
      error.complaints.map(({ code }) => code),
      expected.map(([code]) => code as never),
      JSON.stringify(error.complaints, null, 1),
    );
    for (const [i, [, message]] of expected.entries()) {
      t.regex(error.complaints[i]?.message ?? '', message);
      t.false(error.complaints[i]?.message.includes('\n'));
    }
  });
}
