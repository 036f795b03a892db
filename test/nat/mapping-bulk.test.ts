// Mapping files whose entries are read without a YAML parser, and those that are not.

import test from 'ava';
import fc from 'fast-check';
import { formatIpv4 } from '../../src/nat/ipv4.ts';
import { formatMapping } from '../../src/nat/mapping.ts';
import { readBulk } from '../../src/nat/mapping-bulk.ts';
import { MappingError } from '../../src/nat/mapping-error.ts';
import { parseMappingFile } from '../../src/nat/mapping-file.ts';

const HEAD = 'version: 1\nmappings:\n';

// Text that readBulk takes must mean to YAML what it means to readBulk; a comment after the key turns it off.
const slow = (text: string): string => `${text}\n`.replace(/^mappings:(?=\r?\n)/m, 'mappings: # all');
const outcome = async (text: string): Promise<unknown> => {
  try {
    return (await parseMappingFile(text, 'f')).mappings;
  } catch (error) {
    if (error instanceof MappingError) return error.complaints;
    throw error;
  }
};

test('plain entries mean the same with and without the YAML parser', async (t) => {
  const octet = fc.integer({ min: 0, max: 300 });
  const address = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
  const quote = (text: string, quoted: boolean): string => (quoted ? `"${text}"` : text);
  const token = fc.tuple(address, fc.boolean()).map(([text, quoted]) => quote(text, quoted));
  // What a parser may take for something else than text among them.
  const names = [
    'tap7',
    'eth0.100',
    'a-b_c',
    'null0',
    'null',
    'true',
    'True',
    'false',
    '7',
    '0x7',
    '1e3',
    '.inf',
  ];
  const more = ['no', 'a b', 'a#b', 'a: b', '-', 'é', '~', 'a'.repeat(15), 'a'.repeat(16), ''];
  const slot = fc
    .tuple(fc.oneof(fc.constant('tap7'), fc.constantFrom(...names, ...more)), fc.boolean(), fc.boolean())
    .map(([name, quoted, there]) => (there ? quote(name, quoted) : undefined));
  const item = fc
    .tuple(token, token, slot, fc.constantFrom(0, 1, 2, 3, 4), fc.constantFrom('  ', '    ', ''))
    .map(([inside, outside, name, form, gap]) => {
      const [key, line] = name === undefined ? ['', ''] : [`slot: ${name}, `, `\n  slot: ${name}`];
      return [
        `- { inside: ${inside}, ${key}outside: ${outside} }`,
        `- {inside: ${inside} ,${key}outside: ${outside}}  # why`,
        `- inside: ${inside}${line}\n  outside: ${outside}`,
        `${gap}# a comment\n\n- "inside":${inside}${line}\n  outside : ${outside}`,
        `- { outside: ${outside}, ${key}inside: ${inside} }`,
      ][form]!;
    });
  const file = fc
    .tuple(
      fc.array(item, { maxLength: 5 }),
      fc.constantFrom('', '  '),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
    )
    .map(([items, indent, eol, tail]) =>
      ['version: 1', 'mappings:', ...items.flatMap((lines) => lines.split('\n').map((line) => indent + line))]
        .concat(tail ? ['interface: eth0', ''] : [])
        .join(eol),
    );
  let bulk = 0;
  await fc.assert(
    fc.asyncProperty(file, async (text) => {
      if (readBulk(text) !== undefined) bulk++;
      t.is(readBulk(slow(text)), undefined);
      t.deepEqual(await outcome(text), await outcome(slow(text)), text);
    }),
    { numRuns: 600 },
  );
  t.true(bulk > 50, `only ${bulk} of 600 files were plain`);
});

const NOT_BULK: readonly [string, string][] = [
  [
    'the key in a comment',
    'version: 1\n# "mappings": [{"inside": 1.1.1.1, "outside": 2.2.2.2}]\nmappings: []\n',
  ],
  ['a block within braces', '{version: 1,\nmappings:\n- { inside: 1.1.1.1, outside: 2.2.2.2 }\n}\n'],
  [
    'the key in a text',
    'version: 1\ninterface: "a\nmappings:\n  - { inside: 1.1.1.1, outside: 2.2.2.2 }\n"\n',
  ],
  ['more entries behind', `${HEAD}  - { inside: 1.1.1.1, outside: 2.2.2.2 }\n  - 5\n`],
  ['a list not indented', 'version: 1\nmappings: [\n{ inside: 1.1.1.1, outside: 2.2.2.2 }\n]\n'],
  [
    'a block within braces, in the middle',
    '{\nmappings:\n- { inside: 1.1.1.1, outside: 2.2.2.2 }\nversion: 1 }\n',
  ],
  [
    'uneven indentation',
    `${HEAD}  - { inside: 1.1.1.1, outside: 2.2.2.2 }\n   - { inside: 1.1.1.2, outside: 2.2.2.3 }\n`,
  ],
];
for (const [what, text] of NOT_BULK) {
  test(`left to YAML: ${what}`, async (t) => {
    const result = await outcome(text);
    t.notDeepEqual(result, [
      { mapping: { kind: 'address', inside: 0x01010101, outside: 0x02020202 }, origin: 'f:2' },
    ]);
    t.deepEqual(result, await outcome(text.replace(/mappings:( \[)?\n/, 'mappings:$1 # all\n')));
  });
}

test('slots are plain entries', async (t) => {
  const mappings = [7, 8].map((i) => ({ inside: '172.16.0.2', slot: `tap${i}`, outside: `203.0.113.${i}` }));
  const braces = mappings.map(
    ({ inside, slot, outside }) => `  - { inside: ${inside}, slot: ${slot}, outside: ${outside} }\n`,
  );
  const keys = mappings.map(
    ({ inside, slot, outside }) => `- inside: ${inside}\n  slot: "${slot}"\n  outside: ${outside}\n`,
  );
  for (const text of [
    HEAD + braces.join(''),
    HEAD + keys.join(''),
    JSON.stringify({ version: 1, mappings }),
  ]) {
    t.not(readBulk(text), undefined, text);
    const file = await parseMappingFile(text, 'f');
    t.deepEqual(
      file.mappings.map(({ mapping }) => formatMapping(mapping)),
      ['172.16.0.2%tap7=203.0.113.7', '172.16.0.2%tap8=203.0.113.8'],
    );
  }
});

test('100,000 mappings are read and checked', async (t) => {
  const entries = Array.from({ length: 100_000 }, (_, i) => ({
    inside: formatIpv4(0x0a000000 + i),
    outside: formatIpv4(0x64400000 + i),
  }));
  const block = entries.map(({ inside, outside }) => `  - { inside: ${inside}, outside: ${outside} }\n`);
  for (const text of [`${HEAD}${block.join('')}`, JSON.stringify({ version: 1, mappings: entries })]) {
    const file = await parseMappingFile(text, 'f');
    t.is(file.mappings.length, entries.length);
  }
  const twice = `${HEAD}${block.join('')}${block.slice(0, 3).join('')}`;
  const error = await t.throwsAsync(parseMappingFile(twice, 'f'), { instanceOf: MappingError });
  t.deepEqual(
    error.complaints.map(({ origins }) => origins),
    [0, 1, 2].map((i) => [`f:${100_003 + i}`, `f:${3 + i}`]),
  );
});
